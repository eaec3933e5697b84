/** The steps, below each other: each a picture, a formula, a sentence, and its numbers. */
import type { Explorer } from "../explorer";
import { sigmaOf } from "../math/reparam";
import { paint } from "../picture/picture";
import { elementName } from "../ui/axis";
import { button, el, image } from "../ui/dom";
import { figure, say, t } from "../ui/language";
import { Charts } from "./charts";
import { type Cost, costLines, costsOf, difference } from "./cost";
import { noiseSliders } from "./sliders";
import { Step } from "./step";
import type { Study, Studied } from "./study";

const FAR = 4; // of |ε|: one draw of 16,000 falls there

export class Steps {
  readonly root = el("ol", { class: "steps" });
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
  private readonly play: HTMLButtonElement;

  constructor(
    private readonly explorer: Explorer,
    private readonly study: Study,
  ) {
    this.charts = new Charts((epsilon) => study.setNoise(epsilon));
    this.sliders = noiseSliders((epsilon) => study.setNoise(epsilon));
    const again = say(button("", () => study.draw()), "again");
    this.play = button("", () => (study.playing ? study.pause() : study.play()));
    this.step.noise.below.append(this.sliders.root, el("div", { class: "row" }, again, this.play));
    this.root.append(...Object.values(this.step).map((step) => step.root));
  }

  /** Shows all steps; what they cost, once the image of z is decoded. */
  show(studied: Studied): Cost | null {
    const { run, q, standard, kl, chosen } = studied;
    const { z, epsilon, draws } = this.study;
    const { low, high } = run.entry.points.mu;
    const reach = Math.max(...low.map(Math.abs), ...high.map(Math.abs));
    this.charts.show({ run, q, z, epsilon, draws, standard, reach, chosen, kl });
    this.showImage(studied);
    this.showPosterior(studied);
    this.showNoise(studied);
    this.showLatent(studied);
    this.showDecoded(studied);
    return this.showCost(studied);
  }

  private showImage({ run, index, picture }: Studied): void {
    const { explorer, step, x } = this;
    const name = explorer.className(run, index);
    const title = t(name === null ? "nearestIs" : "nearestClass", { index, name: name ?? "" });
    const conditional = run.entry.encoder.labels !== null && name !== null;
    paint(x, picture, explorer.look(run));
    x.setAttribute("aria-label", title);
    step.x.says(t(conditional ? "mechXClass" : "mechXSays", { name: name ?? "" }));
    step.x.numbers(title);
  }

  private showPosterior({ run, q, chosen }: Studied): void {
    const { q: step } = this.step;
    const point = q.logVar === null;
    step.formula(point ? "z = encoder(x)" : "μ, σ = encoder(x)");
    step.picture(this.charts.q);
    step.says(t(point ? "mechPoint" : "mechQSays"));
    const lines = point ? [`z = ${row(q.mu)}`] : [`μ = ${row(q.mu)}`, `σ = ${row(sigmaOf(q))}`];
    if (chosen.length < run.d) lines.push(t("mechSome", { count: chosen.length, all: run.d }));
    step.numbers(...lines);
  }

  private showNoise({ run, q, chosen }: Studied): void {
    const { noise: step } = this.step;
    const { epsilon, playing } = this.study;
    const point = q.logVar === null;
    step.absent(point);
    step.formula(point ? "ε" : "ε ~ N(0, I)");
    step.picture(point ? null : this.charts.noise);
    step.says(t(point ? "mechNoEps" : "mechEpsSays"));
    step.numbers(...(point ? [] : [`ε = ${row(epsilon)}`]));
    step.below.hidden = point;
    this.sliders.show(run, epsilon, chosen);
    this.play.textContent = t(playing ? "pause" : "play");
  }

  private showLatent({ run, q, chosen }: Studied): void {
    const { z: step } = this.step;
    const { epsilon, z } = this.study;
    step.root.hidden = q.logVar === null;
    if (q.logVar === null) return;
    step.picture(this.charts.z);
    step.says(t(epsilon.some((e) => Math.abs(e) > FAR) ? "mechFar" : "mechZSays"));
    const sigma = sigmaOf(q);
    const two = chosen.slice(0, 2).sort((a, b) => a - b);
    step.numbers(...two.map((j) => {
      const noise = epsilon[j] < 0 ? `(${figure(epsilon[j])})` : figure(epsilon[j]);
      return `${elementName(run, j)} = ${figure(q.mu[j])} + ${figure(sigma[j])} × ${noise} = ${figure(z[j])}`;
    }));
  }

  private showDecoded({ run, q }: Studied): void {
    const { explorer, study, out } = this;
    const { z, outcome } = study;
    const ofClass = run.entry.classes[explorer.store.state.ofClass]?.name;
    const told = run.entry.decoder.labels !== null && ofClass !== undefined;
    this.step.out.says(t(told ? "mechOutClass" : "mechOutSays", { name: ofClass ?? "" }));
    const away = (v: number, j: number) => Math.abs(v - q.mu[j]) > 1e-4 * (1 + Math.abs(v));
    const moved = q.logVar === null && z.some(away);
    this.step.out.numbers(...(moved ? [t("mechHand"), `z = ${row(z)}`] : []));
    out.setAttribute("aria-label", t("reconstruction"));
    if (outcome) paint(out, outcome.picture, explorer.look(run));
  }

  private showCost(studied: Studied): Cost | null {
    const { outcome, tally } = this.study;
    const { cost: step } = this.step;
    this.apart.setAttribute("aria-label", t("mechDifference"));
    if (!outcome) return null;
    const cost = costsOf(studied, outcome);
    const look = { ink: true, dark: this.explorer.theme.palette.dark };
    paint(this.apart, difference(studied, outcome), look);
    step.says(t(studied.q.logVar ? "mechCostSays" : "mechCostAe"));
    step.fill([costLines(cost, tally)]);
    step.wide(this.charts.kl);
    return cost;
  }
}

/** The first few numbers of a latent. */
function row(values: readonly number[]): string {
  const few = values.slice(0, 4).map((v) => figure(v)).join(", ");
  return values.length > 4 ? `(${few}, …)` : `(${few})`;
}
