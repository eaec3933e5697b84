/** Two dimensions as a picture: circles of N(0, I), the ellipse of the posterior, and a draw in it. */
import { type Posterior, sigmaOf } from "../math/reparam";
import { svg } from "../ui/dom";

type Place = readonly [number, number];

/** How far ε goes in a picture and by a slider; a window is a little wider. */
export const REACH = 3.5;
const WINDOW = REACH + 0.1;

const SIDE = 120;
const RINGS = [1, 2, 3];

/** A square window of the plane, and what is drawn in it, each at its place in latent units. */
export class Plane {
  readonly root = svg("svg", { class: "plane", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" });
  readonly wide = false;
  private middle: Place = [0, 0];
  private reach = 1;

  /** Begins anew with a window around `middle`, `reach` to each side, and its axes. */
  clear(middle: Place, reach: number): void {
    [this.middle, this.reach] = [middle, reach];
    this.root.replaceChildren();
    const [x, y] = this.at([0, 0]);
    this.line("plane-axis", [0, y], [SIDE, y]);
    this.line("plane-axis", [x, 0], [x, SIDE]);
  }

  /** Rings at 1, 2 and 3 standard deviations around a mean, or at others. */
  rings(kind: string, mean: Place, sigma: Place, at: readonly number[] = RINGS): void {
    const [cx, cy] = this.at(mean);
    const scale = SIDE / 2 / this.reach;
    for (const times of [...at].reverse()) {
      const [rx, ry] = sigma.map((s) => Math.max(0.8, times * s * scale));
      this.root.append(svg("ellipse", { class: kind, cx, cy, rx, ry }));
    }
  }

  dot(kind: string, place: Place, radius: number): void {
    const [cx, cy] = this.at(place);
    this.root.append(svg("circle", { class: kind, cx, cy, r: radius }));
  }

  arrow(kind: string, from: Place, to: Place): void {
    this.line(kind, this.at(from), this.at(to));
  }

  /** The place in latent units under a pointer. */
  under(event: PointerEvent): [number, number] {
    const box = this.root.getBoundingClientRect();
    const u = (event.clientX - box.left) / box.width - 0.5;
    const v = (event.clientY - box.top) / box.height - 0.5;
    return [this.middle[0] + 2 * u * this.reach, this.middle[1] - 2 * v * this.reach];
  }

  private at([x, y]: Place): [number, number] {
    const scale = SIDE / 2 / this.reach;
    return [SIDE / 2 + (x - this.middle[0]) * scale, SIDE / 2 - (y - this.middle[1]) * scale];
  }

  private line(kind: string, [x1, y1]: Place, [x2, y2]: Place): void {
    this.root.append(svg("line", { class: kind, x1, y1, x2, y2 }));
  }
}

/**
 * The whole plane, as far as the images reach, with the prior's rings where it is N(0, I): the
 * posterior at its place, two standard deviations wide, or an autoencoder's point.
 */
export function drawPosterior(plane: Plane, q: Posterior, standard: boolean, reach: number): void {
  const sigma = sigmaOf(q);
  const mean: Place = [q.mu[0], q.mu[1]];
  const far = Math.max(...q.mu.map((m, j) => Math.abs(m) + 2 * sigma[j]));
  plane.clear([0, 0], 1.08 * Math.max(standard ? 3 : reach, far, 1e-6));
  if (standard) plane.rings("plane-prior", [0, 0], [1, 1]);
  if (q.logVar) plane.rings("plane-place", mean, [sigma[0], sigma[1]], [2]);
  else plane.dot("plane-draw", mean, 4.5);
}

/** The rings of N(0, I) and the draw in them. */
export function drawNoise(plane: Plane, epsilon: readonly number[], past: readonly number[][]): void {
  plane.clear([0, 0], WINDOW);
  plane.rings("plane-posterior", [0, 0], [1, 1]);
  for (const one of past) plane.dot("plane-past", [one[0], one[1]], 1.3);
  const [x, y] = epsilon.map((e) => Math.max(-REACH, Math.min(REACH, e)));
  plane.arrow("plane-step", [0, 0], [x, y]);
  plane.dot("plane-draw", [x, y], 5);
}

/** The posterior's ellipse, close, and where the draw falls in it. */
export function drawLatent(
  plane: Plane,
  q: Posterior,
  z: readonly number[],
  past: readonly number[][],
): void {
  const sigma = sigmaOf(q);
  const mean: Place = [q.mu[0], q.mu[1]];
  plane.clear(mean, WINDOW * Math.max(sigma[0], sigma[1]));
  plane.rings("plane-posterior", mean, [sigma[0], sigma[1]]);
  for (const one of past) plane.dot("plane-past", [one[0], one[1]], 1.3);
  plane.arrow("plane-step", mean, [z[0], z[1]]);
  plane.dot("plane-mean", mean, 1.6);
  plane.dot("plane-draw", [z[0], z[1]], 5);
}
