/** One step on the way: a picture, a formula, a sentence, and its numbers. */
import { el } from "../ui/dom";
import { say, type Word } from "../ui/language";
import type { Chart } from "./charts";

export class Step {
  readonly root = el("li", { class: "step" });
  /** What can be done at this step. */
  readonly below = el("div", { class: "step-below" });
  private readonly frame = el("div", { class: "step-picture" });
  private readonly maths = el("span", { class: "formula" });
  private readonly sentence = el("p", { class: "step-says" });
  private readonly lines = el("div", { class: "step-numbers" });
  private readonly broad = el("div", { class: "step-wide" });

  constructor(title: Word, formula: string, picture?: HTMLElement) {
    const head = el("h2", {}, say(el("span"), title), " ", this.maths);
    this.formula(formula);
    this.root.append(this.frame,
      el("div", { class: "step-text" }, head, this.sentence, this.lines), this.broad, this.below);
    if (picture) this.frame.append(picture);
  }

  formula(text: string): void {
    this.maths.textContent = text;
  }

  says(text: string): void {
    this.sentence.textContent = text;
  }

  numbers(...lines: string[]): void {
    this.fill(lines.map((line) => el("p", {}, line)));
  }

  fill(lines: HTMLElement[]): void {
    this.lines.replaceChildren(...lines);
  }

  /** Beside the words, or, where it is wide, below them. */
  picture(chart: Chart | null): void {
    const wide = chart?.wide ?? false;
    this.frame.hidden = wide;
    this.root.classList.toggle("wide", wide);
    if (!wide) hold(this.frame, chart);
    this.wide(wide ? chart : null);
  }

  wide(chart: Chart | null): void {
    hold(this.broad, chart);
  }

  /** Says that the model does not have this step. */
  absent(absent: boolean): void {
    this.root.classList.toggle("absent", absent);
  }
}

/** Puts the chart in its place, unless it is there: a pointer that drags in it keeps it. */
function hold(place: HTMLElement, chart: Chart | null): void {
  if (chart === null) place.replaceChildren();
  else if (chart.root.parentNode !== place) place.replaceChildren(chart.root);
}
