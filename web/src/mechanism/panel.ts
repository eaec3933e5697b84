/** What a variational autoencoder is: one image through the encoder, a draw, and the decoder. */
import type { Explorer } from "../explorer";
import { sigmaOf } from "../math/reparam";
import { ranked } from "../math/rank";
import { paint } from "../picture/picture";
import { button, el, image } from "../ui/dom";
import { figure, inWords, say, t } from "../ui/language";
import { Charts } from "./charts";
import { type Cost, costLines, costsOf, difference, inBrief } from "./cost";
import { noiseSliders } from "./sliders";
import { Step } from "./step";
import { isStandard, Study, type Studied } from "./study";

const MOST = 24; // dimensions in a chart
const RESTS = 700; // ms without a change before it is said

type Marked = { index: number; draws: readonly number[][] } | null;

export class MechanismPanel {
  readonly root = el("div", { class: "panel mechanism" });
  readonly study: Study;
  private readonly choice = el("div", { class: "row" });
  private readonly number = el("input", { type: "number", min: 0, step: 1, class: "filter" });
  private readonly steps = el("ol", { class: "steps" });
  /** Error and KL, in sight at every step. */
  private readonly brief = el("p", { class: "mech-brief", "aria-hidden": "true" });
  private readonly said = el("p", { class: "visually-hidden", role: "status" });
  private readonly why = el("p", { class: "muted" });
  private readonly again: HTMLButtonElement;
  private readonly play: HTMLButtonElement;
  private readonly x = image("picture");
  private readonly out = image("picture");
  private readonly apart = image("picture");
  private readonly step = {
    x: new Step("mechX", "x", this.x),
    q: new Step("mechQ", "μ, σ = encoder(x)"),
    noise: new Step("mechEps", "ε ~ N(0, I)"),
    z: new Step("mechZ", "z = μ + σ ⊙ ε"),
    out: new Step("mechOut", "x̂ = decoder(z)", this.out),
    cost: new Step("mechCost", "", this.apart),
  };
  private readonly charts: Charts;
  private readonly sliders: ReturnType<typeof noiseSliders>;
  private waiting = 0;
  private marked: Marked = null;
  private speaking = 0;

  constructor(
    private readonly explorer: Explorer,
    private readonly onStudied: (marked: Marked) => void,
  ) {
    const study = (this.study = new Study(explorer));
    this.charts = new Charts((epsilon) => study.setNoise(epsilon));
    this.sliders = noiseSliders((epsilon) => study.setNoise(epsilon));
    this.again = say(button("", () => study.draw()), "again");
    this.play = button("", () => (study.playing ? study.pause() : study.play()));
    const random = () => {
      const shown = explorer.shownOf(explorer.main());
      study.choose(shown[Math.floor(Math.random() * shown.length)]);
    };
    const near = () => study.choose(explorer.near(explorer.main()).index);
    this.number.addEventListener("change", () => {
      const index = this.number.valueAsNumber;
      if (Number.isInteger(index) && index >= 0 && index < explorer.main().count) study.choose(index);
      this.number.value = String(explorer.store.state.image ?? "");
    });
    this.choice.append(
      el("label", { class: "mech-number" }, say(el("span"), "mechImage"), this.number),
      say(button("", random), "mechRandom"), say(button("", near), "mechNear"));
    this.root.append(
      this.said,
      this.choice,
      this.why, this.steps, this.brief);
    const { noise } = this.step;
    noise.below.append(this.sliders.root, el("div", { class: "row" }, this.again, this.play));
    this.steps.append(...Object.values(this.step).map((step) => step.root));
    study.onChange(() => this.ask());
    explorer.theme.onChange(() => this.ask());
    inWords(() => this.ask());
    explorer.store.on(["run"], () => (this.number.max = String(explorer.main().count - 1)));
    this.number.max = String(explorer.main().count - 1);
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
      kl: kl && total(kl),
      decoded: outcome && {
        z: [...outcome.z],
        distortion: outcome.distortion.value,
        mse: outcome.distortion.mse,
      },
      draws: draws.map((one) => [...one]),
      playing,
    };
  }

  /** Shows it once, with the next frame, however much has changed. */
  private ask(): void {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.show());
  }

  private show(): void {
    const { study, explorer } = this;
    const { studied } = study;
    const run = explorer.main();
    const other = study.form === "other";
    this.mark();
    if (!study.shown) return;
    const why = other
      ? t("mechOther", { name: run.entry.posterior.name })
      : study.unreadable ? t("mechUnreadable") : "";
    this.why.textContent = why;
    this.why.hidden = why === "";
    this.choice.hidden = other;
    this.steps.hidden = this.brief.hidden = why !== "" || !studied;
    this.play.textContent = t(study.playing ? "pause" : "play");
    this.number.value = String(explorer.store.state.image ?? "");
    if (studied) this.showSteps(studied);
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
    this.onStudied(next);
  }

  private showSteps(studied: Studied): void {
    const { step, study, explorer } = this;
    const { run, q } = studied;
    const { z, epsilon, outcome, draws } = study;
    const point = q.logVar === null;
    const look = explorer.look(run);
    const label = explorer.className(run, studied.index);
    const conditional = run.entry.encoder.labels !== null && label !== null;
    paint(this.x, studied.picture, look);
    this.x.setAttribute("aria-label", t(label === null ? "nearestIs" : "nearestClass", { index: studied.index, name: label ?? "" }));
    step.x.says(t(conditional ? "mechXClass" : "mechXSays", { name: label ?? "" }));
    step.x.numbers(this.x.getAttribute("aria-label")!);

    const chosen = ranked(run, "axes").slice(0, MOST).map(({ index }) => index);
    const { low, high } = run.entry.points.mu;
    const reach = Math.max(...low.map(Math.abs), ...high.map(Math.abs));
    const some = run.d > MOST ? [t("mechSome", { count: MOST, all: run.d })] : [];
    this.charts.show({ q, z, epsilon, draws, standard: isStandard(run), reach, chosen, kl: studied.kl });
    step.q.formula(point ? "z = encoder(x)" : "μ, σ = encoder(x)");
    step.q.picture(this.charts.q);
    step.q.says(t(point ? "mechPoint" : "mechQSays"));
    const sigma = sigmaOf(q);
    step.q.numbers(...(point ? [`z = ${row(q.mu)}`] : [`μ = ${row(q.mu)}`, `σ = ${row(sigma)}`]), ...some);

    step.noise.absent(point);
    step.noise.formula(point ? "ε" : "ε ~ N(0, I)");
    step.noise.picture(point ? null : this.charts.noise);
    step.noise.says(t(point ? "mechNoEps" : "mechEpsSays"));
    step.noise.numbers(...(point ? [] : [`ε = ${row(epsilon)}`]));
    step.noise.below.hidden = point;
    this.sliders.show(epsilon, chosen);

    step.z.root.hidden = point;
    step.z.picture(this.charts.z);
    const far = epsilon.some((e) => Math.abs(e) > 4);
    step.z.says(t(far ? "mechFar" : "mechZSays"));
    const sums = chosen.slice(0, 2).sort((a, b) => a - b).map((j) =>
      `${t("axis", { i: j + 1 })} = ${figure(q.mu[j])} + ${figure(sigma[j])} × ${signed(epsilon[j])} = ${figure(z[j])}`);
    step.z.numbers(...sums);

    const ofClass = run.entry.classes[explorer.store.state.ofClass]?.name;
    const told = run.entry.decoder.labels !== null && ofClass !== undefined;
    step.out.says(t(told ? "mechOutClass" : "mechOutSays", { name: ofClass ?? "" }));
    const moved = point && z.some((v, j) => Math.abs(v - q.mu[j]) > 1e-4 * (1 + Math.abs(v)));
    step.out.numbers(...(moved ? [t("mechHand"), `z = ${row(z)}`] : []));
    this.out.setAttribute("aria-label", t("reconstruction"));
    this.apart.setAttribute("aria-label", t("mechDifference"));
    if (!outcome) return;
    paint(this.out, outcome.picture, look);
    paint(this.apart, difference(studied, outcome), { ...look, ink: true });
    step.cost.says(t(point ? "mechCostAe" : "mechCostSays"));
    const cost = costsOf(studied, outcome);
    step.cost.fill([costLines(studied, cost, study.tally)]);
    this.brief.textContent = inBrief(cost);
    this.speak(cost);
    if (studied.kl && run.d !== 2) step.cost.wide(this.charts.kl);
    else step.cost.wide(null);
  }
}

const total = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0);
const signed = (value: number) => (value < 0 ? `(${figure(value)})` : figure(value));

/** The first few numbers of a latent. */
function row(values: readonly number[]): string {
  const few = values.slice(0, 4).map((v) => figure(v)).join(", ");
  return values.length > 4 ? `(${few}, …)` : `(${few})`;
}
