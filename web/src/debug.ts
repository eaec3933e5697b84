/**
 * `window.reparam`: what the page shows, as values, to read.
 *
 * For tests and for who wants to look deeper in the browser's console. Reading only: nothing here
 * changes the page.
 */
import type { App } from "./app";
import type { Explorer } from "./explorer";
import { paintOf } from "./map/colours";
import type { State } from "./state/state";

export interface Debug {
  /** Resolves once points and the first decoded image are on the screen. */
  ready: Promise<void>;
  state(): State;
  runs(): string[];
  /** The latent that is decoded, as which class, and the image that is shown: C × H × W in [0, 1]. */
  decoded(run: string): { z: number[]; ofClass: number; image: number[] } | null;
  nearest(run: string): { index: number; distance: number; name: string | null };
  /** Any latents through the run's decoder, any image through its encoder. */
  decode(run: string, latents: number[][]): Promise<number[]>;
  encode(run: string, image: number[]): Promise<{ mu: number[]; logVar: number[] | null }>;
  mean(run: string, index: number): number[];
  /** Where a latent lies on the page, CSS pixels. */
  client(run: string, z: number[]): [number, number];
  view(run: string): { x: number; y: number; scale: number };
  drawn(): { pixels: number[]; mu: number[] } | null;
  caught(): { indices: number[]; counts: number[]; mean: number[] | null };
  /** Indices of the points that are shown, and the colour of every point with its alpha: 255 shown. */
  shown(run: string): number[];
  colours(run: string): [number, number, number, number][];
  /** A column's values; null for none. */
  column(run: string, name: string): (number | null)[] | null;
  path(): number[][];
  samples(run: string): number[][];
  /** The judge's class of each; null without a judge or before it has answered. */
  judged(run: string): number[] | null;
  dimensions(): { index: number; weight: number; dead: boolean }[];
  direction(): number[] | null;
  /** Of latents that are maps: the chosen position from 0, the latent before it was moved, and the
   * decoded image of now less that before, H × W (the mean of colours); null until both are decoded. */
  positions(): { row: number; column: number; before: number[]; difference: number[] | null };
  /** The image on its way through the model, as it is shown; null before the encoder has answered. */
  mechanism(): {
    index: number;
    mu: number[];
    sigma: number[] | null;
    epsilon: number[];
    z: number[];
    kl: number | null;
    /** The newest decoded z, and its image's distortion in the run's unit. */
    decoded: { z: number[]; distortion: number | null; mse: number } | null;
    draws: number[][];
    playing: boolean;
  } | null;
  golden(run: string): number | null;
  /** Whether everything stands that large grids are decoded with. */
  warm(): boolean;
  /** The finished background: how many of its tiles were decoded for it, where they lie, and the
   * width and height of the first, in latents. */
  background(
    run: string,
  ): { decoded: number; milliseconds: number; places: [number, number][]; side: number; tall: number } | null;
  /** The thumbnails drawn last: of which points, how wide (CSS pixels), and how many are in memory. */
  thumbnails(run: string): { indices: number[]; size: number; ready: number } | null;
  /** Diameter of the points, CSS pixels. */
  pointSize(run: string): number;
  /** Milliseconds that drawing the points took the last time. */
  drawing(run: string): number;
  /** The classes' names on the map: their middle and half their width, CSS pixels. */
  names(run: string): { text: string; x: number; y: number; half: number }[];
  /** Milliseconds: of each run of a network on so many threads, and since the start of the page. */
  timings(): {
    threads: number;
    runs: { name: string; batch: number; milliseconds: number }[];
    points: number | null;
    first: number | null;
  };
}

declare global {
  interface Window {
    reparam: Debug;
  }
}

export function expose(explorer: Explorer, app: App, ready: Promise<number>): void {
  const run = (id: string) => explorer.runs.get(id)!;
  let first: number | null = null;
  const debug: Debug = {
    ready: ready.then((time) => void (first = time)),
    state: () => structuredClone(explorer.store.state) as State,
    runs: () => [...explorer.runs.keys()],
    decoded: (id) => {
      const newest = explorer.decoded.get(id);
      return newest ? { z: [...newest.z], ofClass: newest.ofClass, image: Array.from(newest.image) } : null;
    },
    nearest: (id) => {
      const near = explorer.near(run(id));
      return { ...near, name: explorer.className(run(id), near.index) };
    },
    decode: async (id, latents) =>
      Array.from(await explorer.pool.first.decode(run(id).entry, Float32Array.from(latents.flat()))),
    encode: async (id, image) =>
      (await explorer.pool.first.encode(run(id).entry, Float32Array.from(image)))[0],
    mean: (id, index) => Array.from(run(id).mu.subarray(index * run(id).d, (index + 1) * run(id).d)),
    client: (id, z) => app.panes.get(id)!.client(z),
    view: (id) => ({ ...app.panes.get(id)!.view }),
    drawn: () => {
      const { encoded } = app.draw;
      return encoded && { pixels: Array.from(encoded.picture.pixels), mu: [...encoded.mu] };
    },
    caught: () => ({
      indices: [...app.gallery.caught],
      counts: app.gallery.counts(),
      mean: app.gallery.mean && Array.from(app.gallery.mean.pixels),
    }),
    shown: (id) => explorer.shownOf(run(id)),
    colours: (id) => {
      const { table, of } = paintOf(explorer, run(id));
      return Array.from(of, (k) => [...table.subarray(4 * k, 4 * k + 4)] as [number, number, number, number]);
    },
    column: (id, name) => {
      const column = run(id).columns.get(name);
      return column ? Array.from(column.values, (v) => (Number.isNaN(v) ? null : v)) : null;
    },
    path: () => app.path.pictures.map((picture) => Array.from(picture.pixels)),
    samples: (id) => structuredClone(app.samples.latents.get(id) ?? []),
    judged: (id) => app.samples.classes.get(id) ?? null,
    dimensions: () =>
      app.dimensions.dimensions(explorer.main()).map(({ index, weight, dead }) => ({ index, weight, dead })),
    direction: () => app.direction.direction(),
    positions: () => {
      const { chooser, before, difference } = app.dimensions.positions;
      return { row: chooser.row, column: chooser.column, before: [...before], difference: difference && [...difference] };
    },
    mechanism: () => app.mechanism.values(),
    warm: () => explorer.pool.isWarm,
    golden: (id) => app.golden.get(id) ?? null,
    background: (id) => {
      const finished = app.panes.get(id)?.manifold.finished;
      if (!finished) return null;
      const { decoded, milliseconds, tiles } = finished;
      return { decoded, milliseconds, places: tiles.map(({ x, y }) => [x, y]), side: tiles[0].width, tall: tiles[0].height };
    },
    thumbnails: (id) => {
      const drawn = app.panes.get(id)!.dots.sprites?.drawn;
      return drawn ? { ...drawn, indices: [...drawn.indices] } : null;
    },
    drawing: (id) => app.panes.get(id)!.dots.took,
    pointSize: (id) => app.panes.get(id)!.dots.diameter,
    names: (id) => structuredClone(app.panes.get(id)!.names),
    timings: () => ({
      threads: explorer.pool.first.threads,
      runs: structuredClone(explorer.pool.first.timings),
      points: app.panes.get(explorer.store.state.run)?.dots.shown ?? null,
      first,
    }),
  };
  window.reparam = Object.freeze(debug);
}
