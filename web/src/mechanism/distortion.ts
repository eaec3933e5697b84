/** How far an image is from what the decoder makes of it, in the run's unit. */
import type { LikelihoodEntry } from "../bundle/manifest";

export interface Distortion {
  /** Σ (x − x̂)², over pixels and channels. */
  squared: number;
  /** The same for each pixel and channel. */
  mse: number;
  /**
   * What training weighs against the KL: weight · MSE of a normal likelihood, which is −ln p(x|z)
   * without its constant; the cross-entropy of a Bernoulli one; null where x̂ does not tell it.
   */
  value: number | null;
}

// Where x̂ is rounded to 0 or 1 in float32.
const LEAST = 2 ** -24;

export function distortionOf(
  x: Float32Array,
  decoded: Float32Array,
  { form, weight }: LikelihoodEntry,
): Distortion {
  let squared = 0;
  let entropy = 0;
  for (let i = 0; i < x.length; i++) {
    squared += (x[i] - decoded[i]) ** 2;
    const p = Math.min(1 - LEAST, Math.max(LEAST, decoded[i]));
    entropy -= x[i] * Math.log(p) + (1 - x[i]) * Math.log(1 - p);
  }
  const mse = squared / x.length;
  if (form === "normal" && weight !== null) return { squared, mse, value: weight * mse };
  return { squared, mse, value: form === "bernoulli" ? entropy : null };
}
