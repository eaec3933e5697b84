"""How far the aggregate posterior is from the prior: latents against draws of the prior.

In each measure ``z`` are the model's latents, ``draws`` and ``other`` two independent sets of draws
of the prior; the reference is the measure of ``other`` against ``draws``.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu

from reparam.evaluation.measures.jackknife import jackknife_deviation, normal_interval
from reparam.evaluation.measures.kernel import inverse_multiquadratic
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.roc import auc
from reparam.evaluation.measures.two_sample_classifier import stacked_classifier
from reparam.types import LatentArray

Draws = Float[np.ndarray, "M d"]
OtherDraws = Float[np.ndarray, "K d"]

MOST_KERNEL = 2000
"""Of each sample in ``mmd``: the kernel's matrix grows with their square."""

MOST_CLASSIFIED = 10_000
"""Of each sample in ``classifier_two_sample``."""

FEWEST_CLASSIFIED = 40

MOST_DIMENSIONS = 512
"""Of ``classifier_two_sample``, which looks at all pairs of dimensions."""

GROUPS = 20
"""Of the jackknife in ``sliced_wasserstein``."""


def sliced_wasserstein(
    z: LatentArray,
    draws: Draws,
    other: OtherDraws,
    rng: np.random.Generator,
    directions: int = 128,
) -> Measured:
    """The sliced Wasserstein-2 distance, in units of latents (the prior's standard deviations).

    √ of the mean, over random unit directions, of the squared Wasserstein-2 distance of the
    projections (Rabin et al. 2012; Bonneel et al. 2015), which is that of the sorted values. A
    shift by μ gives ‖μ‖/√d. The number of points is the smaller sample's.

    The interval is that of a jackknife which leaves out a twentieth of either sample at a time
    (Shao & Wu 1989), since resampled points lie further apart than fresh ones. It lies about the
    value, not about 0: any two finite samples are some way apart, as the reference shows.
    """
    n = min(len(z), len(draws), len(other)) // GROUPS * GROUPS
    if n < 2 * GROUPS:
        return absent(f"sliced Wasserstein needs at least {2 * GROUPS} latents, got {len(z)}")
    theta = rng.standard_normal((z.shape[1], directions))
    theta /= np.linalg.norm(theta, axis=0)
    samples = (x[rng.choice(len(x), n, replace=False)] for x in (z, draws, other))
    # projections as rows, so that each is contiguous where it is sorted
    a, b, c = (np.ascontiguousarray((x @ theta).T, np.float32) for x in samples)
    order = [np.argsort(x, axis=1) for x in (a, b)]
    a, b = (np.take_along_axis(x, o, 1) for x, o in zip((a, b), order, strict=True))
    c.sort(axis=1)
    value = _root_mean_square(a - b)
    group = np.arange(n) % GROUPS
    group_a, group_b = (group.astype(np.int8)[o] for o in order)
    # every row loses n / GROUPS values, so that what is left is a table again, still sorted
    left_out = [_root_mean_square(a[group_a != g] - b[group_b != g]) for g in range(GROUPS)]
    low, high = normal_interval(value, jackknife_deviation(np.array(left_out)))
    note = f"{directions} directions"
    reference = _root_mean_square(c - b)
    return Measured(value, max(low, 0.0), high, reference, None, n, note)


def _root_mean_square(x: np.ndarray) -> float:
    return math.sqrt(np.square(x).mean(dtype=np.float64))


def mmd(
    z: LatentArray,
    draws: Draws,
    other: OtherDraws,
    rng: np.random.Generator,
    permutations: int = 500,
) -> Measured:
    """MMD² to the prior: the unbiased U-statistic (Gretton et al. 2012, eq. 3), which may be < 0.

    The kernel is the inverse multiquadratic summed over seven scales (Tolstikhin et al. 2018): no
    unit. The p-value is exact: the share of random relabellings of the pooled points with at least
    this MMD². The interval is the delete-one jackknife's over both samples (Arvesen 1969), as a
    bootstrap would pair points with their own copies.
    """
    n = min(len(z), len(draws), len(other), MOST_KERNEL)
    if n < 4:
        return absent(f"a test of two samples needs at least 4 latents, got {n}")
    x, y, o = (s[rng.choice(len(s), n, replace=False)] for s in (z, draws, other))
    pooled = np.concatenate([x, y])
    k = inverse_multiquadratic(pooled, pooled)
    np.fill_diagonal(k, 0)
    labels = np.zeros((1 + permutations, 2 * n), np.float32)
    labels[:, :n] = 1
    rng.permuted(labels[1:], axis=1, out=labels[1:])
    relabelled = _mmd_of_labels(k, labels.T)
    value = float(relabelled[0])
    rounding = 1e-6 * float(k.mean(dtype=np.float64))  # equal labellings count as equal
    p = (1 + np.count_nonzero(relabelled[1:] >= value - rounding)) / (1 + permutations)
    low, high = normal_interval(value, _mmd_deviation(k, n))
    within, across = inverse_multiquadratic(o, o), inverse_multiquadratic(o, y)
    np.fill_diagonal(within, 0)
    pairs = n * (n - 1)
    reference = (within.sum(dtype=float) + k[n:, n:].sum(dtype=float)) / pairs
    reference -= 2 * float(across.mean(dtype=float))
    note = f"{n:,} of each, drawn without repetition" if n < len(z) else ""
    return Measured(value, low, high, float(reference), float(p), n, note)


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


def _mmd_deviation(k: Float[np.ndarray, "T T"], n: int) -> float:
    """Of MMD², leaving out one point of one sample, then one of the other."""
    xx, yy, xy = (block.astype(np.float64) for block in (k[:n, :n], k[n:, n:], k[:n, n:]))
    variance = 0.0
    for own, cross in ((xx, xy.sum(1)), (yy, xy.sum(0))):
        rows = own.sum(1)
        left_out = (rows.sum() - 2 * rows) / ((n - 1) * (n - 2))
        left_out -= 2 * (cross.sum() - cross) / ((n - 1) * n)
        variance += jackknife_deviation(left_out) ** 2
    return math.sqrt(variance)


def classifier_two_sample(
    z: LatentArray, draws: Draws, other: OtherDraws, rng: np.random.Generator
) -> Measured:
    """Held-out AUC of a classifier between latents and prior (Lopez-Paz & Oquab 2017): ½ is ideal.

    Half of either sample trains the stacked classifier of ``two_sample_classifier``, the other half
    is scored. Given the classifier these scores are independent, so the p-value, the one-sided
    Mann–Whitney test of them, holds its level whatever the classifier is. The interval is DeLong's.
    It says how well this classifier tells these latents from draws: a lower bound on how well they
    could be. Dependences among three and more dimensions that leave all pairs as they were are seen
    by its trees alone, and with luck. Of more than 512 dimensions it sees as many, at random.
    """
    d, note = z.shape[1], ""
    if d > MOST_DIMENSIONS:
        seen = rng.choice(d, MOST_DIMENSIONS, replace=False)
        z, draws, other = (x[:, seen] for x in (z, draws, other))
        note = f"; {MOST_DIMENSIONS} of {d:,} dimensions, at random"
    n = min(len(z), len(draws), len(other), MOST_CLASSIFIED)
    if n < FEWEST_CLASSIFIED:
        return absent(f"a classifier needs at least {FEWEST_CLASSIFIED} latents, got {n}")
    x, y, o = (s[rng.choice(len(s), n, replace=False)].astype(float) for s in (z, draws, other))
    seed = int(rng.integers(2**31))
    positive, negative = _held_out_scores(x, y, seed)
    value, low, high = auc(positive, negative)
    reference = auc(*_held_out_scores(o, y, seed))[0]
    p = float(mannwhitneyu(positive, negative, alternative="greater").pvalue)
    note = f"trained on {n // 2:,} of each, scored on the other {n - n // 2:,} of each{note}"
    return Measured(value, low, high, reference, p, n, note)


def _held_out_scores(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    half = len(x) // 2
    rows = np.concatenate([x[:half], y[:half]])
    classes = np.repeat([1, 0], half)
    fitted = stacked_classifier(seed).fit(rows, classes)
    return fitted.decision_function(x[half:]), fitted.decision_function(y[half:])
