/** One image on its way through the encoder, a draw, and the decoder: what is known at each step. */
import { labelOf, type Run } from "../bundle/run";
import { asProblem } from "../bundle/problem";
import type { Explorer } from "../explorer";
import { klToStandard, latentOf, noise, noiseOf, type Posterior } from "../math/reparam";
import { ranked } from "../math/rank";
import { asInput } from "../picture/file";
import type { Picture } from "../picture/picture";
import { type Distortion, distortionOf } from "./distortion";

/** An image and what the encoder says of it. */
export interface Studied {
  run: Run;
  index: number;
  picture: Picture;
  input: Float32Array<ArrayBuffer>;
  q: Posterior;
  /** Whether the prior is N(0, I). */
  standard: boolean;
  /** KL to that prior of each dimension, in nats; null without a posterior, or with another prior. */
  kl: number[] | null;
  /** The dimensions that charts of many show: those that matter most, first. */
  chosen: number[];
}

/** The decoded image of one z. */
export interface Outcome {
  z: readonly number[];
  image: Float32Array;
  picture: Picture;
  distortion: Distortion;
}

const MOST = 24; // dimensions in a chart
const KEPT = 200; // draws that stay on the map
const BEAT = 700; // ms from one draw to the next while it plays

export class Study {
  studied: Studied | null = null;
  outcome: Outcome | null = null;
  /** Latents drawn of this image, oldest first. */
  draws: number[][] = [];
  /** Number of draws that were decoded, and the sum of their distortions. */
  tally = { count: 0, sum: 0 };
  /** The image has no picture that can be read back. */
  unreadable = false;
  private drawn: readonly number[] | null = null;
  private wanted = "";
  /** Whether the address names image and z: the first ones are shown as they were. */
  private named: boolean;
  private timer = 0;
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    const { image, pinned } = store.state;
    this.named = this.shown && image !== null && pinned;
    store.on(["panel", "run", "image"], () => this.follow());
    // A mean is of one class's images.
    store.on(["ofClass"], () => (this.tally = { count: 0, sum: 0 }));
    // Filters are set anew once columns are read, which may hold the KL.
    store.on(["z", "ofClass", "filters"], () => this.studied && this.tell());
    explorer.onDecoded((id) => this.decoded(id));
    document.addEventListener("visibilitychange", () => document.hidden && this.pause());
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  get shown(): boolean {
    return this.explorer.store.state.panel === "mechanism";
  }

  /** Whether the run has a posterior with a σ, is a plain autoencoder, or neither. */
  get form(): "normal" | "point" | "other" {
    return this.explorer.main().entry.posterior.form;
  }

  get z(): readonly number[] {
    return this.explorer.z(this.explorer.main());
  }

  get epsilon(): number[] {
    return this.studied ? noiseOf(this.studied.q, this.z) : [];
  }

  get playing(): boolean {
    return this.timer !== 0;
  }

  choose(image: number): void {
    this.explorer.store.set({ image });
  }

  draw(): void {
    if (!this.studied) return;
    const { q, run } = this.studied;
    const point = q.logVar === null;
    this.moveTo(point ? q.mu : latentOf(q, noise(run.d)));
    if (point) return;
    this.drawn = this.z;
    this.draws = [...this.draws.slice(1 - KEPT), [...this.z]];
    this.tell();
  }

  /** z follows from another ε. */
  setNoise(epsilon: readonly number[]): void {
    if (this.studied) this.moveTo(latentOf(this.studied.q, epsilon));
  }

  play(): void {
    if (this.playing || !this.studied?.q.logVar) return;
    this.timer = window.setInterval(() => {
      // A slow network sets the pace.
      if (this.outcome?.z === this.z) this.draw();
    }, BEAT);
    this.draw();
  }

  pause(): void {
    if (!this.playing) return;
    clearInterval(this.timer);
    this.timer = 0;
    this.tell();
  }

  /** Begins with what the state names, which an address may have said. */
  follow(): void {
    const { explorer } = this;
    const run = explorer.main();
    const { image } = explorer.store.state;
    if (!this.shown || this.form !== "normal") this.pause();
    if (!this.shown || this.form === "other") {
      this.wanted = "";
      this.forget();
      return;
    }
    if (image === null || image >= run.count) {
      this.choose(explorer.near(run).index);
      return;
    }
    const wanted = `${run.id} ${image}`;
    if (wanted === this.wanted) return;
    const keep = this.named;
    this.named = false;
    this.wanted = wanted;
    this.forget();
    this.encode(run, image, wanted, keep).catch((error: unknown) =>
      explorer.banner.show(asProblem(error, "engine")),
    );
  }

  private async encode(run: Run, index: number, wanted: string, keep: boolean): Promise<void> {
    const { explorer } = this;
    const { entry } = run;
    const picture = await run.thumbnails.get(index);
    const label = labelOf(run, index) ?? undefined;
    const readable = picture?.channels === entry.image.channels;
    if (this.wanted !== wanted) return;
    this.unreadable = !readable;
    if (!picture || !readable) return this.tell();
    const input = asInput(picture, entry.image);
    const [q] = await explorer.pool.first.encode(entry, input, label);
    if (this.wanted !== wanted) return;
    const standard = isStandard(run);
    const kl = entry.posterior.form === "normal" && standard ? klToStandard(q) : null;
    const chosen = ranked(run, "axes").slice(0, MOST).map((one) => one.index);
    this.studied = { run, index, picture, input, q, standard, kl, chosen };
    // The decoder is told what the encoder was; another class can be chosen after.
    if (label !== undefined && entry.decoder.labels !== null && !keep) {
      explorer.store.set({ ofClass: label });
    }
    if (keep) this.decoded(run.id);
    else this.draw();
    this.tell();
  }

  private forget(): void {
    this.studied = this.outcome = this.drawn = null;
    this.unreadable = false;
    this.draws = [];
    this.tally = { count: 0, sum: 0 };
    this.tell();
  }

  private decoded(id: string): void {
    const { studied, explorer } = this;
    const newest = explorer.decoded.get(id);
    if (!studied || studied.run.id !== id || !newest) return;
    const { z, ofClass, image, picture } = newest;
    const distortion = distortionOf(studied.input, image, studied.run.entry.likelihood);
    this.outcome = { z, image, picture, distortion };
    const current = z === this.drawn && ofClass === explorer.store.state.ofClass;
    if (current && distortion.value !== null) {
      this.tally = { count: this.tally.count + 1, sum: this.tally.sum + distortion.value };
      this.drawn = null;
    }
    this.tell();
  }

  private moveTo(z: readonly number[]): void {
    this.explorer.moveTo(this.explorer.main(), z, { pinned: true });
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

function isStandard({ entry }: Run): boolean {
  const { form, mean, covariance } = entry.prior;
  return (
    form === "normal" &&
    mean.every((m) => m === 0) &&
    covariance.every((row, i) => row.every((v, j) => v === (i === j ? 1 : 0)))
  );
}
