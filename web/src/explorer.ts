/** The loaded runs and what follows from the state: frames, places, the nearest image, decodings. */
import { type Column, type Filter, keeps } from "./bundle/columns";
import { labelOf, loadRun, meanOf, type Run } from "./bundle/run";
import type { Manifest, RunEntry } from "./bundle/manifest";
import { asProblem } from "./bundle/problem";
import type { Source } from "./bundle/source";
import { Latest } from "./engine/latest";
import { Pool } from "./engine/pool";
import { Frame } from "./math/frame";
import { type Among, inside, nearest, type Near } from "./math/points";
import { heaviest } from "./math/rank";
import { isInk, pictureOf, type Look, type Picture } from "./picture/picture";
import type { Filters, Group } from "./state/state";
import type { Store } from "./state/store";
import type { Banner } from "./ui/banner";
import type { ThemeKeeper } from "./ui/theme";

export class Explorer {
  readonly pool: Pool;
  readonly runs = new Map<string, Run>();
  /** The newest decoded image of each run, and the latent that it belongs to. */
  readonly decoded = new Map<
    string,
    { z: readonly number[]; ofClass: number; image: Float32Array; picture: Picture }
  >();
  private readonly decoders = new Map<string, Latest<readonly number[]>>();
  /** What each run was last asked to decode: an image that is still being made counts. */
  private readonly asked = new Map<string, { z: readonly number[]; ofClass: number }>();
  private readonly decodedListeners: ((id: string) => void)[] = [];
  private readonly frames = new Map<string, { key: string; frame: Frame; places: Float32Array }>();
  private readonly nears = new Map<
    string,
    { z: readonly number[]; among: Among; near: Near }
  >();
  private readonly shownPoints = new Map<
    string,
    { hidden: readonly number[]; filters: Filters; by: string; points: Uint8Array }
  >();
  private readonly ink = new Map<string, boolean>();

  constructor(
    readonly manifest: Manifest,
    readonly source: Source,
    readonly store: Store,
    readonly theme: ThemeKeeper,
    readonly banner: Banner,
    pool: Pool,
  ) {
    this.pool = pool;
    store.on(["z", "run", "pair", "ofClass"], () => this.decodeShown());
  }

  entry(id: string): RunEntry | undefined {
    return this.manifest.runs.find((run) => run.id === id);
  }

  /** Reads a run's points if they are not here yet. Throws Problem. */
  async load(id: string): Promise<Run> {
    const known = this.runs.get(id);
    if (known) return known;
    const run = await loadRun(this.source, this.entry(id)!);
    this.runs.set(id, run);
    const { state } = this.store;
    const z = state.z[id];
    if (z?.length !== run.d) this.store.set({ z: { ...state.z, [id]: meanOf(run, 0) } });
    return run;
  }

  /** The runs on the screen that are loaded. */
  shown(): Run[] {
    const { run, pair } = this.store.state;
    return [run, pair].flatMap((id) => this.runs.get(id) ?? []);
  }

  main(): Run {
    return this.runs.get(this.store.state.run)!;
  }

  z(run: Run): readonly number[] {
    return this.store.state.z[run.id];
  }

  /** Whether both runs shown hold the same test images in the same order. */
  linked(): boolean {
    const { run, pair } = this.store.state;
    const hashes = [run, pair].map((id) => this.entry(id)?.points.images_sha256);
    return hashes[0] !== undefined && hashes[0] === hashes[1];
  }

  /** Decodes another latent of the run; the run beside it goes to the nearest test image that is
   * shown. */
  moveTo(run: Run, z: readonly number[], change: { pinned?: boolean } = {}): void {
    this.move(run, z, () => nearest(run.mu, z, this.among(run)).index, change);
  }

  /** Goes to a test image, also to one that a filter leaves out; so does the run beside this one. */
  moveToImage(run: Run, index: number): void {
    this.move(run, meanOf(run, index), () => index, { pinned: true });
  }

  private move(
    run: Run, z: readonly number[], image: () => number, change: { pinned?: boolean },
  ): void {
    const { state } = this.store;
    const all: Record<string, number[]> = { ...state.z, [run.id]: [...z] };
    const other = this.runs.get(run.id === state.run ? state.pair : state.run);
    if (other && this.linked()) all[other.id] = meanOf(other, image());
    this.store.set({ z: all, ...change });
  }

  /** The points of classes that are not hidden, which all filters keep. */
  among(run: Run): Among {
    const { hidden, filters } = this.store.state;
    // The run beside another shows the same images where it has them.
    const by = this.linked() ? (this.runs.get(this.store.state.run) ?? run) : run;
    const set = Object.entries(filters).flatMap(([name, filter]) => {
      const column = by.columns.get(name);
      return column ? [{ filter, values: column.values }] : [];
    });
    if (hidden.length === 0 && set.length === 0) return null;
    let known = this.shownPoints.get(run.id);
    if (known?.hidden !== hidden || known.filters !== filters || known.by !== by.id) {
      const away = new Set(hidden);
      const points = Uint8Array.from(by.labels, (label, i) =>
        !away.has(label) && set.every(({ filter, values }) => keeps(filter, values[i])) ? 1 : 0,
      );
      this.shownPoints.set(run.id, (known = { hidden, filters, by: by.id, points }));
    }
    return known.points;
  }

  /** Indices of the points that are shown. */
  shownOf(run: Run): number[] {
    const among = this.among(run);
    const all = Array.from({ length: run.count }, (_, i) => i);
    return among ? all.filter((i) => among[i]) : all;
  }

  /** The column that a run's points are coloured by; null: their class. */
  colouring(run: Run): Column | null {
    return run.columns.get(this.store.state.colour) ?? null;
  }

  /** Reads a run's columns; who depends on filters or colours is told. */
  async readColumns(run: Run): Promise<void> {
    if (run.entry.points.columns.length === run.columns.size) return;
    try {
      await run.readColumns();
    } catch (error) {
      this.banner.show(asProblem(error, "missing"));
    }
    this.store.set({ filters: { ...this.store.state.filters } });
  }

  /** Moves a map that shows a part to where the run's z is. */
  centre(run: Run): void {
    const { view } = this.store.state;
    const part = view[run.id];
    if (!part) return;
    const [x, y] = this.frame(run).place(this.z(run));
    this.store.set({ view: { ...view, [run.id]: { ...part, x, y } } });
  }

  /** Keeps the points of a column that the filter keeps; null: all. */
  filter(name: string, filter: Filter | null): void {
    const { [name]: _, ...others } = this.store.state.filters;
    this.store.set({ filters: filter ? { ...others, [name]: filter } : others });
  }

  /** The test image whose mean is nearest to the run's z, of those that are shown. */
  near(run: Run): Near {
    const z = this.z(run);
    const among = this.among(run);
    const known = this.nears.get(run.id);
    if (known?.z === z && known.among === among) return known.near;
    const near = nearest(run.mu, z, among);
    this.nears.set(run.id, { z, among, near });
    return near;
  }

  className(run: Run, index: number): string | null {
    const label = labelOf(run, index);
    return label === null ? null : run.entry.classes[label].name;
  }

  frame(run: Run): Frame {
    return this.framed(run).frame;
  }

  /** Where the run's points lie on its map, n × 2. */
  places(run: Run): Float32Array {
    return this.framed(run).places;
  }

  private framed(run: Run): { key: string; frame: Frame; places: Float32Array } {
    const { frame: kind, plane } = this.store.state;
    const key = `${kind} ${plane?.join()}`;
    let known = this.frames.get(run.id);
    if (known?.key !== key) {
      const frame = Frame.of(run.entry, kind, plane ?? heaviest(run, kind));
      known = { key, frame, places: frame.places(run.mu) };
      this.frames.set(run.id, known);
    }
    return known;
  }

  /** The points of a group, of those that are shown; all of a class that is hidden. */
  members(run: Run, group: Group): number[] {
    if (!group) return [];
    if ("lasso" in group) {
      const among = this.among(run);
      return inside(this.places(run), group.lasso).filter((i) => !among || among[i]);
    }
    const among = this.store.state.hidden.includes(group.class) ? null : this.among(run);
    const found: number[] = [];
    for (let i = 0; i < run.count; i++) {
      if (run.labels[i] === group.class && (!among || among[i])) found.push(i);
    }
    return found;
  }

  look(run: Run): Look {
    return { ink: this.ink.get(run.id) ?? run.entry.image.channels === 1, dark: this.theme.palette.dark };
  }

  /** Tells how the run's images are drawn, from images decoded by PyTorch. */
  judgeInk(run: Run, images: Float32Array): void {
    this.ink.set(run.id, isInk(images, run.entry.image.channels));
  }

  onDecoded(listener: (id: string) => void): void {
    this.decodedListeners.push(listener);
  }

  decodeShown(): void {
    for (const run of this.shown()) {
      const z = this.z(run);
      const { ofClass } = this.store.state;
      const asked = this.asked.get(run.id);
      if (asked?.z === z && asked.ofClass === ofClass) continue;
      this.asked.set(run.id, { z, ofClass });
      let decoder = this.decoders.get(run.id);
      if (!decoder) {
        decoder = new Latest<readonly number[]>((latent) => this.decode(run, latent));
        this.decoders.set(run.id, decoder);
      }
      decoder.push(z);
    }
  }

  private async decode(run: Run, z: readonly number[]): Promise<void> {
    const { ofClass } = this.store.state;
    try {
      const image = await this.pool.first.decode(run.entry, Float32Array.from(z), ofClass);
      this.decoded.set(run.id, { z, ofClass, image, picture: pictureOf(image, 0, run.entry.image) });
      for (const listener of this.decodedListeners) listener(run.id);
    } catch (error) {
      this.asked.delete(run.id);
      this.banner.show(asProblem(error, "engine"));
    }
  }
}
