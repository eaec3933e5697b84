/** Classes or words with their colours and counts, each to be shown or not. */
import type { ClassEntry } from "../bundle/manifest";
import { safeColour } from "../map/colours";
import { button, el, press } from "../ui/dom";
import { inWordsOf, name, t, whole, type Word } from "../ui/language";

const FILTERED = 20; // entries, beyond which the legend has a search field

export interface Listed {
  entries: readonly ClassEntry[];
  /** How many points have each. */
  counts: readonly number[];
  off: readonly number[];
}

export class Legend {
  readonly root: HTMLElement;
  private listed: Listed = { entries: [], counts: [], off: [] };
  private readonly rows = el("div", { class: "legend", role: "group" });
  private readonly filter = el("input", { type: "search", class: "filter", autocomplete: "off" });

  /** `choose` is told which entries are off, and whether that leaves only one on purpose. */
  constructor(
    title: Word,
    search: Word,
    private readonly shown: Word,
    private readonly choose: (off: number[], only: boolean) => void,
  ) {
    name(this.rows, title, false);
    inWordsOf(this.filter, () => {
      this.filter.placeholder = t(search);
      this.filter.setAttribute("aria-label", t(search));
    });
    this.filter.addEventListener("input", () => this.showFound());
    this.root = el("div", { class: "stack" }, this.filter, this.rows);
  }

  list(listed: Listed): void {
    this.listed = listed;
    this.rows.replaceChildren(...listed.entries.map((entry, k) => this.row(entry, k)));
    this.filter.hidden = listed.entries.length <= FILTERED;
    this.showFound();
    this.showOff(listed.off);
  }

  showOff(off: readonly number[]): void {
    this.listed = { ...this.listed, off };
    const away = new Set(off);
    this.rows
      .querySelectorAll<HTMLElement>(".legend-class")
      .forEach((row, k) => press(row, !away.has(k)));
  }

  private row({ name: text, colour }: ClassEntry, k: number): HTMLElement {
    const row = button("legend-class", () => {
      const { off } = this.listed;
      this.choose(off.includes(k) ? off.filter((c) => c !== k) : [...off, k], false);
    });
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = safeColour(colour);
    const count = whole(this.listed.counts[k]);
    // The space keeps name and number apart for who compares what is seen with the label.
    row.append(swatch, el("span", { class: "legend-name" }, text), " ", el("span", { class: "muted count" }, count));
    row.setAttribute("aria-label", `${t(this.shown, { name: text })} ${count}`);
    const only = button("small ghost", () =>
      this.choose(this.listed.entries.map((_, c) => c).filter((c) => c !== k), true),
    );
    only.textContent = t("onlyShort");
    only.setAttribute("aria-label", t("onlyThis", { name: text }));
    return el("div", { class: "legend-row" }, row, only);
  }

  private showFound(): void {
    const wanted = this.filter.hidden ? "" : this.filter.value.trim().toLowerCase();
    this.rows.querySelectorAll<HTMLElement>(".legend-row").forEach((row, k) => {
      row.hidden = !this.listed.entries[k].name.toLowerCase().includes(wanted);
    });
  }
}

/** How many points have each of `length` values. */
export function countsOf(values: ArrayLike<number>, length: number): number[] {
  const counts = new Array<number>(length).fill(0);
  for (let i = 0; i < values.length; i++) if (values[i] < length) counts[values[i]]++;
  return counts;
}
