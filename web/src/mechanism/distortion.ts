/** How far an image is from what the decoder makes of it, in the run's unit. */
import type { LikelihoodEntry } from "../bundle/manifest";
import type { Word } from "../ui/language";

export interface Distortion {
  /** (x − x̂)², the mean over pixels and channels. */
  mse: number;
  /**
   * What training weighs against the KL: weight · MSE of a normal likelihood, which is −ln p(x|z)
   * without its constant; the cross-entropy of a Bernoulli one; null where x̂ does not tell it.
   */
  value: number | null;
  /** Whether the value is −ln p(x|z) with its constant. */
  exact: boolean;
  /** What is computed: of `value`, or, where it is null, of `mse`. */
  how: Word;
}

// Where x̂ is rounded to 0 or 1 in float32.
const LEAST = 2 ** -24;

export function distortionOf(
  x: Float32Array,
  decoded: Float32Array,
  { form, weight }: LikelihoodEntry,
): Distortion {
  const mse = x.reduce((sum, v, i) => sum + (v - decoded[i]) ** 2, 0) / x.length;
  if (form === "normal" && weight !== null) {
    const how = weight === 1 ? "mechErrorPlain" : "mechErrorNormal";
    return { mse, value: weight * mse, exact: false, how };
  }
  if (form === "bernoulli") {
    return { mse, value: crossEntropy(x, decoded), exact: true, how: "mechErrorBernoulli" };
  }
  return { mse, value: null, exact: false, how: "mechErrorMse" };
}

function crossEntropy(x: Float32Array, decoded: Float32Array): number {
  return x.reduce((sum, v, i) => {
    const p = Math.min(1 - LEAST, Math.max(LEAST, decoded[i]));
    return sum - v * Math.log(p) - (1 - v) * Math.log(1 - p);
  }, 0);
}
