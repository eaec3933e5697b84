/** Which window of the plane a map shows. */
import { SCALES, type View } from "../state/state";

export interface Size {
  width: number;
  height: number;
}

export function toScreen(view: View, size: Size, x: number, y: number): [number, number] {
  return [
    size.width / 2 + (x - view.x) * view.scale,
    size.height / 2 - (y - view.y) * view.scale,
  ];
}

export function toPlane(view: View, size: Size, sx: number, sy: number): [number, number] {
  return [
    view.x + (sx - size.width / 2) / view.scale,
    view.y - (sy - size.height / 2) / view.scale,
  ];
}

function limited(scale: number): number {
  return Math.min(SCALES[1], Math.max(SCALES[0], scale));
}

/** Zoomed by a factor so that the place under (sx, sy) stays where it is. */
export function zoomed(view: View, size: Size, factor: number, sx: number, sy: number): View {
  const [x, y] = toPlane(view, size, sx, sy);
  const scale = limited(view.scale * factor);
  return {
    x: x - (sx - size.width / 2) / scale,
    y: y + (sy - size.height / 2) / scale,
    scale,
  };
}

export function panned(view: View, dx: number, dy: number): View {
  return { ...view, x: view.x - dx / view.scale, y: view.y + dy / view.scale };
}

/** The least and the largest coordinates of all places (n × 2); infinite without any. */
export function bounds(places: Float32Array): { x0: number; x1: number; y0: number; y1: number } {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < places.length; i += 2) {
    x0 = Math.min(x0, places[i]);
    x1 = Math.max(x1, places[i]);
    y0 = Math.min(y0, places[i + 1]);
    y1 = Math.max(y1, places[i + 1]);
  }
  return { x0, x1, y0, y1 };
}

const ALONE = 6; // latent units across

/** The window that holds all places (n × 2, and the further ones) with a margin. */
export function home(
  places: Float32Array,
  size: Size,
  further: readonly (readonly [number, number])[] = [],
): View {
  let { x0, x1, y0, y1 } = bounds(places);
  for (const [x, y] of further) {
    [x0, x1] = [Math.min(x0, x), Math.max(x1, x)];
    [y0, y1] = [Math.min(y0, y), Math.max(y1, y)];
  }
  if (x0 > x1) return { x: 0, y: 0, scale: 50 };
  const margin = 36;
  // One place, or all at one: as much as N(0, I) takes, around it.
  const least = Math.max(x1 - x0, y1 - y0) < 1e-6 ? ALONE : 1e-6;
  const across = (size.width - 2 * margin) / Math.max(x1 - x0, least);
  const up = (size.height - 2 * margin) / Math.max(y1 - y0, least);
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, scale: limited(Math.min(across, up)) };
}

/** Between two windows, t from 0 to 1: the scale goes in equal ratios. */
export function between(a: View, b: View, t: number): View {
  const s = t * t * (3 - 2 * t);
  return {
    x: a.x + (b.x - a.x) * s,
    y: a.y + (b.y - a.y) * s,
    scale: a.scale * (b.scale / a.scale) ** s,
  };
}

/** Round numbers for an axis from low to high, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  // The nearest in ratio: the next larger one may leave a single number on a narrow map.
  const off = (s: number) => Math.abs(Math.log(s / rough));
  const step = [1, 2, 5, 10].map((m) => m * power).reduce((a, b) => (off(b) < off(a) ? b : a));
  const first = Math.ceil(low / step);
  const found = Math.floor(high / step) - first + 1;
  // Far from 0 numbers lie wider apart than the steps.
  if (!(found > 0 && found < 100)) return [];
  return Array.from({ length: found }, (_, k) => (first + k) * step);
}

/** How many of the places (n × 2) lie in the window, and the square pixels that they spread over. */
export function crowd(places: Float32Array, view: View, size: Size): { count: number; area: number } {
  const [x0, y1] = toPlane(view, size, 0, 0);
  const [x1, y0] = toPlane(view, size, size.width, size.height);
  let [count, sx, sy, sxx, syy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < places.length; i += 2) {
    const [x, y] = [places[i], places[i + 1]];
    if (x < x0 || x > x1 || y < y0 || y > y1) continue;
    count++;
    sx += x;
    sy += y;
    sxx += x * x;
    syy += y * y;
  }
  if (count < 2) return { count, area: size.width * size.height };
  const deviation = (sum: number, squares: number) =>
    Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2)) * view.scale;
  // The ellipse of two deviations: of evenly spread points that is about their rectangle.
  const area = 4 * Math.PI * deviation(sx, sxx) * deviation(sy, syy);
  return { count, area: Math.min(area, size.width * size.height) };
}
