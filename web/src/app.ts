/** The page: header, maps, readouts, tools. */
import type { ClassEntry, RunEntry } from "./bundle/manifest";
import { asProblem } from "./bundle/problem";
import type { Run } from "./bundle/run";
import type { Explorer } from "./explorer";
import { figureMenu } from "./figure/menu";
import { checkGolden } from "./golden";
import { Pane } from "./map/pane";
import { steer } from "./map/steer";
import { MechanismPanel } from "./mechanism/panel";
import { DimensionsPanel } from "./panels/dimensions";
import { DirectionPanel } from "./panels/direction";
import { DrawPanel } from "./panels/draw";
import { FilterPanel } from "./panels/filter";
import { GalleryPanel } from "./panels/gallery";
import { lookPanel } from "./panels/look";
import { PathPanel } from "./panels/path";
import { Readout } from "./panels/readout";
import { SamplesPanel } from "./panels/samples";
import { INITIAL, type State } from "./state/state";
import { Tour } from "./tour/tour";
import { el } from "./ui/dom";
import { header } from "./ui/header";
import { name, say, t } from "./ui/language";
import { announce, liveRegion } from "./ui/live";
import { mapScale } from "./ui/scale";
import { Tabs } from "./ui/tabs";
import { mapButtons, toolButtons } from "./ui/tools";

export class App {
  readonly root = el("div", { class: "page" });
  readonly panes = new Map<string, Pane>();
  readonly path: PathPanel;
  readonly gallery: GalleryPanel;
  readonly draw: DrawPanel;
  readonly samples: SamplesPanel;
  readonly dimensions: DimensionsPanel;
  readonly direction: DirectionPanel;
  readonly mechanism: MechanismPanel;
  readonly tour = new Tour(this.root);
  /** The largest difference to PyTorch's images of each run that was checked. */
  readonly golden = new Map<string, number>();
  private readonly maps = el("div", { class: "maps" });
  private readonly readouts = el("div", { class: "readouts" });
  private readonly boxes = new Map<string, HTMLElement>();
  private readonly read = new Map<string, Readout>();
  /** What a run's tools held when another was shown, by its id. */
  private readonly left = new Map<string, Partial<State>>();
  private turn = 0;

  constructor(private readonly explorer: Explorer) {
    const { store } = explorer;
    this.path = new PathPanel(explorer);
    this.gallery = new GalleryPanel(explorer);
    this.draw = new DrawPanel(explorer, (latents) => {
      this.panes.get(store.state.run)?.setTrail(latents);
    });
    this.samples = new SamplesPanel(explorer, (id) => this.panes.get(id)?.setSamples(this.samples.marks(id)));
    this.dimensions = new DimensionsPanel(explorer);
    this.direction = new DirectionPanel(explorer);
    this.mechanism = new MechanismPanel(explorer, (studied) => {
      for (const [id, pane] of this.panes) pane.setStudied(id === store.state.run ? studied : null);
    });
    const tabs = new Tabs(store, {
      look: lookPanel(explorer),
      mechanism: this.mechanism.root,
      filter: new FilterPanel(explorer, () => {
        this.gallery.gather("shown");
        store.set({ panel: "gallery" });
      }).root,
      draw: this.draw.root,
      path: this.path.root,
      gallery: this.gallery.root,
      samples: this.samples.root,
      dimensions: this.dimensions.root,
      direction: this.direction.root,
    });
    const stage = el("main", { class: "stage", id: "stage" }, toolButtons(store), this.maps);
    const side = name(el("aside", { class: "side" }, this.readouts, tabs.root), "tabs", false);
    this.root.append(
      say(el("a", { class: "skip", href: "#stage" }), "skip"),
      this.tour.root,
      header(explorer, (id) => void this.showRun(id), (id) => void this.showPair(id), this.tour.opener),
      stage,
      side,
      liveRegion(explorer),
    );
    this.root.querySelector(".skip")!.addEventListener("click", (event) => {
      event.preventDefault(); // the fragment holds the state
      this.maps.querySelector<HTMLElement>(".map")?.focus();
    });
    store.show(["panel"], ({ panel }) => (this.readouts.hidden = panel === "mechanism"));
    store.on(["run", "pair"], () => this.arrange());
    this.arrange();
    this.mechanism.study.follow();
  }

  /** Shows another run as it was left; its path, selection and groups are none of the run before. */
  async showRun(id: string): Promise<void> {
    const { store } = this.explorer;
    const next = await this.latest(id);
    if (!next) return;
    const { pair, run, frame, plane } = store.state;
    this.left.set(run, ofRun(store.state));
    const sameSize = next.d === this.explorer.main().d;
    const fresh = { ...ofRun(INITIAL), frame, plane: sameSize ? plane : INITIAL.plane };
    store.set({
      ...(this.left.get(id) ?? fresh),
      ...meaningIn(next.entry, this.explorer.main().entry, store.state),
      run: id,
      pair: pair === id ? run : pair,
      tool: "move",
    });
  }

  /** Shows a second run beside the first; "" takes it away. */
  async showPair(id: string): Promise<void> {
    if (!(await this.latest(id)) && id !== "") return;
    const { store } = this.explorer;
    store.set({ pair: id, ...(id ? { panel: "samples" as const } : {}) });
    if (id) this.explorer.moveTo(this.explorer.main(), this.explorer.z(this.explorer.main()));
  }

  /** The second run as the address says it: its point stays where it was. */
  async restorePair(id: string): Promise<void> {
    if (await this.tryLoad(id)) this.explorer.store.set({ pair: id });
  }

  /** Once the first image is there, asks whether this browser computes what PyTorch did. */
  async check(run: Run): Promise<void> {
    if (this.golden.has(run.id)) return;
    this.golden.set(run.id, NaN);
    try {
      this.golden.set(run.id, await checkGolden(this.explorer, run));
      await this.explorer.pool.warm(run.entry);
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "engine"));
    }
  }

  /** The run, unless another was asked for while it was read; "" is none. */
  private async latest(id: string): Promise<Run | null> {
    const turn = ++this.turn;
    this.root.setAttribute("aria-busy", "true");
    const run = id === "" ? null : await this.tryLoad(id);
    if (turn !== this.turn) return null;
    this.root.removeAttribute("aria-busy");
    return run;
  }

  private async tryLoad(id: string): Promise<Run | null> {
    try {
      const run = await this.explorer.load(id);
      void this.explorer.readColumns(run);
      void this.check(run);
      return run;
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "missing"));
      return null;
    }
  }

  private arrange(): void {
    const runs = this.explorer.shown();
    this.root.classList.toggle("pair", runs.length > 1);
    this.maps.replaceChildren(...runs.map((run) => this.box(run)));
    this.readouts.replaceChildren(...runs.map((run) => this.readout(run).root));
    for (const run of runs) this.panes.get(run.id)!.refresh();
    this.explorer.decodeShown();
  }

  private box(run: Run): HTMLElement {
    let box = this.boxes.get(run.id);
    if (!box) {
      const { store } = this.explorer;
      const pane = new Pane(
        this.explorer,
        run,
        (polygon) => {
          if (run.id !== store.state.run) return;
          store.set({ lasso: thinned(polygon), picked: [], panel: "gallery" });
          announce(t("caught", { count: this.gallery.caught.length }));
        },
        (z) => run.id === store.state.run && this.path.add(z),
      );
      steer(pane, store);
      this.panes.set(run.id, pane);
      pane.setSamples(this.samples.marks(run.id));
      const figure = figureMenu(this.explorer, pane);
      box = el("div", { class: "map-box" }, pane.root, mapButtons(pane, figure.opener), figure.box,
        mapScale(this.explorer, run),
        el("span", { class: "map-title" }, run.entry.title));
      this.boxes.set(run.id, box);
    }
    return box;
  }

  private readout(run: Run): Readout {
    let readout = this.read.get(run.id);
    if (!readout) this.read.set(run.id, (readout = new Readout(this.explorer, run)));
    return readout;
  }
}

/** What belongs to the latents of the run that is shown, and not to those of another. */
function ofRun(state: State): Partial<State> {
  const { path, t, lasso, picked, groupA, groupB, base, amount, frame, plane } = state;
  return { path, t, lasso, picked, groupA, groupB, base, amount, frame, plane };
}

/** Hidden classes and words, which are places in lists, where the next run has the same lists. */
function meaningIn(next: RunEntry, last: RunEntry, { hidden, filters }: State): Partial<State> {
  const same = (a: readonly ClassEntry[], b: readonly ClassEntry[]) =>
    a.length === b.length && a.every(({ name }, k) => name === b[k].name);
  const words = ({ points }: RunEntry, name: string) =>
    points.columns.find((column) => column.name === name)?.levels ?? [];
  const kept = Object.entries(filters).filter(
    ([name, filter]) => !("without" in filter) || same(words(next, name), words(last, name)),
  );
  return {
    hidden: same(next.classes, last.classes) ? hidden : [],
    filters: Object.fromEntries(kept),
  };
}

/** At most 60 corners: the lasso stands in the address bar. */
function thinned(polygon: [number, number][]): [number, number][] {
  const step = Math.max(1, Math.ceil(polygon.length / 60));
  return polygon.filter((_, i) => i % step === 0);
}
