/** One run's map: its layers, its window, and what can be done to it; steer.ts listens. */
import { Problem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import type { State, View } from "../state/state";
import { el } from "../ui/dom";
import { inWords, t } from "../ui/language";
import { reducedMotion } from "../ui/theme";
import { between, crowd, home, panned, type Size, toPlane, toScreen, zoomed } from "./camera";
import { Cloud, diameter } from "./cloud";
import { drawn, type Paint, paintOf } from "./colours";
import { Lasso } from "./lasso";
import { Manifold } from "./manifold";
import { boxCorners, type Extras, marksOf, pointerMarksOf } from "./marks";
import { type DrawnName, drawOverlay } from "./overlay";
import { PointerLayer } from "./pointer";
import { Sprites } from "./sprites";

const LEAST_DOT = 2.5; // px
const HALO = 0.8; // px around a point, in the colour of the ground
/**
 * Where drawing the points takes longer than a frame (ms), as it does for tens of thousands without a
 * graphics card, their last picture is moved with the map until the map rests, or moves for long.
 */
const SLOW = 16;
const RESTS = 90;
const LONG = 20; // times what a drawing takes

type Canvas = "background" | "points" | "overlay";
type Layer = Canvas | "pointer" | "moved";

export class Pane {
  readonly root: HTMLElement;
  readonly manifold: Manifold;
  readonly lasso: Lasso;
  /** When the points were first on the screen, milliseconds after the page began. */
  pointsShown: number | null = null;
  /** Diameter of the points, CSS pixels. */
  pointSize = 1;
  /** The classes' names that had room. */
  names: DrawnName[] = [];
  private readonly layers: Record<Canvas, HTMLCanvasElement>;
  private readonly pointer = new PointerLayer();
  private readonly cloud: Cloud | null;
  private readonly dirty = new Set<Layer>();
  private size: Size = { width: 1, height: 1 };
  private paint: Paint | null = null;
  /** The images on the map, once they are asked for. */
  sprites: Sprites | null = null;
  private extras: Extras = { samples: { latents: [], chosen: -1 }, trail: [], logVar: null, studied: null };
  /** The points' last drawing: of which window, when, and how many milliseconds it took. */
  private last: { view: View; time: number; took: number } | null = null;
  private asking = 0;
  private resting = 0;
  private flight = 0;

  constructor(
    private readonly explorer: Explorer,
    readonly run: Run,
    onCatch: (polygon: [number, number][]) => void,
    private readonly onStop: (z: number[]) => void,
  ) {
    const canvas = () => el("canvas", { "aria-hidden": "true" });
    this.layers = { background: canvas(), points: canvas(), overlay: canvas() };
    this.root = el("div", { class: "map", tabindex: 0, role: "application", "data-run": run.id });
    this.root.append(this.layers.background, this.layers.points, this.layers.overlay, this.pointer.root);
    inWords(() => {
      this.root.setAttribute("aria-label", `${t("map", { title: run.entry.title })}. ${t("mapHelp")}`);
      this.redraw("overlay");
    });
    this.manifold = new Manifold(explorer, () => this.redraw("background"));
    this.lasso = new Lasso(onCatch);
    this.cloud = this.openCloud();
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
      const { background } = this.explorer.store.state;
      void this.manifold.ask(this.run, background, this.view, this.size);
      this.redraw("background");
    }, delay);
  }

  /** Takes over the points' places, colours and marks. */
  refresh(): void {
    this.paint = paintOf(this.explorer, this.run);
    this.cloud?.setPoints(this.explorer.places(this.run), this.paint.of);
    this.cloud?.setColours(this.paint.table, this.paint.behind);
    this.sprites?.refresh();
    this.markCaught();
    this.redraw("points", "overlay", "pointer");
  }

  private markCaught(): void {
    const { lasso, picked, run, pair, panel } = this.explorer.store.state;
    const main = this.explorer.main();
    const shared = this.run.id === run || (this.run.id === pair && this.explorer.linked());
    // Only where the selection is shown, so that no other tool works on points that are dimmed.
    const marked = shared && panel === "gallery";
    const inLasso = () => (lasso.length > 2 ? this.explorer.members(main, { lasso }) : null);
    this.cloud?.setCaught(!marked ? null : picked.length > 0 ? picked : inLasso());
  }

  private openCloud(): Cloud | null {
    try {
      return new Cloud();
    } catch {
      this.explorer.banner.show(new Problem("webgl"));
      return null;
    }
  }

  private listen(): void {
    const { store } = this.explorer;
    const recolour: (keyof State)[] = ["hidden", "filters", "colour", "dim", "lasso", "picked", "frame", "plane", "pair"];
    store.on(recolour, () => this.refresh());
    store.on(["panel"], ({ lasso, picked }) => {
      if (lasso.length + picked.length === 0) return;
      this.markCaught();
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
    if (layers.has("points") || (layers.has("moved") && !this.movePoints(view))) {
      this.drawPoints(view, ratio);
    }
    if (layers.has("overlay")) {
      const marks = marksOf(this.explorer, this.run, this.extras, this.lasso.line(this.here()));
      this.names = drawOverlay(plain("overlay"), view, size, palette, marks);
    }
    if (layers.has("pointer")) {
      this.pointer.show(view, size, pointerMarksOf(this.explorer, this.run, this.extras, this.names));
    }
  }

  /** Moves the points' last picture to where they are in this window; false: they are to be drawn. */
  private movePoints(view: View): boolean {
    const { last } = this;
    if (!last || last.took < SLOW || performance.now() - last.time > LONG * last.took) return false;
    const [dx, dy] = [last.view.x - view.x, view.y - last.view.y].map((d) => d * view.scale);
    const scale = view.scale / last.view.scale;
    this.layers.points.style.transform = `translate(${dx}px, ${dy}px) scale(${scale})`;
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.redraw("points"), RESTS);
    return true;
  }

  /** Milliseconds that the points' last drawing took. */
  get took(): number {
    return this.last?.took ?? 0;
  }

  private drawPoints(view: View, ratio: number): void {
    if (!this.cloud) return;
    const { size } = this;
    const began = performance.now();
    clearTimeout(this.resting);
    const pictures = this.explorer.store.state.points === "pictures";
    // Under pictures, the dots of those that have no room.
    this.pointSize = pictures ? LEAST_DOT : diameter(crowd(this.explorer.places(this.run), view, size));
    const ground = drawn(this.explorer.theme.palette.paper);
    const context = this.layers.points.getContext("2d")!;
    this.cloud.draw(context, view, size, { size: this.pointSize, halo: HALO, ground, ratio });
    if (pictures && this.paint) {
      this.sprites ??= new Sprites(this.explorer, this.run, () => this.redraw("points"));
      this.sprites.draw(context, view, size, this.paint, ratio);
    }
    this.layers.points.style.transform = "";
    const time = performance.now();
    this.last = { view, time, took: time - began };
    this.pointsShown ??= time;
  }
}
