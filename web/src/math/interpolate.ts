/** Ways from one latent to another. */
import type { Interpolation } from "../state/state";

export function linear(a: readonly number[], b: readonly number[], t: number): number[] {
  return a.map((v, i) => v + (b[i] - v) * t);
}

/**
 * Along the great circle while the norm goes linearly (Shoemake 1985; White 2016, arXiv:1609.04468).
 * Straight where the angle is undefined: a latent at the origin, or two in one direction or opposite.
 */
export function spherical(a: readonly number[], b: readonly number[], t: number): number[] {
  const [na, nb] = [Math.hypot(...a), Math.hypot(...b)];
  if (na < 1e-9 || nb < 1e-9) return linear(a, b, t);
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += (a[i] / na) * (b[i] / nb);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  if (sine < 1e-6) return linear(a, b, t);
  const [wa, wb] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  const norm = na + (nb - na) * t;
  return a.map((v, i) => norm * (wa * (v / na) + wb * (b[i] / nb)));
}

/** The point of the path at t in [0, 1]; every part takes as long as the others. */
export function onPath(points: readonly number[][], t: number, how: Interpolation): number[] {
  if (points.length === 1) return [...points[0]];
  const whole = Math.min(1, Math.max(0, t)) * (points.length - 1);
  const part = Math.min(points.length - 2, Math.floor(whole));
  const between = how === "linear" ? linear : spherical;
  return between(points[part], points[part + 1], whole - part);
}
