/** Where the tiles of the decoded background lie: on a lattice of the window, or at quantiles. */
import type { PriorEntry } from "../bundle/manifest";
import type { Frame } from "../math/frame";
import { quantile } from "../math/normal";
import type { View } from "../state/state";
import { type Size, toPlane } from "./camera";

/** A tile: its centre, where it is decoded, and the rectangle that it fills, of the image's form. */
export interface Tile {
  key: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const ACROSS = 20;

/**
 * The cells of a lattice that the window touches, from the middle outwards. A cell is as wide against
 * its height as an image, `ratio`. Its size is a power of √2, so that a move of the window keeps the
 * cells that it has, and zooming in refines them: a square one is between 14 and 20 times in the longer
 * side, others have its area.
 */
export function windowTiles(view: View, size: Size, ratio: number): Tile[] {
  const [x0, y1] = toPlane(view, size, 0, 0);
  const [x1, y0] = toPlane(view, size, size.width, size.height);
  const level = Math.ceil(2 * Math.log2(Math.max(x1 - x0, y1 - y0) / (ACROSS - 1)));
  const width = 2 ** (level / 2) * Math.sqrt(ratio);
  const height = width / ratio;
  const tiles: Tile[] = [];
  for (let i = Math.floor(x0 / width); i * width < x1; i++) {
    for (let j = Math.floor(y0 / height); j * height < y1; j++) {
      const [x, y] = [(i + 0.5) * width, (j + 0.5) * height];
      tiles.push({ key: `${level}:${i}:${j}`, x, y, width, height });
    }
  }
  return fromMiddle(tiles, view.x, view.y);
}

/** 20 × 20 cells that the prior gives equal shares of each axis to, decoded at their medians. */
export function quantileTiles(
  prior: PriorEntry,
  frame: Frame,
  draws: Float32Array,
  ratio: number,
): Tile[] {
  const [across, up] = marginals(prior, frame, draws);
  // With one dimension nothing lies along the map's other axis: it is as wide as this one.
  const cuts = [across, frame.d > 1 ? up : (p: number) => across(p) - across(0.5)] as const;
  const tiles: Tile[] = [];
  for (let i = 0; i < ACROSS; i++) {
    for (let j = 0; j < ACROSS; j++) {
      const x = cuts[0]((i + 0.5) / ACROSS);
      const y = cuts[1]((j + 0.5) / ACROSS);
      // As large as the gaps to their neighbours allow, in the image's proportions.
      const gap = (cut: (p: number) => number, k: number) =>
        cut(Math.min(1 - 0.25 / ACROSS, (k + 1) / ACROSS)) - cut(Math.max(0.25 / ACROSS, k / ACROSS));
      const width = Math.min(gap(cuts[0], i), ratio * gap(cuts[1], j));
      tiles.push({ key: `q:${i}:${j}`, x, y, width, height: width / ratio });
    }
  }
  const [x, y] = frame.place(prior.mean);
  return fromMiddle(tiles, x, y);
}

/** The quantile function of the prior along each axis of the map. */
function marginals(
  prior: PriorEntry,
  frame: Frame,
  draws: Float32Array,
): [(p: number) => number, (p: number) => number] {
  if (prior.form === "uniform" && frame.kind === "axes" && prior.low && prior.high) {
    const [low, high] = [frame.place(prior.low), frame.place(prior.high)];
    const even = (k: 0 | 1) => (p: number) => low[k] + (high[k] - low[k]) * p;
    return [even(0), even(1)];
  }
  if (prior.form === "normal") {
    const g = frame.plane(prior.mean, prior.covariance);
    return [
      (p) => g.x + Math.sqrt(g.xx) * quantile(p),
      (p) => g.y + Math.sqrt(g.yy) * quantile(p),
    ];
  }
  const places = frame.places(draws);
  const sorted = [0, 1].map((k) =>
    Float32Array.from({ length: places.length / 2 }, (_, i) => places[2 * i + k]).sort(),
  );
  const empirical = (k: number) => (p: number) => {
    const at = p * (sorted[k].length - 1);
    const below = Math.floor(at);
    const above = Math.min(sorted[k].length - 1, below + 1);
    return sorted[k][below] + (sorted[k][above] - sorted[k][below]) * (at - below);
  };
  return [empirical(0), empirical(1)];
}

function fromMiddle(tiles: Tile[], x: number, y: number): Tile[] {
  const far = (tile: Tile) => Math.hypot(tile.x - x, tile.y - y);
  return tiles.sort((a, b) => far(a) - far(b));
}
