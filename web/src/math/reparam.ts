/** The reparametrised draw z = μ + σ ⊙ ε of a normal posterior, and its KL divergence to N(0, I). */

/** Independent dimensions; without `logVar` a point. */
export interface Posterior {
  mu: readonly number[];
  logVar: readonly number[] | null;
}

export function sigmaOf(q: Posterior): number[] {
  return q.mu.map((_, j) => (q.logVar ? Math.exp(q.logVar[j] / 2) : 0));
}

/** ε ~ N(0, I) in d dimensions (Box and Muller). */
export function noise(d: number): number[] {
  return Array.from({ length: d }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
    return radius * Math.cos(2 * Math.PI * Math.random());
  });
}

/** z = μ + σ ⊙ ε. */
export function latentOf(q: Posterior, epsilon: readonly number[]): number[] {
  const sigma = sigmaOf(q);
  return q.mu.map((m, j) => m + sigma[j] * epsilon[j]);
}

/** The ε of a latent: (z − μ) / σ; 0 of a point. */
export function noiseOf(q: Posterior, z: readonly number[]): number[] {
  const sigma = sigmaOf(q);
  return q.mu.map((m, j) => (sigma[j] > 0 ? (z[j] - m) / sigma[j] : 0));
}

/** ½ (μ² + σ² − 1 − ln σ²) of each dimension, in nats. */
export function klToStandard(q: Posterior): number[] {
  return q.mu.map((m, j) => {
    const logVar = q.logVar![j];
    return 0.5 * (m * m + Math.exp(logVar) - 1 - logVar);
  });
}
