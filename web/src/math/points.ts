/** Questions about many points: which is nearest, which lie inside, what is their mean. */

export interface Near {
  index: number;
  distance: number;
}

/** Which points a question is about: a byte each, 0 leaves one out; null: all. */
export type Among = Uint8Array | null;

/**
 * The nearest of n latents (n × d), by the Euclidean distance in all dimensions; of all of them where
 * `among` leaves out every one.
 */
export function nearest(latents: Float32Array, z: readonly number[], among: Among = null): Near {
  const d = z.length;
  const n = latents.length / d;
  let index = -1;
  let best = Infinity;
  if (d === 2) {
    const [z0, z1] = z;
    for (let i = 0, o = 0; i < n; i++, o += 2) {
      if (among && !among[i]) continue;
      const x = latents[o] - z0;
      const y = latents[o + 1] - z1;
      const distance = x * x + y * y;
      if (distance < best) {
        best = distance;
        index = i;
      }
    }
    return found();
  }
  for (let i = 0; i < n; i++) {
    if (among && !among[i]) continue;
    let distance = 0;
    for (let j = 0; j < d && distance < best; j++) {
      const v = latents[i * d + j] - z[j];
      distance += v * v;
    }
    if (distance < best) {
      best = distance;
      index = i;
    }
  }
  return found();

  function found(): Near {
    if (index < 0 && among) return nearest(latents, z);
    return { index: Math.max(0, index), distance: Math.sqrt(best) };
  }
}

/** The k nearest, nearest first. */
export function nearestFew(
  latents: Float32Array,
  z: readonly number[],
  k: number,
  among: Among = null,
): Near[] {
  const d = z.length;
  const found: Near[] = [];
  for (let i = 0; i < latents.length / d; i++) {
    if (among && !among[i]) continue;
    let square = 0;
    for (let j = 0; j < d; j++) square += (latents[i * d + j] - z[j]) ** 2;
    const distance = Math.sqrt(square);
    if (found.length === k && distance >= found[k - 1].distance) continue;
    let at = found.length;
    while (at > 0 && found[at - 1].distance > distance) at--;
    found.splice(at, 0, { index: i, distance });
    if (found.length > k) found.pop();
  }
  return found;
}

/** Indices of the places (n × 2) inside a polygon, by the even-odd rule. */
export function inside(places: Float32Array, polygon: readonly [number, number][]): number[] {
  const found: number[] = [];
  if (polygon.length < 3) return found;
  const xs = polygon.map((p) => p[0]);
  const ys = polygon.map((p) => p[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let i = 0; i < places.length / 2; i++) {
    const x = places[2 * i];
    const y = places[2 * i + 1];
    if (x < x0 || x > x1 || y < y0 || y > y1) continue;
    let odd = false;
    for (let p = 0, q = xs.length - 1; p < xs.length; q = p++) {
      const crosses = ys[p] > y !== ys[q] > y;
      if (crosses && x < xs[p] + ((xs[q] - xs[p]) * (y - ys[p])) / (ys[q] - ys[p])) odd = !odd;
    }
    if (odd) found.push(i);
  }
  return found;
}

/** The mean of the chosen rows of n × d. */
export function meanOfRows(rows: Float32Array, d: number, chosen: readonly number[]): number[] {
  const sum = new Array<number>(d).fill(0);
  for (const i of chosen) for (let j = 0; j < d; j++) sum[j] += rows[i * d + j];
  return sum.map((v) => v / Math.max(1, chosen.length));
}

/** Variance of each of d columns. */
export function variances(rows: Float32Array, d: number): number[] {
  const n = rows.length / d;
  const sums = new Float64Array(d);
  const squares = new Float64Array(d);
  for (let i = 0; i < rows.length; i++) sums[i % d] += rows[i];
  for (let i = 0; i < rows.length; i++) squares[i % d] += (rows[i] - sums[i % d] / n) ** 2;
  return Array.from(squares, (s) => s / n);
}
