/** Random draws from the priors of the runs shown, below each other, with their classes counted. */
import { asProblem } from "../bundle/problem";
import { labelOf, type Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { nearest } from "../math/points";
import { paint, pictureOf, type Picture } from "../picture/picture";
import { button, el, image, oneTabStop, press } from "../ui/dom";
import { figure, inWords, priorWords, say, t, whole } from "../ui/language";
import { countBars, countColumns } from "./counts";
import { vector } from "./readout";

const SHOWN = 32;
const MOST_COLUMNS = 16; // beyond, names no longer fit below

export class SamplesPanel {
  readonly root = el("div", { class: "panel" });
  /** The latents of the samples shown, by run. */
  readonly latents = new Map<string, number[][]>();
  /** The judge's class of each, by run; null without a judge. */
  readonly classes = new Map<string, number[] | null>();
  private readonly chosen = new Map<string, number>();
  private readonly sheets = el("div", { class: "stack" });
  private readonly note = el("p", { class: "muted" });
  private seed = 1;
  private stale = true;

  /** `onMarks` is told of which run the marks on the map change. */
  constructor(
    private readonly explorer: Explorer,
    private readonly onMarks: (id: string) => void,
  ) {
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

  /** What the run's map shows of them. */
  marks(id: string): { latents: readonly number[][]; chosen: number } {
    return { latents: this.latents.get(id) ?? [], chosen: this.chosen.get(id) ?? -1 };
  }

  private sheet(run: Run): HTMLElement {
    const { title, prior } = run.entry;
    const label = t("sampleSheet", { count: SHOWN, title });
    const draws = el("div", { class: "draws", role: "group", "aria-label": label });
    oneTabStop(draws);
    const card = el("div", { class: "stack card" }, el("p", { class: "muted" }, t("chooseDraw")));
    const counted = el("div", { class: "counted" });
    const heading = el("h3", {}, t("samplesOf", { title, prior: priorWords(prior) }));
    const box = el("section", { class: "stack samples", "data-run": run.id }, heading, card, draws, counted);
    this.fill(run, draws, card, counted).catch((error: unknown) =>
      this.explorer.banner.show(asProblem(error, "engine")),
    );
    return box;
  }

  private async fill(run: Run, sheet: HTMLElement, card: HTMLElement, counted: HTMLElement): Promise<void> {
    const all = await run.draws();
    const random = randomNumbers(this.seed);
    // Of those that the nearest training images are known of.
    const n = run.entry.prior.nearest?.draws ?? all.length / run.d;
    const places = withoutReplacement(n, SHOWN, random);
    const latents = places.map((i) => Array.from(all.subarray(i * run.d, (i + 1) * run.d)));
    // The same draws again, in another theme, language or class: the choice stays.
    if (String(this.latents.get(run.id)) !== String(latents)) this.chosen.delete(run.id);
    this.latents.set(run.id, latents);
    this.classes.delete(run.id);
    this.onMarks(run.id);
    const images = await this.explorer.pool.decodeAll(run.entry, latents);
    // Without a judge that runs there are still pictures.
    const judged = await this.explorer.pool.first.classify(run.entry, images.slice()).catch((error: unknown) => {
      this.explorer.banner.show(asProblem(error, "engine"));
      return null;
    });
    if (this.latents.get(run.id) !== latents) return;
    this.classes.set(run.id, judged);
    const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
    const { classes } = run.entry;
    const nameOf = (i: number) => (judged ? (classes[judged[i]]?.name ?? "") : "");
    const choose = (i: number) => {
      this.chosen.set(run.id, i);
      buttons.forEach((other, k) => press(other, k === i));
      this.onMarks(run.id);
      const isChosen = () => this.latents.get(run.id) === latents && this.chosen.get(run.id) === i;
      this.cardOf(run, places[i], latents[i], pictures[i], nameOf(i))
        .then((parts) => isChosen() && card.replaceChildren(...parts))
        .catch((error: unknown) => this.explorer.banner.show(asProblem(error, "missing")));
    };
    const buttons = pictures.map((picture, i) => {
      const one = button("draw", () => {
        choose(i);
        this.explorer.moveTo(run, latents[i], { pinned: true });
      });
      const canvas = el("canvas", { "aria-hidden": "true" });
      paint(canvas, picture, this.explorer.look(run));
      one.append(canvas);
      const word = judged ? "drawOfClass" : "drawNumber";
      one.setAttribute("aria-label", t(word, { number: i + 1, name: nameOf(i) }));
      press(one, false);
      return one;
    });
    sheet.replaceChildren(...buttons);
    const chosen = this.chosen.get(run.id);
    if (chosen !== undefined) choose(chosen);
    if (classes.length === 0) return;
    const labels = judged ?? latents.map((z) => labelOf(run, nearest(run.mu, z).index));
    const counts = classes.map((_, k) => labels.filter((label) => label === k).length);
    const word = judged ? "judgeCounts" : "neighbourCounts";
    const words = el("p", { class: "muted" }, t(word, { count: latents.length }));
    const accuracy = judged ? (run.entry.judge?.accuracy ?? null) : null;
    if (accuracy !== null) words.append(" ", t("judgeAccuracy", { percent: figure(100 * accuracy, 1) }));
    const chart = classes.length > MOST_COLUMNS ? countBars : countColumns;
    counted.replaceChildren(words, chart(classes, counts));
  }

  /** A draw beside the training images nearest to it. */
  private async cardOf(
    run: Run, place: number, z: number[], picture: Picture, name: string,
  ): Promise<HTMLElement[]> {
    const found = await run.nearest();
    const look = this.explorer.look(run);
    const shown = (one: Picture | null, caption: string) => {
      const canvas = image("picture");
      canvas.setAttribute("aria-label", caption);
      paint(canvas, one, look);
      return el("figure", {}, canvas, el("figcaption", {}, caption));
    };
    const figures = [shown(picture, t("theDraw"))];
    if (found) {
      const near = await found.thumbnails.get(found.latent[place]);
      const distance = figure(found.latent_distance[place], 2);
      figures.push(shown(near, t("trainingByLatent", { distance })));
    }
    if (found?.pixels && found.pixel_distance) {
      const near = await found.thumbnails.get(found.pixels[place]);
      const distance = figure(found.pixel_distance[place], 3);
      figures.push(shown(near, t("trainingByPixels", { distance })));
    }
    const { nearest: entry } = run.entry.prior;
    const facts = [
      `z = ${vector(z)}`,
      ...(name ? [t("judgedAs", { name })] : []),
      ...(entry ? [t("trainingOf", { count: whole(entry.searched) })] : []),
    ];
    return [
      el("div", { class: "pictures three" }, ...figures),
      el("p", { class: "muted", role: "status" }, facts.join(" · ")),
    ];
  }
}

/** So many different places below n, or all of them. */
function withoutReplacement(n: number, count: number, random: () => number): number[] {
  const places = Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < Math.min(count, n); i++) {
    const k = i + Math.floor(random() * (n - i));
    [places[i], places[k]] = [places[k], places[i]];
  }
  return places.slice(0, count);
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
