/** The pictures of posterior, noise and draw: planes of two dimensions, else a column for each. */
import { noiseOf, type Posterior, sigmaOf } from "../math/reparam";
import type { Run } from "../bundle/run";
import { elementName, placeOf } from "../ui/axis";
import { t } from "../ui/language";
import { type Bar, Bars } from "./bars";
import { drawLatent, drawNoise, drawPosterior, Plane, REACH } from "./plane";

/** A picture, and whether it needs the whole width of a step. */
export interface Chart {
  readonly root: SVGElement;
  readonly wide: boolean;
}

export interface Shown {
  run: Run;
  q: Posterior;
  z: readonly number[];
  epsilon: readonly number[];
  draws: readonly number[][];
  /** Whether the prior is N(0, I). */
  standard: boolean;
  /** How far from 0 the images' latents reach in a plane. */
  reach: number;
  /** The dimensions that charts of many show, in their order. */
  chosen: readonly number[];
  kl: readonly number[] | null;
}

export class Charts {
  private readonly planes = { q: new Plane(), noise: new Plane(), z: new Plane() };
  private readonly bars = { q: new Bars(), noise: new Bars(), z: new Bars(), kl: new Bars() };
  private shown: Shown | null = null;

  /** `drag` gets the ε that a pointer draws. */
  constructor(private readonly drag: (epsilon: number[]) => void) {
    this.listen(this.planes.noise.root, (event) => this.planes.noise.under(event));
    this.listen(this.bars.noise.root, (event) => {
      const { index, value } = this.bars.noise.under(event);
      const epsilon = [...this.shown!.epsilon];
      epsilon[this.shown!.chosen[index]] = value;
      return epsilon;
    });
  }

  get q(): Chart {
    return this.kind.q;
  }

  get noise(): Chart {
    return this.kind.noise;
  }

  get z(): Chart {
    return this.kind.z;
  }

  /** null: of a plane, or where the KL of each dimension is not known. */
  get kl(): Chart | null {
    return !this.flat && this.shown?.kl ? this.bars.kl : null;
  }

  show(shown: Shown): void {
    this.shown = shown;
    if (this.flat) this.showPlanes(shown);
    else this.showBars(shown);
  }

  private get flat(): boolean {
    return this.shown?.q.mu.length === 2;
  }

  private get kind() {
    return this.flat ? this.planes : this.bars;
  }

  private showPlanes({ q, z, epsilon, draws, standard, reach }: Shown): void {
    const { planes } = this;
    drawPosterior(planes.q, q, standard, reach);
    planes.q.root.setAttribute("aria-label", t(q.logVar ? "mechOnMap" : "mechPointOnMap"));
    if (!q.logVar) return;
    drawNoise(planes.noise, epsilon, draws.map((one) => noiseOf(q, one)));
    planes.noise.root.setAttribute("aria-label", t("mechNoise"));
    drawLatent(planes.z, q, z, draws);
    planes.z.root.setAttribute("aria-label", t("mechDraw"));
  }

  private showBars({ run, q, z, epsilon, chosen, kl }: Shown): void {
    const { bars } = this;
    const sigma = sigmaOf(q);
    const point = q.logVar === null;
    const ends = chosen.flatMap((j) => [q.mu[j] - sigma[j], q.mu[j] + sigma[j]]);
    const low = Math.min(point ? 0 : -1, ...ends);
    const high = Math.max(point ? 0 : 1, ...ends);
    const label = (j: number): Pick<Bar, "name" | "lines"> => {
      const name = elementName(run, j);
      const place = placeOf(run, j);
      if (place) return { name, lines: [place.c, place.y, place.x].map(String) };
      return { name, lines: [chosen.length > 12 ? String(j + 1) : name] };
    };
    const heads = run.entry.latent.map ? ["c", "y", "x"] : [];
    const band = (j: number) => [q.mu[j] - sigma[j], q.mu[j] + sigma[j]] as const;
    const name = (chart: Bars, text: string) => chart.root.setAttribute("aria-label", text);
    const around = chosen.map((j) => ({
      ...label(j), band: point ? ([0, q.mu[j]] as const) : band(j), point: q.mu[j],
    }));
    bars.q.show(around, low, high, "dims-posterior", heads);
    name(bars.q, t(point ? "mechBarsPoint" : "mechBarsQ"));
    if (point) return;
    const noises = chosen.map((j) => ({
      ...label(j), band: [0, epsilon[j]] as const, point: epsilon[j],
    }));
    bars.noise.show(noises, -REACH, REACH, "dims-noise", heads);
    name(bars.noise, t("mechBarsEps"));
    const all = chosen.map((j) => z[j]);
    const drawn = chosen.map((j) => ({ ...label(j), band: band(j), point: z[j] }));
    bars.z.show(drawn, Math.min(low, ...all), Math.max(high, ...all), "dims-posterior", heads);
    name(bars.z, t("mechBarsZ"));
    if (!kl) return;
    const amounts = chosen.map((j) => ({ ...label(j), band: [0, kl[j]] as const, point: null }));
    bars.kl.show(amounts, 0, Math.max(1e-3, ...chosen.map((j) => kl[j])), "dims-kl", heads);
    name(bars.kl, t("mechBarsKl"));
  }

  private listen(root: SVGElement, epsilonUnder: (event: PointerEvent) => number[]): void {
    root.classList.add("draggable");
    const held = (e: number) => Math.max(-REACH, Math.min(REACH, e));
    const move = (event: PointerEvent) => this.drag(epsilonUnder(event).map(held));
    root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      root.setPointerCapture(event.pointerId);
      move(event);
    });
    root.addEventListener("pointermove", (event) => {
      if (root.hasPointerCapture(event.pointerId)) move(event);
    });
  }
}
