/** What lies over the points, from the state. */
import { labelOf, meanOf, type Run } from "../bundle/run";
import type { Explorer } from "../explorer";
import type { Gaussian2 } from "../math/frame";
import { onPath } from "../math/interpolate";
import { axisName } from "../ui/axis";
import type { Palette } from "../ui/theme";
import { safeColour } from "./colours";
import type { Marks } from "./overlay";
import type { PointerMarks } from "./pointer";

/** What is not in the state. */
export interface Extras {
  /** Draws from the prior that are shown, and which of them is chosen. */
  samples: { latents: readonly number[][]; chosen: number };
  trail: number[][];
  logVar: Float32Array | null;
  /** An image with latents drawn of its posterior, in place of the nearest image. */
  studied: { index: number; draws: readonly number[][] } | null;
}

type Place = [number, number];

export function marksOf(
  explorer: Explorer,
  run: Run,
  extras: Extras,
  drawing: Place[] | null,
  palette: Palette,
): Marks {
  const { state } = explorer.store;
  const frame = explorer.frame(run);
  const main = run.id === state.run;
  const path = main && (state.panel === "path" || state.tool === "path") ? state.path : [];
  const selecting = main && (["gallery", "direction"].includes(state.panel) || state.tool === "lasso");
  const steps = path.length > 1 ? 24 * (path.length - 1) : 0;
  return {
    ...priorMarks(explorer, run),
    axes: [axisName(run, state.frame, frame.a), frame.d > 1 ? axisName(run, state.frame, frame.b) : ""],
    names: state.names ? classNames(explorer, run, palette) : [],
    line: Array.from({ length: steps && steps + 1 }, (_, i) =>
      frame.place(onPath(path, i / steps, state.interpolation)),
    ),
    stops: path.map((stop) => frame.place(stop)),
    on: path.length > 1 ? frame.place(onPath(path, state.t, state.interpolation)) : null,
    trail: main && state.panel === "draw" ? extras.trail.map((latent) => frame.place(latent)) : [],
    draws: main ? (extras.studied?.draws ?? []).map((latent) => frame.place(latent)) : [],
    samples: state.panel === "samples" ? extras.samples.latents.map((z) => frame.place(z)) : [],
    chosen: extras.samples.chosen,
    lasso: drawing ?? (selecting ? state.lasso : []),
    open: drawing !== null,
  };
}

/** The prior's ellipse, or its box where it has one along the map's axes, while they are shown. */
function priorMarks(explorer: Explorer, run: Run): Pick<Marks, "prior" | "box"> {
  const frame = explorer.frame(run);
  const { mean, covariance, low, high } = run.entry.prior;
  if (!explorer.store.state.rings) return { prior: null, box: null };
  if (frame.kind === "axes" && low && high) {
    return { prior: null, box: { low: frame.place(low), high: frame.place(high) } };
  }
  return { prior: frame.plane(mean, covariance), box: null };
}

/** Opposite corners of the prior's box where it is drawn. Rings have no end that must be seen. */
export function boxCorners(explorer: Explorer, run: Run): (readonly [number, number])[] {
  const { box } = priorMarks(explorer, run);
  return box ? [box.low, box.high] : [];
}

/** What moves with the pointer. */
export function pointerMarksOf(
  explorer: Explorer,
  run: Run,
  extras: Extras,
  named: readonly { text: string }[],
  palette: Palette,
): PointerMarks {
  const { state } = explorer.store;
  const frame = explorer.frame(run);
  const { studied } = extras;
  const { index } = studied ?? explorer.near(run);
  const label = labelOf(run, index);
  const name = label === null ? "" : run.entry.classes[label].name;
  const known = !state.names || named.some(({ text }) => text === name);
  const colour =
    label === null ? palette.muted : safeColour(run.entry.classes[label].colour);
  return {
    cursor: frame.place(explorer.z(run)),
    pinned: state.pinned,
    nearest: { place: frame.place(meanOf(run, index)), colour },
    name: known ? "" : name,
    posterior: state.posterior || studied ? posteriorOf(explorer, run, extras.logVar, index) : null,
  };
}

function posteriorOf(
  explorer: Explorer,
  run: Run,
  logVar: Float32Array | null,
  index: number,
): Gaussian2 | null {
  if (!logVar) return null;
  const variance = logVar.subarray(index * run.d, (index + 1) * run.d).map(Math.exp);
  return explorer.frame(run).planeOfEach(meanOf(run, index), variance);
}

/** In [0, 1): neighbours among the classes lie far apart, so that the first few are spread over all. */
const scattered = (k: number) => (k * 0.618034) % 1;

const centres = new WeakMap<Float32Array, [number, number, number][]>();

/** The classes that are shown, at the mean of their points; those of most points first. */
function classNames(explorer: Explorer, run: Run, palette: Palette): Marks["names"] {
  const places = explorer.places(run);
  const { classes } = run.entry;
  let sums = centres.get(places);
  if (!sums) {
    sums = classes.map(() => [0, 0, 0]);
    for (let i = 0; i < run.count; i++) {
      const sum = sums[run.labels[i]];
      if (!sum) continue;
      sum[0] += places[2 * i];
      sum[1] += places[2 * i + 1];
      sum[2]++;
    }
    centres.set(places, sums);
  }
  const hidden = new Set(explorer.store.state.hidden);
  return sums
    .flatMap(([x, y, n], k) => (n === 0 || hidden.has(k) ? [] : [{ x: x / n, y: y / n, n, k }]))
    .sort((a, b) => b.n - a.n || scattered(a.k) - scattered(b.k))
    .map(({ x, y, k }) => ({
      place: [x, y] as Place,
      text: classes[k].name,
      colour: explorer.colouring(run) ? palette.muted : safeColour(classes[k].colour),
    }));
}
