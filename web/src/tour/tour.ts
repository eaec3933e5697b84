/** The tour: a card in the corner, step by step, and a line around what it speaks of. */
import { button, el } from "../ui/dom";
import { inWords, name, say, t } from "../ui/language";
import { announce } from "../ui/live";
import { reducedMotion } from "../ui/theme";
import { placeOf, STEPS, type TourStep } from "./steps";
import { rememberVisit } from "./visit";

export class Tour {
  /** A dialog that is not modal: the page around it can be used. */
  readonly root = el("section", {
    class: "tour", role: "dialog", "aria-labelledby": "tour-title", "aria-describedby": "tour-text",
    tabindex: -1, hidden: true,
  });
  /** Starts it again, and has the focus after it. */
  readonly opener = name(button("ghost icon-only", () => this.start(true)), "tourStart");
  private readonly title = el("h2", { id: "tour-title" });
  private readonly text = el("p", { id: "tour-text" });
  private readonly count = el("span", { class: "muted count" });
  private readonly back = say(button("", () => this.show(this.at - 1)), "tourBack");
  private readonly next = button("primary", () => this.goOn());
  private steps: readonly TourStep[] = [];
  private at = 0;
  private place: HTMLElement | null = null;

  constructor(private readonly page: HTMLElement) {
    this.opener.dataset["action"] = "tour";
    this.opener.append("?");
    const skip = say(button("ghost tour-skip", () => this.end()), "tourSkip");
    this.root.append(
      el("div", {}, this.title, this.text),
      el("div", { class: "row between" }, this.count, el("div", { class: "row" }, skip, this.back, this.next)));
    this.root.addEventListener("keydown", ({ key, altKey, ctrlKey, metaKey }) => {
      if (altKey || ctrlKey || metaKey) return; // the browser's own, such as Back
      if (key === "ArrowRight" && this.at < this.steps.length - 1) this.show(this.at + 1);
      if (key === "ArrowLeft" && this.at > 0) this.show(this.at - 1);
    });
    // Before the map, where Escape would clear the selection.
    window.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.root.hidden) return;
      event.stopPropagation();
      event.preventDefault();
      this.end();
    }, { capture: true });
    inWords(() => this.root.hidden || this.write());
  }

  /** `asked`: by its button. By itself it takes no focus away from what is used. */
  start(asked: boolean): void {
    this.steps = STEPS.filter((step) => placeOf(step, this.page));
    this.root.hidden = false;
    const takesFocus = asked || document.activeElement === document.body;
    this.show(0, !takesFocus); // else it is said with the dialog's name
    if (takesFocus) this.root.focus({ preventScroll: true });
  }

  private goOn(): void {
    if (this.at < this.steps.length - 1) this.show(this.at + 1);
    else this.end();
  }

  /** `aloud`: what it says is announced, for who has the focus elsewhere, as on the button. */
  private show(at: number, aloud = true): void {
    this.at = at;
    this.mark(placeOf(this.steps[at], this.page));
    const first = at === 0;
    if (first && document.activeElement === this.back) this.next.focus();
    this.back.disabled = first;
    this.write();
    if (aloud) announce(`${this.title.textContent}. ${this.text.textContent}`);
    // The card covers the window's lower end: what it speaks of comes above it.
    document.documentElement.style.scrollPadding = `12px 0 ${this.root.offsetHeight + 24}px`;
    this.place?.scrollIntoView({ block: "nearest", behavior: reducedMotion() ? "auto" : "smooth" });
  }

  private write(): void {
    const { title, text } = this.steps[this.at];
    const last = this.at === this.steps.length - 1;
    this.title.textContent = t(title);
    this.text.textContent = t(text);
    this.count.textContent = t("tourCount", { at: this.at + 1, of: this.steps.length });
    this.next.textContent = t(last ? "tourDone" : "tourNext");
  }

  private mark(place: HTMLElement | null): void {
    this.place?.classList.remove("toured");
    place?.classList.add("toured");
    this.place = place;
  }

  /** However it ends, it does not start by itself again. */
  private end(): void {
    const had = this.root.contains(document.activeElement);
    this.mark(null);
    this.root.hidden = true;
    document.documentElement.style.scrollPadding = "";
    rememberVisit();
    if (had) this.opener.focus({ preventScroll: true });
  }
}
