/** What a variational autoencoder is: one image through the encoder, a draw, and the decoder. */
import type { Explorer } from "../explorer";
import { sigmaOf } from "../math/reparam";
import { button, el } from "../ui/dom";
import { inWords, say, t } from "../ui/language";
import { type Cost, inBrief } from "./cost";
import { Steps } from "./steps";
import { Study } from "./study";

const RESTS = 700; // ms without a change before it is said

type Marked = { index: number; draws: readonly number[][] } | null;

export class MechanismPanel {
  readonly root = el("div", { class: "panel mechanism" });
  readonly study: Study;
  private readonly steps: Steps;
  private readonly choice = el("div", { class: "row" });
  private readonly number = el("input", {
    type: "number", min: 0, step: 1, class: "filter", name: "image",
  });
  /** Why there is nothing to show. */
  private readonly why = el("p", { class: "muted" });
  /** Error and KL, in sight at every step. */
  private readonly brief = el("p", { class: "mech-brief", "aria-hidden": "true" });
  private readonly said = el("p", { class: "visually-hidden", role: "status" });
  private waiting = 0;
  private speaking = 0;
  private marked: Marked = null;

  /** `onMarked` gets the image and the draws whose places belong on the map. */
  constructor(
    private readonly explorer: Explorer,
    private readonly onMarked: (marked: Marked) => void,
  ) {
    const study = (this.study = new Study(explorer));
    this.steps = new Steps(explorer, study);
    this.choose();
    this.root.append(this.said, this.choice, this.why, this.steps.root, this.brief);
    study.onChange(() => this.ask());
    explorer.theme.onChange(() => this.ask());
    inWords(() => this.ask());
  }

  /** What the panel shows, as numbers. */
  values() {
    const { studied, outcome, draws, playing, epsilon, z } = this.study;
    if (!studied) return null;
    const { index, q, kl } = studied;
    return {
      index,
      mu: [...q.mu],
      sigma: q.logVar ? sigmaOf(q) : null,
      epsilon,
      z: [...z],
      kl: kl && kl.reduce((sum, v) => sum + v, 0),
      decoded: outcome && {
        z: [...outcome.z],
        distortion: outcome.distortion.value,
        mse: outcome.distortion.mse,
      },
      draws: draws.map((one) => [...one]),
      playing,
    };
  }

  /** By number, at random among the images that are shown, or the nearest to the point. */
  private choose(): void {
    const { explorer, study, number } = this;
    number.addEventListener("change", () => {
      const index = number.valueAsNumber;
      if (Number.isInteger(index) && index >= 0 && index < explorer.main().count) study.choose(index);
      number.value = String(explorer.store.state.image ?? "");
    });
    const random = () => {
      const shown = explorer.shownOf(explorer.main());
      study.choose(shown[Math.floor(Math.random() * shown.length)]);
    };
    const near = () => study.choose(explorer.near(explorer.main()).index);
    this.choice.append(
      el("label", { class: "mech-number" }, say(el("span"), "mechImage"), number),
      say(button("", random), "mechRandom"), say(button("", near), "mechNear"));
  }

  /** Shows it once, with the next frame, however much has changed. */
  private ask(): void {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.show());
  }

  private show(): void {
    const { study, explorer } = this;
    const { studied } = study;
    this.mark();
    if (!study.shown) return;
    const { entry, count } = explorer.main();
    const other = study.form === "other";
    const why = other ? t("mechOther", { name: entry.posterior.name }) : study.unreadable ? t("mechUnreadable") : "";
    this.why.textContent = why;
    this.why.hidden = why === "";
    this.choice.hidden = other;
    this.steps.root.hidden = this.brief.hidden = why !== "" || !studied;
    this.number.max = String(count - 1);
    if (document.activeElement !== this.number) {
      this.number.value = String(explorer.store.state.image ?? "");
    }
    const cost = studied && this.steps.show(studied);
    if (!cost) return;
    this.brief.textContent = inBrief(cost);
    this.speak(cost);
  }

  /** Says error and KL to who does not see them, once they rest. */
  private speak({ error, kl }: Cost): void {
    clearTimeout(this.speaking);
    if (this.study.playing) return;
    this.speaking = window.setTimeout(() => {
      this.said.textContent = t("mechSaid", { error, kl: kl ?? "–" });
    }, RESTS);
  }

  /** Posterior and draws on the map; drawn anew only where they have changed. */
  private mark(): void {
    const { shown, studied, draws } = this.study;
    const next = shown && studied ? { index: studied.index, draws } : null;
    if (next?.index === this.marked?.index && next?.draws === this.marked?.draws) return;
    this.marked = next;
    this.onMarked(next);
  }
}
