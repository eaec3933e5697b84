/** A row of pictures along a dimension, of which one is taken: by a click, or by arrow keys and Enter. */
import { paintSheet, type Look, type Picture } from "../picture/picture";
import { el } from "../ui/dom";
import { figure, t } from "../ui/language";

const KEYS: Record<string, (at: number, last: number) => number> = {
  ArrowLeft: (at) => at - 1,
  ArrowDown: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  ArrowUp: (at) => at + 1,
  Home: () => 0,
  End: (_, last) => last,
};

export class Strip {
  private readonly canvas = el("canvas", { class: "strip", width: 1, height: 1 });
  /** Where the keys are; the canvas itself holds nothing but pictures. */
  private readonly frame = el("span", { class: "strip-frame", "aria-hidden": "true" });
  readonly root: HTMLElement;
  private at: number;

  /** One picture of this shape for each of `values`; `take` is called with the one that is taken. */
  constructor(
    label: string,
    { width, height }: { width: number; height: number },
    private readonly values: readonly number[],
    take: (value: number) => void,
  ) {
    const last = values.length - 1;
    this.at = Math.floor(last / 2);
    this.root = el("div", {
      class: "strip-box", tabindex: 0, role: "slider", "aria-label": label,
      "aria-valuemin": 1, "aria-valuemax": values.length,
    }, this.canvas, this.frame);
    // Also before there are pictures: what is below does not move when they come.
    this.canvas.style.aspectRatio = `${values.length * width} / ${height}`;
    this.frame.style.width = `${100 / values.length}%`;
    this.canvas.addEventListener("click", (event) => {
      this.mark(Math.floor((event.offsetX / this.canvas.clientWidth) * values.length));
      take(values[this.at]);
    });
    this.root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = KEYS[event.key];
      if (step) this.mark(step(this.at, last));
      else if (event.key === "Enter") take(values[this.at]);
      else return;
      event.preventDefault();
    });
    this.mark(this.at);
  }

  paint(pictures: Picture[], look: Look): void {
    paintSheet(this.canvas, pictures, this.values.length, look);
  }

  private mark(at: number): void {
    const last = this.values.length - 1;
    this.at = Math.max(0, Math.min(last, at));
    this.frame.style.left = `${(100 * this.at) / this.values.length}%`;
    this.root.setAttribute("aria-valuenow", String(this.at + 1));
    this.root.setAttribute("aria-valuetext", t("stripValue", { value: figure(this.values[this.at], 2) }));
  }
}
