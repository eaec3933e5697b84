/** A column's histogram with a range to drag over it, and the same by two sliders. */
import { type Column, extentOf, type Filter } from "../bundle/columns";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { ticks } from "../map/camera";
import { scaleColour } from "../map/colours";
import { el } from "../ui/dom";
import { t } from "../ui/language";
import { columnName, compact } from "./columns";

const BINS = 60;
const STEPS = 240; // of a slider
const [WIDTH, HEIGHT] = [720, 120]; // of the canvas
const CLICK = 4; // px that a click may wander

export class Histogram {
  readonly root: HTMLElement;
  private readonly canvas = el("canvas", { class: "bins", "aria-hidden": "true", width: WIDTH, height: HEIGHT });
  private readonly sliders: [HTMLInputElement, HTMLInputElement];
  private readonly bins: Uint8Array;

  constructor(
    private readonly explorer: Explorer,
    private readonly run: Run,
    readonly column: Column,
  ) {
    const { low, high } = extentOf(column);
    const width = high > low ? high - low : 1;
    // One more bin for points without a value, which is not drawn.
    this.bins = Uint8Array.from(column.values, (v) =>
      Number.isNaN(v) ? BINS : Math.min(BINS - 1, Math.max(0, Math.floor(((v - low) / width) * BINS))),
    );
    const slider = (word: "atLeast" | "atMost", value: number) => {
      const made = el("input", { type: "range", min: 0, max: STEPS, step: 1, value });
      made.setAttribute("aria-label", t(word, { name: columnName(column.name) }));
      made.addEventListener("input", () => this.slid(made));
      return made;
    };
    this.sliders = [slider("atLeast", 0), slider("atMost", STEPS)];
    this.root = el("div", { class: "histogram" },
      this.canvas, el("div", { class: "range" }, ...this.sliders), axisOf(column));
    this.listen();
    this.show();
  }

  show(): void {
    const { explorer, run } = this;
    const [from, to] = this.range();
    [from, to].forEach((at, k) => {
      this.sliders[k].value = String(at);
      const open = at === (k === 0 ? 0 : STEPS);
      this.sliders[k].setAttribute("aria-valuetext", open ? t("noEnd") : compact(this.value(at)));
    });
    const among = explorer.among(run);
    const [all, kept] = [new Array<number>(BINS + 1).fill(0), new Array<number>(BINS + 1).fill(0)];
    for (let i = 0; i < this.bins.length; i++) {
      all[this.bins[i]]++;
      if (!among || among[i]) kept[this.bins[i]]++;
    }
    const { palette } = explorer.theme;
    const context = this.canvas.getContext("2d")!;
    context.clearRect(0, 0, WIDTH, HEIGHT);
    const x = (at: number) => (at / STEPS) * WIDTH;
    if (this.filtered()) {
      context.fillStyle = palette.line;
      context.globalAlpha = 0.6;
      context.fillRect(x(from), 0, Math.max(2, x(to) - x(from)), HEIGHT);
      context.globalAlpha = 1;
    }
    const most = Math.max(1, ...all.slice(0, BINS));
    const coloured = explorer.colouring(run) === this.column;
    const bar = WIDTH / BINS;
    const draw = (counts: readonly number[], k: number, colour: string) => {
      if (counts[k] === 0) return;
      const height = Math.max(2, ((HEIGHT - 2) * counts[k]) / most);
      context.fillStyle = colour;
      context.fillRect(k * bar + 1, HEIGHT - height, bar - 2, height);
    };
    for (let k = 0; k < BINS; k++) {
      context.globalAlpha = 0.3;
      draw(all, k, palette.muted);
      context.globalAlpha = 1;
      const own = `rgb(${scaleColour((k + 0.5) / BINS, palette.dark).join(" ")})`;
      draw(kept, k, coloured ? own : palette.accent);
    }
  }

  private get filter(): Filter | undefined {
    return this.explorer.store.state.filters[this.column.name];
  }

  private filtered(): boolean {
    return this.filter !== undefined;
  }

  /** The filter's ends as the sliders have them. */
  private range(): [number, number] {
    const { filter } = this;
    if (!filter || "without" in filter) return [0, STEPS];
    const { low, high } = extentOf(this.column);
    const at = (end: number) => Math.round(((end - low) / (high > low ? high - low : 1)) * STEPS);
    const within = (end: number | null, open: number) =>
      end === null ? open : Math.min(STEPS, Math.max(0, at(end)));
    return [within(filter.low, 0), within(filter.high, STEPS)];
  }

  private value(at: number): number {
    const { low, high } = extentOf(this.column);
    return low + ((high - low) * at) / STEPS;
  }

  /** Keeps what lies between two places of the sliders; at its end a slider leaves the range open. */
  private keep(from: number, to: number): void {
    const low = from <= 0 ? null : this.value(from);
    const high = to >= STEPS ? null : this.value(to);
    this.explorer.filter(this.column.name, low === null && high === null ? null : { low, high });
  }

  private slid(moved: HTMLInputElement): void {
    const [from, to] = this.sliders.map((slider) => Number(slider.value));
    if (moved === this.sliders[0]) this.keep(Math.min(from, to), to);
    else this.keep(from, Math.max(from, to));
  }

  /** A drag sets the range, or moves it where it begins inside; a click lets go. */
  private listen(): void {
    let began: { at: number; x: number; range: [number, number] | null } | null = null;
    const place = (event: PointerEvent) => {
      const box = this.canvas.getBoundingClientRect();
      return Math.round(((event.clientX - box.left) / box.width) * STEPS);
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      this.canvas.setPointerCapture(event.pointerId);
      const at = place(event);
      const [from, to] = this.range();
      const inside = this.filtered() && at > from && at < to;
      began = { at, x: event.clientX, range: inside ? [from, to] : null };
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!began || Math.abs(event.clientX - began.x) < CLICK) return;
      const at = place(event);
      if (!began.range) return this.keep(Math.min(began.at, at), Math.max(began.at, at));
      const [from, to] = began.range;
      const by = Math.min(STEPS - to, Math.max(-from, at - began.at));
      this.keep(from + by, to + by);
    });
    const end = (event: PointerEvent) => {
      if (began && Math.abs(event.clientX - began.x) < CLICK) this.explorer.filter(this.column.name, null);
      began = null;
    };
    this.canvas.addEventListener("pointerup", end);
    this.canvas.addEventListener("pointercancel", () => (began = null));
  }
}

/** A number under a column's scale: its place from 0 to 1, and which end it is of. */
export interface ScaleMark {
  share: number;
  text: string;
  end: "first" | "" | "last";
}

/** The ends, with ≤ and ≥ where there are more values beyond, and what has room between them. */
export function scaleMarks(column: Column): ScaleMark[] {
  const { low, high, below, above } = extentOf(column);
  if (high <= low) return [{ share: 0.5, text: compact(low), end: "first" }];
  const between = ticks(low, high, 3)
    .map((value) => ({ share: (value - low) / (high - low), text: compact(value), end: "" as const }))
    .filter(({ share }) => share > 0.24 && share < 0.76);
  return [
    { share: 0, text: `${below ? "≤ " : ""}${compact(low)}`, end: "first" },
    ...between,
    { share: 1, text: `${above ? "≥ " : ""}${compact(high)}`, end: "last" },
  ];
}

export function axisOf(column: Column): HTMLElement {
  const axis = el("div", { class: "scale-axis", "aria-hidden": "true" });
  for (const { share, text, end } of scaleMarks(column)) {
    const mark = el("span", { class: end }, text);
    mark.style.left = `${100 * share}%`;
    axis.append(mark);
  }
  return axis;
}
