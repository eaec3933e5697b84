"""How far the aggregate posterior is from the prior: latents against draws of the prior.

In each measure ``z`` are the model's latents and ``draws`` as many independent draws of the prior.
The reference is what two sets of draws of one distribution score on average, which is known.
"""

import math

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Bool, Float

from reparam.evaluation.measures.kernel import inverse_multiquadratic
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.roc import auc
from reparam.evaluation.measures.squared_distance import (
    Across,
    SquaredDistance,
    Within,
    unbiased_mmd,
)
from reparam.types import LatentArray

Draws = Float[np.ndarray, "M d"]

MOST_KERNEL = 2000
"""Of each sample in ``mmd``: the kernel's matrix grows with their square."""

MOST_CLASSIFIED = 10_000
"""Of each sample in ``classifier_two_sample``."""

FEWEST_CLASSIFIED = 40

FEWEST_PROJECTED = 40

MOST_DIMENSIONS = 512
"""Of ``classifier_two_sample``, which looks at all pairs of dimensions."""

DIRECTIONS = 64
"""Of ``sliced_wasserstein`` at least: whole orthogonal bases."""

MOST_PROJECTED = 2**20
"""Projections in all: with more directions, fewer latents."""

RELABELLINGS = 99
"""Of latents and draws in ``sliced_wasserstein``: p-values are at least 1 / 100."""


def sliced_wasserstein(z: LatentArray, draws: Draws, rng: np.random.Generator) -> Measured:
    """The sliced Wasserstein-2 distance, in units of latents (the prior's standard deviations).

    √ of the mean, over unit directions, of the squared Wasserstein-2 distance of the projections
    (Rabin et al. 2012; Bonneel et al. 2015), which is that of the sorted values. A shift by μ gives
    ‖μ‖/√d. The directions are random orthogonal bases: for a shift, each gives the mean over all
    directions without error.

    Two samples of one distribution are some way apart. How far is known by relabelling latents and
    draws at random: the mean over relabellings is taken off the square, and the share of them that
    are at least as far apart is the p-value, exact. The first-order variance is that of the
    transport potentials (del Barrio & Loubes 2019); the interval covers the distance itself
    (`squared_distance`), up to what the random directions miss. 0 where the square is below 0.
    """
    d = z.shape[1]
    bases = -(-DIRECTIONS // d)
    n = min(len(z), len(draws))
    if n < FEWEST_PROJECTED:
        return absent(f"sliced Wasserstein needs at least {FEWEST_PROJECTED} latents, got {n}")
    n = min(n, MOST_PROJECTED // (2 * bases * d))
    if n < FEWEST_PROJECTED:
        most = MOST_PROJECTED // (2 * FEWEST_PROJECTED)
        return absent(f"only for up to {most} latent dimensions, this model has {d}")
    x, y = (s[rng.choice(len(s), n, replace=False)] for s in (z, draws))
    turns = [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(bases)]
    # projections as rows, so that each is contiguous where it is sorted
    pooled = np.ascontiguousarray((np.concatenate([x, y]) @ np.concatenate(turns, 1)).T, np.float32)
    order = np.argsort(pooled, axis=1)
    pooled = np.take_along_axis(pooled, order, 1)
    raw = _transport_cost(pooled, order < n)
    relabelled = np.empty(RELABELLINGS)
    for i in range(RELABELLINGS):
        first = np.zeros(2 * n, bool)
        first[rng.permutation(2 * n)[:n]] = True
        relabelled[i] = _transport_cost(pooled, first[order])
    potentials = _potentials(pooled, order, n)
    found = SquaredDistance(
        value=raw - float(relabelled.mean()),
        first=float(potentials[:n].var() + potentials[n:].var()) / n,
        null=float(relabelled.var(ddof=1)),
    )
    value, low, high = (math.sqrt(max(v, 0.0)) for v in (found.value, *found.interval))
    p = (1 + np.count_nonzero(relabelled >= raw * (1 - 1e-6))) / (1 + RELABELLINGS)
    note = f"{len(pooled)} directions"
    if n < len(z):
        note += f"; {n:,} of {len(z):,} latents"
    return Measured(value, low, high, 0.0, float(p), n, note)


Sorted = Float[np.ndarray, "D T"]


def _transport_cost(pooled: Sorted, first: Bool[np.ndarray, "D T"]) -> float:
    """Mean squared distance of sorted values of the first sample and of the second."""
    # indices, as a mask without runs costs a mispredicted branch for every second value
    a, b = (pooled.ravel().take(np.flatnonzero(which)) for which in (first, ~first))
    return float(np.square(a - b).mean(dtype=np.float64))


def _potentials(pooled: Sorted, order: np.ndarray, n: int) -> Float[np.ndarray, " T"]:
    """Mean over directions of each point's transport potential φ, whose slope along the projected
    value is twice what it is moved by (Villani 2003, theorem 2.12).
    """
    first = order < n
    (a, at_a), (b, at_b) = (
        [x[which].reshape(len(pooled), n) for x in (pooled, order)] for which in (first, ~first)
    )
    moved = (a - b).astype(np.float64)
    total = np.zeros(2 * n)
    for values, points, by in ((a, at_a, moved), (b, at_b, -moved)):
        phi = np.zeros_like(by)
        np.cumsum((by[:, 1:] + by[:, :-1]) * np.diff(values, axis=1), 1, out=phi[:, 1:])
        phi -= phi.mean(1, keepdims=True)
        total += np.bincount(points.ravel(), phi.ravel(), minlength=2 * n)
    return total / len(pooled)


def mmd(
    z: LatentArray, draws: Draws, rng: np.random.Generator, permutations: int = 500
) -> Measured:
    """MMD² to the prior: the unbiased U-statistic (Gretton et al. 2012, eq. 3), which may be < 0.

    The kernel is the inverse multiquadratic summed over seven scales (Tolstikhin et al. 2018): no
    unit. The p-value is exact: the share of random relabellings of the pooled points with at least
    this MMD². The interval covers MMD² itself (`squared_distance`).
    """
    n = min(len(z), len(draws), MOST_KERNEL)
    if n < 4:
        return absent(f"a test of two samples needs at least 4 latents, got {n}")
    x, y = (s[rng.choice(len(s), n, replace=False)] for s in (z, draws))
    pooled = np.concatenate([x, y])
    k = inverse_multiquadratic(pooled, pooled)
    np.fill_diagonal(k, 0)
    labels = np.zeros((1 + permutations, 2 * n), np.float32)
    labels[:, :n] = 1
    rng.permuted(labels[1:], axis=1, out=labels[1:])
    relabelled = _mmd_of_labels(k, labels.T)
    rounding = 1e-6 * float(k.mean(dtype=np.float64))  # equal labellings count as equal
    p = (1 + np.count_nonzero(relabelled[1:] >= relabelled[0] - rounding)) / (1 + permutations)
    found = unbiased_mmd(Within.of(k[:n, :n]), Within.of(k[n:, n:]), Across.of(k[:n, n:]))
    low, high = found.interval
    note = f"{n:,} of each, drawn without repetition" if n < len(z) else ""
    return Measured(found.value, low, high, 0.0, float(p), n, note)


def _mmd_of_labels(
    k: Float[np.ndarray, "T T"], labels: Float[np.ndarray, "T P"]
) -> Float[np.ndarray, " P"]:
    """MMD² where 1 marks the first sample, 0 the second of the same size; ``k`` has diagonal 0."""
    n = len(k) // 2
    rows = k.sum(1, dtype=np.float64)
    first = (k @ labels * labels).sum(0, dtype=np.float64)
    touched = rows @ labels
    across = touched - first
    second = rows.sum() - 2 * touched + first
    return (first + second) / (n * (n - 1)) - 2 * across / n**2


def classifier_two_sample(z: LatentArray, draws: Draws, rng: np.random.Generator) -> Measured:
    """Held-out AUC of a classifier between latents and prior (Lopez-Paz & Oquab 2017): ½ is ideal.

    Half of either sample trains the stacked classifier of ``two_sample_classifier``, the other half
    is scored. Given the classifier these scores are independent, so the p-value, the one-sided
    Mann–Whitney test of them, holds its level whatever the classifier is, and ½ is expected of
    latents that are the prior's. The interval is DeLong's: it covers the AUC of this classifier, as
    it was trained, on fresh latents and draws: a lower bound on how well they could be told apart.
    Dependences among three and more dimensions that leave all pairs as they were are seen
    by its trees alone, and with luck. Of more than 512 dimensions it sees as many, at random.
    """
    d, note = z.shape[1], ""
    if d > MOST_DIMENSIONS:
        seen = rng.choice(d, MOST_DIMENSIONS, replace=False)
        z, draws = (x[:, seen] for x in (z, draws))
        note = f"; {MOST_DIMENSIONS} of {d:,} dimensions, at random"
    n = min(len(z), len(draws), MOST_CLASSIFIED)
    if n < FEWEST_CLASSIFIED:
        return absent(f"a classifier needs at least {FEWEST_CLASSIFIED} latents, got {n}")
    x, y = (s[rng.choice(len(s), n, replace=False)].astype(float) for s in (z, draws))
    half = n // 2
    classes = np.repeat([1, 0], half)
    # scikit-learn takes half a second.
    from reparam.evaluation.measures.two_sample_classifier import stacked_classifier

    fitted = stacked_classifier(int(rng.integers(2**31)))
    fitted.fit(np.concatenate([x[:half], y[:half]]), classes)
    positive, negative = (fitted.decision_function(s[half:]) for s in (x, y))
    value, low, high = auc(positive, negative)
    p = float(scipy.stats.mannwhitneyu(positive, negative, alternative="greater").pvalue)
    note = f"trained on {half:,} of each, scored on the other {n - half:,} of each{note}"
    return Measured(value, low, high, 0.5, p, n, note)
