/** The decoded background: tiles decoded as the window asks for them, kept while they are of use. */
import { asProblem } from "../bundle/problem";
import type { Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import { pictureOf, toRgba } from "../picture/picture";
import type { Background, View } from "../state/state";
import { type Size, toScreen } from "./camera";
import { quantileTiles, type Tile, windowTiles } from "./grid";

const KEPT = 4000;
const BETWEEN = 120; // ms

export interface Finished {
  decoded: number;
  milliseconds: number;
  tiles: Tile[];
}

export class Manifold {
  /** The last grid that was finished: what was decoded for it, in how many milliseconds. */
  finished: Finished | null = null;
  private readonly cache = new Map<string, ImageBitmap>();
  private tiles: Tile[] = [];
  private under: Tile[] = []; // those of the window before, until the new ones are there
  private sure = ""; // what the cached tiles belong to
  private stop = new AbortController();
  private quantiles: { key: string; tiles: Tile[] } | null = null;

  constructor(
    private readonly explorer: Explorer,
    private readonly repaint: () => void,
  ) {}

  /** Asks for the tiles of this window; repaint is called as they come. */
  async ask(run: Run, mode: Background, view: View, size: Size): Promise<void> {
    this.stop.abort();
    if (mode === "off") {
      this.tiles = this.under = [];
      return;
    }
    const stop = (this.stop = new AbortController());
    const began = performance.now();
    this.keepOnlyOf(run);
    try {
      const tiles =
        mode === "window" ? windowTiles(view, size, ratioOf(run)) : await this.atQuantiles(run);
      if (stop.signal.aborted) return;
      this.under = [...this.under, ...this.tiles].filter((tile) => this.cache.has(tile.key));
      this.tiles = tiles;
      const wanted = this.tiles.filter((tile) => !this.cache.has(tile.key));
      if (wanted.length > 0 && !(await this.decode(run, wanted, stop.signal))) return;
      this.under = [];
      const milliseconds = performance.now() - began;
      this.finished = { decoded: wanted.length, milliseconds, tiles };
      this.repaint();
    } catch (error) {
      this.explorer.banner.show(asProblem(error, "engine"));
    }
  }

  /** Forgets what was decoded: after a change of the theme. */
  forget(): void {
    this.cache.clear();
    this.under = [];
    this.finished = null;
    this.sure = "";
  }

  /** Paints coarser tiles first, those of the asked window over them. */
  paint(context: CanvasRenderingContext2D, view: View, size: Size, mode: Background): void {
    context.clearRect(0, 0, size.width, size.height);
    if (mode === "off") return;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "low";
    for (const tile of [...this.under, ...this.tiles]) {
      const bitmap = this.cache.get(tile.key);
      if (!bitmap) continue;
      const [x, y] = toScreen(view, size, tile.x - tile.width / 2, tile.y + tile.height / 2);
      const [w, h] = [tile.width * view.scale, tile.height * view.scale];
      if (x > size.width || y > size.height || x + w < 0 || y + h < 0) continue;
      context.drawImage(bitmap, x, y, w, h);
    }
  }

  private async decode(run: Run, wanted: Tile[], signal: AbortSignal): Promise<boolean> {
    const frame = this.explorer.frame(run);
    const z = this.explorer.z(run);
    const look = this.explorer.look(run);
    const latents = Float32Array.from(wanted.flatMap((tile) => frame.at(tile.x, tile.y, z)));
    const size = run.entry.image.height * run.entry.image.width * run.entry.image.channels;
    const painting: Promise<void>[] = [];
    let painted = performance.now();
    const whole = await this.explorer.pool.decodeMany(
      run.entry,
      latents,
      (images, from) => {
        for (let i = 0; i < images.length / size; i++) {
          const data = toRgba(pictureOf(images, i, run.entry.image), look, true);
          const key = wanted[from + i].key;
          painting.push(
            createImageBitmap(data).then((bitmap) => void this.cache.set(key, bitmap)),
          );
        }
        // Painting takes the time of decoding: not after each part.
        if (performance.now() - painted > BETWEEN) {
          painted = performance.now();
          this.repaint();
        }
      },
      signal,
    );
    await Promise.all(painting);
    return whole;
  }

  private async atQuantiles(run: Run): Promise<Tile[]> {
    const frame = this.explorer.frame(run);
    const key = `${run.id} ${frame.kind} ${frame.a} ${frame.b}`;
    if (this.quantiles?.key !== key) {
      const tiles = quantileTiles(run.entry.prior, frame, await run.draws(), ratioOf(run));
      this.quantiles = { key, tiles };
    }
    return this.quantiles.tiles;
  }

  /** Tiles hold for one run, one plane, and one choice of the other coordinates. */
  private keepOnlyOf(run: Run): void {
    const frame = this.explorer.frame(run);
    const others = frame
      .coordinates(this.explorer.z(run))
      .filter((_, i) => i !== frame.a && i !== frame.b);
    const sure = [run.id, frame.kind, frame.a, frame.b, ...others.map((c) => c.toFixed(4))].join();
    if (sure !== this.sure || this.cache.size > KEPT) this.cache.clear();
    this.sure = sure;
  }
}

/** Width of an image against its height. */
function ratioOf(run: Run): number {
  return run.entry.image.width / run.entry.image.height;
}
