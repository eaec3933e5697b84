/** One run's map: its layers, its window, and what can be done to it; steer.ts listens. */
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import type { State, View } from "../state/state";
import { el } from "../ui/dom";
import { inWords, t } from "../ui/language";
import { type Palette, reducedMotion } from "../ui/theme";
import { drawAxes } from "./axes";
import { between, home, panned, type Size, toPlane, toScreen, zoomed } from "./camera";
import { Dots } from "./dots";
import { Lasso } from "./lasso";
import { Manifold } from "./manifold";
import { boxCorners, type Extras, marksOf, pointerMarksOf } from "./marks";
import { type DrawnName, drawMarks, type Marks } from "./overlay";
import { PointerLayer, type PointerMarks } from "./pointer";

type Canvas = "background" | "points" | "overlay";
type Layer = Canvas | "pointer" | "moved";

export class Pane {
  readonly root: HTMLElement;
  readonly manifold: Manifold;
  readonly lasso: Lasso;
  readonly dots: Dots;
  /** The classes' names that had room. */
  names: DrawnName[] = [];
  private readonly layers: Record<Canvas, HTMLCanvasElement>;
  private readonly pointer = new PointerLayer();
  private readonly dirty = new Set<Layer>();
  size: Size = { width: 1, height: 1 };
  private extras: Extras = { samples: { latents: [], chosen: -1 }, trail: [], logVar: null, studied: null };
  private asking = 0;
  private flight = 0;

  constructor(
    private readonly explorer: Explorer,
    readonly run: Run,
    onCatch: (polygon: [number, number][]) => void,
    private readonly onStop: (z: number[]) => void,
  ) {
    const canvas = () => el("canvas", { "aria-hidden": "true" });
    this.dots = new Dots(explorer, run, () => this.redraw("points"));
    this.layers = { background: canvas(), points: this.dots.canvas, overlay: canvas() };
    this.root = el("div", { class: "map", tabindex: 0, role: "application", "data-run": run.id });
    this.root.append(this.layers.background, this.layers.points, this.layers.overlay, this.pointer.root);
    inWords(() => {
      this.root.setAttribute("aria-label", `${t("map", { title: run.entry.title })}. ${t("mapHelp")}`);
      this.redraw("overlay");
    });
    this.manifold = new Manifold(explorer, () => this.redraw("background"));
    this.lasso = new Lasso(onCatch);
    void run.logVar().then((logVar) => {
      this.extras.logVar = logVar;
      this.redraw("pointer");
    }, () => undefined);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  get view(): View {
    const kept = this.explorer.store.state.view[this.run.id];
    return kept ?? this.home();
  }

  /** The window that holds the points and the prior's box. */
  private home(): View {
    const { explorer, run } = this;
    return home(explorer.places(run), this.size, boxCorners(explorer, run));
  }

  /** Where a latent is on the page, in CSS pixels. */
  client(z: readonly number[]): [number, number] {
    const box = this.root.getBoundingClientRect();
    const [x, y] = toScreen(this.view, this.size, ...this.explorer.frame(this.run).place(z));
    return [box.left + x, box.top + y];
  }

  /** Where the run's z is, CSS pixels from the map's corner. */
  cursor(): [number, number] {
    return toScreen(this.view, this.size, ...this.here());
  }

  setTrail(latents: number[][]): void {
    this.extras.trail = latents;
    this.redraw("overlay");
  }

  /** Marks draws from the prior while the samples are shown. */
  setSamples(samples: Extras["samples"]): void {
    this.extras.samples = samples;
    this.redraw("overlay");
  }

  /** Marks an image's posterior and draws from it; null: the nearest image's again. */
  setStudied(studied: Extras["studied"]): void {
    this.extras.studied = studied;
    this.redraw("overlay", "pointer");
  }

  /** The window changed, or what it shows. */
  setView(view: View | null): void {
    const { state } = this.explorer.store;
    this.explorer.store.set({ view: { ...state.view, [this.run.id]: view } });
  }

  zoom(factor: number): void {
    this.zoomAt(factor, this.size.width / 2, this.size.height / 2);
  }

  flyHome(): void {
    const from = this.view;
    const to = this.home();
    const began = performance.now();
    const flight = ++this.flight;
    const length = reducedMotion() ? 0 : 350;
    const step = () => {
      if (flight !== this.flight) return;
      const t = length ? Math.min(1, (performance.now() - began) / length) : 1;
      this.setView(t < 1 ? between(from, to, t) : null);
      if (t < 1) requestAnimationFrame(step);
    };
    step();
  }

  /** Draws these layers with the next frame. */
  redraw(...layers: Layer[]): void {
    if (this.dirty.size === 0) requestAnimationFrame(() => this.draw());
    for (const layer of layers) this.dirty.add(layer);
  }

  /** Asks for the background of the window once the window rests. */
  askBackground(delay = 90): void {
    clearTimeout(this.asking);
    this.asking = window.setTimeout(() => {
      void this.background();
      this.redraw("background");
    }, delay);
  }

  /** Takes over the points' places, colours and marks. */
  refresh(): void {
    this.dots.refresh();
    this.redraw("points", "overlay", "pointer");
  }

  private listen(): void {
    const { store } = this.explorer;
    const recolour: (keyof State)[] = ["hidden", "filters", "colour", "dim", "lasso", "picked", "frame", "plane", "pair"];
    store.on(recolour, () => this.refresh());
    store.on(["panel"], ({ lasso, picked }) => {
      if (lasso.length + picked.length === 0) return;
      this.dots.markCaught();
      this.redraw("points");
    });
    store.on(["points"], () => this.redraw("points"));
    store.on(["view"], () => {
      this.redraw("moved", "overlay", "background", "pointer");
      this.askBackground();
    });
    store.on(["z", "pinned", "posterior", "names"], () => this.redraw("pointer"));
    store.on(["z"], () => this.lasso.keyed > 0 && this.redraw("overlay"));
    store.on(["tool", "frame", "plane"], () => this.lasso.drop());
    store.on(["names", "path", "interpolation", "t", "panel", "tool"], () =>
      this.redraw("overlay"),
    );
    // They are part of the window that holds everything.
    store.on(["rings"], () => {
      this.redraw("points", "overlay", "background", "pointer");
      this.askBackground();
    });
    store.on(["background", "frame", "plane"], () => {
      this.askBackground(0);
      this.redraw("points");
    });
    // With more than two dimensions the background depends on the others, too.
    if (this.run.d > 2) store.on(["z"], () => this.askBackground());
    const afresh = () => {
      this.manifold.forget();
      this.refresh();
      this.askBackground(0);
    };
    store.on(["ofClass"], afresh);
    this.explorer.theme.onChange(afresh);
  }

  /** Decodes what lies at a place of the map, CSS pixels from its corner. */
  go(x: number, y: number, pinned?: boolean): void {
    const { explorer, run } = this;
    const z = explorer.frame(run).at(...this.place(x, y), explorer.z(run));
    // A raw move and the frame's move say the same place.
    if (pinned === undefined && explorer.z(run).every((v, i) => v === z[i])) return;
    explorer.moveTo(run, z, pinned === undefined ? {} : { pinned });
  }

  pan(dx: number, dy: number): void {
    this.setView(panned(this.view, dx, dy));
  }

  zoomAt(factor: number, x: number, y: number): void {
    this.setView(zoomed(this.view, this.size, factor, x, y));
  }

  /** Adds the point of now to the path. */
  addStop(): void {
    this.onStop([...this.explorer.z(this.run)]);
  }

  /** A part of the lasso's line; its end catches what lies inside. */
  stroke(x: number, y: number, part: "start" | "move" | "end"): void {
    this.lasso.stroke(this.place(x, y), part);
    this.redraw("overlay");
  }

  /** What lies over the points now, in these colours. */
  marks(palette: Palette): Marks {
    return marksOf(this.explorer, this.run, this.extras, this.lasso.line(this.here()), palette);
  }

  pointerMarks(palette: Palette): PointerMarks {
    return pointerMarksOf(this.explorer, this.run, this.extras, this.names, palette);
  }

  /** Decodes what the background of this window lacks. */
  async background(): Promise<void> {
    clearTimeout(this.asking);
    await this.manifold.ask(this.run, this.explorer.store.state.background, this.view, this.size);
  }

  /** Where the run's z lies on the plane. */
  here(): [number, number] {
    return this.explorer.frame(this.run).place(this.explorer.z(this.run));
  }

  private place(x: number, y: number): [number, number] {
    return toPlane(this.view, this.size, x, y);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (width === 0 || height === 0) return;
    this.size = { width, height };
    const ratio = window.devicePixelRatio;
    for (const canvas of Object.values(this.layers)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.refresh();
    this.draw();
    this.askBackground();
  }

  private draw(): void {
    const { view, size } = this;
    const { state } = this.explorer.store;
    const { palette } = this.explorer.theme;
    const ratio = window.devicePixelRatio;
    const layers = new Set(this.dirty);
    this.dirty.clear();
    const plain = (layer: Canvas) => {
      const context = this.layers[layer].getContext("2d")!;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      return context;
    };
    if (layers.has("background")) {
      this.manifold.paint(plain("background"), view, size, state.background);
    }
    if (layers.has("points")) this.dots.draw(view, size, ratio);
    else if (layers.has("moved")) this.dots.move(view, size, ratio);
    if (layers.has("overlay")) {
      const marks = this.marks(palette);
      const context = plain("overlay");
      context.clearRect(0, 0, size.width, size.height);
      drawAxes(context, view, size, palette, marks.axes);
      this.names = drawMarks(context, view, size, palette, marks);
    }
    if (layers.has("pointer")) {
      this.pointer.show(view, size, this.pointerMarks(palette));
    }
  }
}
