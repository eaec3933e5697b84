/** Colours of the day and of the night, for the stylesheet and for what is drawn on canvases. */
import type { Store } from "../state/store";

export interface Palette {
  dark: boolean;
  paper: string;
  ink: string;
  muted: string;
  line: string;
  accent: string;
  second: string;
}

const system = matchMedia("(prefers-color-scheme: dark)");

/** Keeps the page's theme as the state and the system say. */
export class ThemeKeeper {
  private readonly listeners: (() => void)[] = [];
  palette!: Palette;

  constructor(private readonly store: Store) {
    const apply = () => this.apply();
    system.addEventListener("change", apply);
    store.show(["theme"], apply);
  }

  /** Runs after each change; the palette is then the new one. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  private apply(): void {
    const { theme } = this.store.state;
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    this.palette = {
      dark,
      paper: colour("map"),
      ink: colour("ink"),
      muted: colour("muted"),
      line: colour("line"),
      accent: colour("accent"),
      second: colour("second"),
    };
    for (const listener of this.listeners) listener();
  }
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
