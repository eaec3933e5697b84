/** Random draws from the priors of the runs shown, below each other, with their classes counted. */
import { asProblem } from "../bundle/problem";
import { labelOf, type Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { nearest } from "../math/points";
import { paintSheet, pictureOf } from "../picture/picture";
import { button, el, image } from "../ui/dom";
import { inWords, say, t, whole } from "../ui/language";
import { countBars, countColumns } from "./counts";

const SHOWN = 32;
const COLUMNS = 8;
const MOST_COLUMNS = 16; // beyond, names no longer fit below

export class SamplesPanel {
  readonly root = el("div", { class: "panel" });
  /** The latents of the samples shown, by run. */
  readonly latents = new Map<string, number[][]>();
  private readonly sheets = el("div", { class: "stack" });
  private readonly note = el("p", { class: "muted" });
  private seed = 1;
  private stale = true;

  constructor(private readonly explorer: Explorer) {
    const again = say(button("", () => {
      this.seed++;
      this.show();
    }), "again");
    const head = el("div", { class: "row between" }, say(el("p", { class: "muted" }), "sampleHint"), again);
    this.root.append(head, this.sheets, this.note);
    explorer.store.show(["run", "pair", "panel"], ({ panel }) => {
      if (panel === "samples") this.show();
    });
    const redo = () => {
      this.stale = true;
      if (explorer.store.state.panel === "samples") this.show();
    };
    explorer.store.on(["ofClass"], redo);
    explorer.theme.onChange(redo);
    inWords(redo);
  }

  private shownKey = "";

  private show(): void {
    const runs = this.explorer.shown();
    const key = `${this.seed} ${runs.map((run) => run.id).join()}`;
    if (key === this.shownKey && !this.stale) return;
    this.shownKey = key;
    this.stale = false;
    const linked = this.explorer.linked();
    this.note.textContent = runs.length > 1 ? t(linked ? "linked" : "unlinked") : "";
    this.sheets.replaceChildren(...runs.map((run) => this.sheet(run)));
  }

  private sheet(run: Run): HTMLElement {
    const { title, prior } = run.entry;
    const canvas = image("strip");
    canvas.setAttribute("aria-label", t("sampleSheet", { count: SHOWN, title }));
    const counted = el("div", { class: "counted" });
    const heading = el("h3", {}, t("samplesOf", { title, prior: prior.description }));
    const box = el("section", { class: "stack samples", "data-run": run.id }, heading, canvas, counted);
    this.fill(run, canvas, counted).catch((error: unknown) =>
      this.explorer.banner.show(asProblem(error, "engine")),
    );
    return box;
  }

  private async fill(run: Run, canvas: HTMLCanvasElement, counted: HTMLElement): Promise<void> {
    const draws = await run.draws();
    const random = randomNumbers(this.seed);
    const n = draws.length / run.d;
    const chosen = Array.from({ length: SHOWN }, () => Math.floor(random() * n));
    const latents = chosen.map((i) => Array.from(draws.subarray(i * run.d, (i + 1) * run.d)));
    this.latents.set(run.id, latents);
    const images = await this.explorer.pool.decodeAll(run.entry, latents);
    const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
    paintSheet(canvas, pictures, COLUMNS, this.explorer.look(run));
    const { classes, prior } = run.entry;
    if (classes.length === 0) return;
    const judged = prior.class_counts;
    const counts = judged ?? this.neighbourCounts(run, draws);
    const count = whole(counts.reduce((sum, n) => sum + n, 0));
    const word = judged ? "judgeCounts" : "neighbourCounts";
    const words = el("p", { class: "muted" }, t(word, { count }));
    const chart = classes.length > MOST_COLUMNS ? countBars : countColumns;
    counted.replaceChildren(words, chart(classes, counts));
  }

  /** Without a judge: the classes of the test images that the draws are nearest to. */
  private neighbourCounts(run: Run, draws: Float32Array): number[] {
    const counts = new Array<number>(run.entry.classes.length).fill(0);
    const n = Math.min(500, draws.length / run.d);
    for (let i = 0; i < n; i++) {
      const z = Array.from(draws.subarray(i * run.d, (i + 1) * run.d));
      const label = labelOf(run, nearest(run.mu, z).index);
      if (label !== null) counts[label]++;
    }
    return counts;
  }
}

/** Uniform numbers in [0, 1) from a seed (mulberry32): the same seed shows the same samples. */
function randomNumbers(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
