/** Which two coordinates of the latent space lie on the map: axes, or principal axes. */
import { latentSize, type RunEntry } from "../bundle/manifest";
import type { FrameKind } from "../state/state";

/** Coordinates c = R (z − o) with orthonormal rows R; the map shows coordinates `a` and `b`. */
export class Frame {
  constructor(
    readonly kind: FrameKind,
    readonly origin: readonly number[],
    readonly rows: readonly (readonly number[])[],
    readonly a: number,
    readonly b: number,
  ) {}

  static of(entry: RunEntry, kind: FrameKind, plane: readonly [number, number]): Frame {
    const d = latentSize(entry);
    const a = plane[0] < d ? plane[0] : 0;
    const b = plane[1] < d && plane[1] !== a ? plane[1] : d > 1 ? (a + 1) % d : 0;
    if (kind === "principal") {
      return new Frame(kind, entry.principal.mean, entry.principal.axes, a, b);
    }
    const rows = Array.from({ length: d }, (_, i) =>
      Array.from({ length: d }, (_, j) => (i === j ? 1 : 0)),
    );
    return new Frame(kind, new Array<number>(d).fill(0), rows, a, b);
  }

  get d(): number {
    return this.origin.length;
  }

  /** Coordinate i of a latent. */
  coordinate(i: number, z: ArrayLike<number>): number {
    const row = this.rows[i];
    let sum = 0;
    for (let j = 0; j < row.length; j++) sum += row[j] * (z[j] - this.origin[j]);
    return sum;
  }

  /** All coordinates of a latent. */
  coordinates(z: ArrayLike<number>): number[] {
    return this.rows.map((_, i) => this.coordinate(i, z));
  }

  latent(c: readonly number[]): number[] {
    return this.origin.map((o, j) => {
      let sum = o;
      for (let i = 0; i < c.length; i++) sum += this.rows[i][j] * c[i];
      return sum;
    });
  }

  /** Where a latent lies on the map. With one dimension it lies on a line. */
  place(z: ArrayLike<number>): [number, number] {
    return [this.coordinate(this.a, z), this.d > 1 ? this.coordinate(this.b, z) : 0];
  }

  /**
   * The latent at a place of the map whose other coordinates are those of `z`: z + Δx u + Δy v, as
   * the rows are orthonormal. The pointer asks for it at each move, so it costs d steps, not d².
   */
  at(x: number, y: number, z: ArrayLike<number>): number[] {
    const [u, v] = [this.rows[this.a], this.rows[this.b]];
    const [fromX, fromY] = this.place(z);
    const [dx, dy] = [x - fromX, this.d > 1 ? y - fromY : 0];
    return Array.from(z, (value, j) => value + dx * u[j] + dy * v[j]);
  }

  /** Places of n latents (n × d), as n × 2. */
  places(latents: Float32Array): Float32Array {
    const d = this.d;
    const n = latents.length / d;
    const out = new Float32Array(2 * n);
    const [rowA, rowB] = [this.rows[this.a], this.rows[this.b]];
    for (let i = 0; i < n; i++) {
      let x = 0;
      let y = 0;
      for (let j = 0; j < d; j++) {
        const v = latents[i * d + j] - this.origin[j];
        x += rowA[j] * v;
        y += rowB[j] * v;
      }
      out[2 * i] = x;
      out[2 * i + 1] = d > 1 ? y : 0;
    }
    return out;
  }

  /** The map's part of a mean and a covariance. */
  plane(mean: readonly number[], covariance: readonly (readonly number[])[]): Gaussian2 {
    const [x, y] = this.place(mean);
    const between = (p: readonly number[], q: readonly number[]) => {
      let sum = 0;
      for (let i = 0; i < p.length; i++) {
        for (let j = 0; j < q.length; j++) sum += p[i] * covariance[i][j] * q[j];
      }
      return sum;
    };
    return this.spread(x, y, between);
  }

  /** As `plane`, of independent dimensions, whose covariance is a variance each. */
  planeOfEach(mean: readonly number[], variance: ArrayLike<number>): Gaussian2 {
    const [x, y] = this.place(mean);
    return this.spread(x, y, (p, q) => {
      let sum = 0;
      for (let i = 0; i < p.length; i++) sum += p[i] * variance[i] * q[i];
      return sum;
    });
  }

  private spread(
    x: number,
    y: number,
    between: (p: readonly number[], q: readonly number[]) => number,
  ): Gaussian2 {
    const [u, v] = [this.rows[this.a], this.rows[this.b]];
    if (this.d === 1) return { x, y, xx: between(u, u), xy: 0, yy: between(u, u) };
    return { x, y, xx: between(u, u), xy: between(u, v), yy: between(v, v) };
  }
}

/** A normal distribution on the map. */
export interface Gaussian2 {
  x: number;
  y: number;
  xx: number;
  xy: number;
  yy: number;
}

/** Half-axes of the one-deviation ellipse, and the angle of the first against the x axis. */
export function ellipseOf(g: Gaussian2): { major: number; minor: number; angle: number } {
  const middle = (g.xx + g.yy) / 2;
  const spread = Math.hypot((g.xx - g.yy) / 2, g.xy);
  return {
    major: Math.sqrt(Math.max(0, middle + spread)),
    minor: Math.sqrt(Math.max(0, middle - spread)),
    angle: 0.5 * Math.atan2(2 * g.xy, g.xx - g.yy),
  };
}
