/** More than two dimensions: the map's axes, a slider for each other dimension, traversals. */
import { asProblem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import { Latest } from "../engine/latest";
import type { Explorer } from "../explorer";
import { type Ranked, ranked } from "../math/rank";
import { pictureOf } from "../picture/picture";
import type { FrameKind } from "../state/state";
import { axisName } from "../ui/axis";
import { el } from "../ui/dom";
import { figure, inWords, name, say, t } from "../ui/language";
import { withoutLassos } from "../state/state";
import { segmented } from "./look";
import { PositionsPanel } from "./positions";
import { type StripSaver, stripSaver } from "./save";
import { Strip } from "./strip";

const STEPS = 9;

export interface Dimension extends Ranked {
  low: number;
  high: number;
}

export class DimensionsPanel {
  readonly root = el("div", { class: "panel" });
  /** Of a run whose latents are maps. */
  readonly positions: PositionsPanel;
  private readonly plane = el("div", { class: "row" });
  private readonly sliders = el("div", { class: "stack" });
  private readonly order = el("p", { class: "muted" });
  private readonly strips = new Map<number, Strip>();
  /** Dimensions whose strips are on the screen, and the turn that each strip was decoded for. */
  private readonly visible = new Set<number>();
  private readonly painted = new Map<number, number>();
  private readonly watcher = new IntersectionObserver((entries) => this.watch(entries));
  private readonly inputs = new Map<number, HTMLInputElement>();
  private readonly traversals: Latest<number>;
  private turn = 0;
  /** The dimension whose strip is saved; "": all, a row each. */
  private readonly saved = el("select");
  private readonly saver: StripSaver;

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    this.traversals = new Latest(() => this.decode());
    this.positions = new PositionsPanel(explorer);
    this.saver = stripSaver(explorer, "traversal", STEPS,
      (count) => this.chosen().map((dimension) => this.along(dimension, count)),
      () => (this.saved.value === "" ? explorer.main().d : 1), this.saved);
    const kinds = { axes: "axes", principal: "principal" } as const;
    this.root.append(
      say(el("h3"), "planeAxes"),
      segmented<FrameKind>("planeAxes", kinds, store.state.frame,
        (frame) => store.set({ ...withoutLassos(store.state), frame, plane: null }),
        (show) => store.on(["frame"], (s) => show(s.frame))),
      this.plane, this.positions.root, say(el("h3"), "others"), this.order, this.sliders, this.saver.root);
    name(this.saved, "stripOf", false);
    this.saved.addEventListener("change", () => this.saver.describe());
    store.on(["run", "frame", "plane"], () => this.build());
    store.on(["z", "panel", "ofClass"], () => this.follow());
    explorer.theme.onChange(() => this.follow());
    inWords(() => this.build());
  }

  /** The run's dimensions, the heaviest first. */
  dimensions(run: Run): Dimension[] {
    const frame = this.explorer.frame(run);
    const ends = range(run, frame);
    return ranked(run, frame.kind).map((one) => ({ ...one, ...ends[one.index] }));
  }

  private build(): void {
    const { explorer } = this;
    const run = explorer.main();
    const frame = explorer.frame(run);
    const all = this.dimensions(run);
    const byKl = frame.kind === "axes" && run.entry.kl_per_dimension !== null;
    this.order.textContent =
      run.d > 2 ? t(byKl ? "byKl" : "byVariance") : t("none");
    this.plane.replaceChildren(
      this.axisChoice(all, "horizontal", frame.a, (a) => this.setPlane(a, a === frame.b ? frame.a : frame.b)),
      this.axisChoice(all, "vertical", frame.b, (b) => this.setPlane(b === frame.a ? frame.b : frame.a, b)),
    );
    this.plane.hidden = run.d < 3;
    this.saved.replaceChildren(el("option", { value: "" }, t("stripAll")),
      ...all.map(({ index }) => el("option", { value: index }, this.nameOf(index))));
    this.saver.describe();
    this.watcher.disconnect();
    for (const kept of [this.strips, this.inputs, this.visible, this.painted]) kept.clear();
    this.sliders.replaceChildren(...all.map((dimension) => this.slider(run, dimension, byKl)));
    for (const { root } of this.strips.values()) this.watcher.observe(root);
    this.follow();
  }

  private chosen(): Dimension[] {
    const { value } = this.saved;
    return this.dimensions(this.explorer.main()).filter(({ index }) => value === "" || index === Number(value));
  }

  /** Latents from one end of a dimension to the other, with the other coordinates of z. */
  private along(dimension: Dimension, count: number): number[][] {
    const run = this.explorer.main();
    const frame = this.explorer.frame(run);
    const c = frame.coordinates(this.explorer.z(run));
    return steps(dimension, count).map((value) => {
      c[dimension.index] = value;
      return frame.latent(c);
    });
  }

  private setPlane(a: number, b: number): void {
    const { store } = this.explorer;
    store.set({ ...withoutLassos(store.state), plane: [a, b] });
  }

  private axisChoice(
    all: Dimension[],
    word: "horizontal" | "vertical",
    chosen: number,
    choose: (index: number) => void,
  ): HTMLElement {
    const select = el("select");
    for (const { index, dead } of all) {
      const text = this.nameOf(index) + (dead ? ` (${t("dead")})` : "");
      select.append(el("option", { value: index, selected: index === chosen }, text));
    }
    select.addEventListener("change", () => choose(Number(select.value)));
    return el("label", { class: "field" }, el("span", {}, t(word)), select);
  }

  private nameOf(index: number): string {
    return axisName(this.explorer.main(), this.explorer.store.state.frame, index);
  }

  private slider(run: Run, dimension: Dimension, byKl: boolean): HTMLElement {
    const { index, low, high, weight, dead } = dimension;
    const frame = this.explorer.frame(run);
    const label = this.nameOf(index);
    const value = t(byKl ? "klOf" : "varianceOf", { value: figure(weight, 3) });
    const head = el("div", { class: "row between" }, el("strong", {}, label),
      el("span", { class: "muted" }, dead ? `${value} · ${t("dead")}` : value));
    // A traversal's image is a place to go to.
    const strip = new Strip(t("traversalOf", { name: label }), run.entry.image, steps(dimension),
      (value) => this.move(run, index, value));
    this.strips.set(index, strip);
    const box = el("div", { class: dead ? "dimension dead" : "dimension", "data-dimension": index }, head);
    if (index !== frame.a && index !== frame.b) {
      const input = el("input", {
        type: "range", min: low, max: high, step: (high - low) / 200 || 1, "aria-label": label,
      });
      input.addEventListener("input", () => this.move(run, index, Number(input.value)));
      this.inputs.set(index, input);
      box.append(input);
    }
    box.append(strip.root);
    return box;
  }

  private move(run: Run, index: number, value: number): void {
    const frame = this.explorer.frame(run);
    const c = frame.coordinates(this.explorer.z(run));
    c[index] = value;
    this.explorer.moveTo(run, frame.latent(c), { pinned: true });
  }

  private follow(): void {
    const { explorer } = this;
    if (explorer.store.state.panel !== "dimensions") return;
    const run = explorer.main();
    const c = explorer.frame(run).coordinates(explorer.z(run));
    for (const [index, input] of this.inputs) {
      if (document.activeElement !== input) input.value = String(c[index]);
    }
    this.traversals.push(++this.turn);
  }

  /** A latent that is a map has hundreds of dimensions: only strips that are seen are decoded. */
  private watch(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const index = Number((target.parentElement as HTMLElement).dataset["dimension"]);
      if (isIntersecting) this.visible.add(index);
      else this.visible.delete(index);
    }
    if (this.visible.size > 0) this.traversals.push(this.turn);
  }

  private async decode(): Promise<void> {
    const { explorer } = this;
    const run = explorer.main();
    const turn = this.turn;
    for (const dimension of this.dimensions(run)) {
      // A newer z makes this one's strips old.
      if (turn !== this.turn) return;
      const { index } = dimension;
      const strip = this.strips.get(index);
      if (!strip || !this.visible.has(index) || this.painted.get(index) === turn) continue;
      const latents = this.along(dimension, STEPS);
      try {
        const images = await explorer.pool.decodeAll(run.entry, latents);
        const pictures = latents.map((_, i) => pictureOf(images, i, run.entry.image));
        strip.paint(pictures, explorer.look(run));
        if (strip === this.strips.get(index)) this.painted.set(index, turn);
      } catch (error) {
        explorer.banner.show(asProblem(error, "engine"));
        return;
      }
    }
  }
}

/** The coordinates of a traversal's images. */
function steps({ low, high }: Dimension, count = STEPS): number[] {
  return Array.from({ length: count }, (_, k) => low + ((high - low) * k) / (count - 1));
}

/** Lowest and highest coordinate of the points along each dimension. */
function range(run: Run, frame: ReturnType<Explorer["frame"]>): { low: number; high: number }[] {
  const { low, high } = run.entry.points.mu;
  if (frame.kind === "axes") return low.map((l, i) => ({ low: l, high: high[i] }));
  // Principal coordinates are centred: three standard deviations to each side.
  return run.entry.principal.variances.map((v) => {
    const reach = Math.max(3 * Math.sqrt(v), 1e-6);
    return { low: -reach, high: reach };
  });
}
