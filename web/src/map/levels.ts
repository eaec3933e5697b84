/** Which points have room for a picture: more at each level, whose pictures are half as wide on the plane. */
import type { Among } from "../math/points";
import { bounds } from "./camera";

/** Pictures are from `leastWidth` to twice as wide, CSS pixels. */
const [LEAST, MOST] = [24, 48];
const SEEN = 0.75; // of its own width, at which a picture can still be read
const MOST_LEVEL = 14;
const LARGEST = 112; // px, where all points have their picture
const SHARE = 0.92; // of the least distance between two

export interface Chosen {
  level: number;
  indices: Uint32Array;
}

/** Of pictures of so many pixels: digits stay small, so that many have room. */
export function leastWidth(pixels: number): number {
  return Math.min(MOST, Math.max(LEAST, SEEN * pixels));
}

/**
 * At level k no two chosen points are nearer than the plane's side / 2^k, across or up. A level has all
 * points of the one before: pictures stay while the map is moved and zoomed in, and none covers another.
 */
export class Levels {
  private readonly known: Chosen[] = [];
  private readonly side: number;
  private readonly corner: [number, number];
  private readonly count: number;

  constructor(
    private readonly places: Float32Array,
    private readonly among: Among,
    private readonly least: number,
  ) {
    const { x0, x1, y0, y1 } = bounds(places);
    this.corner = [x0, y0];
    this.side = Math.max(x1 - x0, y1 - y0, 1e-9) * 1.0001;
    this.count = among ? among.reduce((sum, shown) => sum + shown, 0) : places.length / 2;
  }

  at(scale: number): { chosen: Chosen; size: number } {
    const wanted = Math.floor(Math.log2((this.side * scale) / this.least));
    const chosen = this.choose(Math.min(Math.max(0, wanted), MOST_LEVEL));
    const apart = (this.side / 2 ** chosen.level) * scale;
    return { chosen, size: Math.min(LARGEST, Math.max(this.least, apart) * SHARE) };
  }

  /** This level, or the first one that holds every point. */
  private choose(level: number): Chosen {
    for (let last = this.known.at(-1); this.known.length <= level; last = this.known.at(-1)) {
      if (last?.indices.length === this.count) return last;
      this.known.push(this.next(this.known.length, last));
    }
    return this.known[level];
  }

  /** The points of the level before, and each further one that is far enough from those taken. */
  private next(level: number, before: Chosen | undefined): Chosen {
    const { places, among, corner } = this;
    const apart = this.side / 2 ** level;
    const across = 2 ** level + 2; // a cell further on each side
    const taken = new Map<number, number>(); // at most one in a cell as wide as the distance
    const cell = (i: number) =>
      (Math.floor((places[2 * i + 1] - corner[1]) / apart) + 1) * across +
      Math.floor((places[2 * i] - corner[0]) / apart) + 1;
    const free = (i: number, own: number) => {
      if (taken.has(own)) return false;
      for (let row = -across; row <= across; row += across) {
        for (let key = own + row - 1; key <= own + row + 1; key++) {
          const other = taken.get(key);
          if (other === undefined) continue;
          const [dx, dy] = [places[2 * i] - places[2 * other], places[2 * i + 1] - places[2 * other + 1]];
          if (Math.abs(dx) < apart && Math.abs(dy) < apart) return false;
        }
      }
      return true;
    };
    for (const i of before?.indices ?? []) taken.set(cell(i), i);
    for (let i = 0; i < places.length / 2; i++) {
      if (among && !among[i]) continue;
      const own = cell(i);
      if (free(i, own)) taken.set(own, i);
    }
    return { level, indices: Uint32Array.from(taken.values()).sort() };
  }
}
