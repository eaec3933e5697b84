/** One step on the way: a picture, a formula, a sentence, and its numbers. */
import { el } from "../ui/dom";
import { say, type Word } from "../ui/language";

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

  /** A square beside the words, or, of many dimensions, a chart below them. */
  picture(chart: SVGElement | null): void {
    const wide = chart?.classList.contains("dims") ?? false;
    this.frame.hidden = wide;
    this.root.classList.toggle("wide", wide);
    if (chart === null) this.frame.replaceChildren();
    else if (!wide && chart.parentNode !== this.frame) this.frame.replaceChildren(chart);
    this.wide(wide ? chart : null);
  }

  wide(chart: SVGElement | null): void {
    if (chart === null) this.broad.replaceChildren();
    else if (chart.parentNode !== this.broad) this.broad.replaceChildren(chart);
  }

  /** Says that the model does not have this step. */
  absent(absent: boolean): void {
    this.root.classList.toggle("absent", absent);
  }
}
