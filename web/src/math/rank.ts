/** Which dimensions matter: by their KL, or by the variance of the means. */
import type { Run } from "../bundle/run";
import type { FrameKind } from "../state/state";
import { variances } from "./points";

const DEAD_KL = 0.01; // nats
const DEAD_VARIANCE = 0.01; // of the means: Burda et al. 2016, section 5.2 (active units)

export interface Ranked {
  index: number;
  /** Nats for latent axes where each has a KL, else the variance of the means. */
  weight: number;
  dead: boolean;
}

/** The dimensions of a frame, the heaviest first. */
export function ranked(run: Run, kind: FrameKind): Ranked[] {
  const { kl_per_dimension: kl, principal } = run.entry;
  const byKl = kind === "axes" && kl !== null;
  const weights = byKl ? kl : kind === "axes" ? variances(run.mu, run.d) : principal.variances;
  const least = byKl ? DEAD_KL : DEAD_VARIANCE;
  return weights
    .map((weight, index) => ({ index, weight, dead: weight < least }))
    .sort((p, q) => q.weight - p.weight);
}

/** The two heaviest, in their own order: what a map shows until others are chosen. */
export function heaviest(run: Run, kind: FrameKind): [number, number] {
  const [a, b = a] = ranked(run, kind).map(({ index }) => index);
  return a < b ? [a, b] : [b, a];
}
