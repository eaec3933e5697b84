/** Which points have room for a picture: one in each cell of a grid that halves as the map is zoomed. */
import type { Among } from "../math/points";
import { bounds } from "./camera";

/** Pictures are from this wide to twice as wide, CSS pixels. */
const LEAST = 24;
const MOST_LEVEL = 14;
const LARGEST = 112; // px, where all points have their picture
const SHARE = 0.92; // of a cell

export interface Chosen {
  level: number;
  indices: Uint32Array;
}

/**
 * The grid lies fixed on the plane, so that the same points keep their pictures while the map is moved,
 * and between two powers of two of its scale.
 */
export class Levels {
  private readonly known = new Map<number, Chosen>();
  private readonly side: number;
  private readonly corner: [number, number];
  private all = Infinity; // the first level that holds every point

  constructor(
    private readonly places: Float32Array,
    private readonly among: Among,
  ) {
    const { x0, x1, y0, y1 } = bounds(places);
    this.corner = [x0, y0];
    this.side = Math.max(x1 - x0, y1 - y0, 1e-9) * 1.0001;
  }

  at(scale: number): { chosen: Chosen; size: number } {
    const wanted = Math.floor(Math.log2((this.side * scale) / LEAST));
    const level = Math.min(Math.max(0, wanted), MOST_LEVEL, this.all);
    const chosen = this.choose(level);
    const cell = (this.side / 2 ** level) * scale;
    return { chosen, size: Math.min(LARGEST, Math.max(LEAST, cell) * SHARE) };
  }

  /** In each cell the point nearest to its middle. */
  private choose(level: number): Chosen {
    let found = this.known.get(level);
    if (found) return found;
    const { places, among, corner } = this;
    const across = 2 ** level;
    const cell = this.side / across;
    const best = new Map<number, { i: number; far: number }>();
    let count = 0;
    for (let i = 0; i < places.length / 2; i++) {
      if (among && !among[i]) continue;
      count++;
      const [x, y] = [(places[2 * i] - corner[0]) / cell, (places[2 * i + 1] - corner[1]) / cell];
      const [column, row] = [Math.floor(x), Math.floor(y)];
      const far = (x - column - 0.5) ** 2 + (y - row - 0.5) ** 2;
      const key = row * across + column;
      const there = best.get(key);
      if (!there || far < there.far) best.set(key, { i, far });
    }
    const indices = Uint32Array.from([...best.values()].map(({ i }) => i).sort((a, b) => a - b));
    if (indices.length === count) this.all = Math.min(this.all, level);
    this.known.set(level, (found = { level, indices }));
    return found;
  }
}
