"""Centre, spread and range of latents against N(0, I): claims that they are off-centre, unbounded.

References and p-values are those of N(0, I) samples of the same number N. They come from the exact
distributions of mean, scatter (Wishart) and order statistics, so that no such sample is drawn.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import binom, binomtest, chi2

from reparam.evaluation.measures.jackknife import normal_interval
from reparam.evaluation.measures.measured import Measured, absent, bootstrap, centred_interval
from reparam.types import LatentArray

NULL_REPEATS = 999
"""Draws of a statistic under N(0, I), for its reference and p-value (at least 1 / 1,000)."""

RADIUS_LEVEL = 0.99

MOST_DIMENSIONS = 512
"""Of ``gaussian_kl``, which has a d × d covariance."""


def off_centre(z: LatentArray, rng: np.random.Generator) -> Measured:
    """‖mean‖² / d, in the prior's variances; 0 for a centred aggregate posterior.

    The interval is the bootstrap's, centred, since a resampled squared norm is biased upwards by
    tr(Σ)/N; it ends at 0. Reference: 1/N, the expectation under N(0, I). p-value: exact, since
    N‖mean‖² is then χ²(d).
    """
    x = np.asarray(z, np.float64)
    n, d = x.shape
    value = float(np.square(x.mean(0)).sum() / d)
    if n < 2:
        return Measured(value, reference=1 / n, samples=n)

    def resampled(i: Int[np.ndarray, " n"]) -> float:
        return float(np.square(np.bincount(i, minlength=n) @ x / n).sum() / d)

    low, high = centred_interval(value, bootstrap(resampled, n, rng))
    p = float(chi2.sf(n * d * value, d))
    return Measured(value, max(low, 0.0), high, 1 / n, p, n)


def gaussian_kl(z: LatentArray, rng: np.random.Generator) -> Measured:
    """KL(N(m, S) ‖ N(0, I)) / d of the Gaussian fitted to z, in nats per dimension.

    ½ (tr S + ‖m‖² − d − ln det S) / d, with S the maximum-likelihood covariance (divisor N).
    The interval is analytic: first-order variance by the influence function (the infinitesimal
    jackknife, Efron 1982), plus the second-order one, which is all that is left at N(0, I) and is
    known there exactly. Like the value it is not corrected for the bias of a fit, about
    (d + 3) / 4N, which the reference shows. The p-value is a Monte Carlo likelihood-ratio test,
    exact at any N > d: under N(0, I) the scatter is Wishart, drawn by its Bartlett decomposition.
    """
    x = np.asarray(z, np.float64)
    n, d = x.shape
    if d > MOST_DIMENSIONS:
        return absent(f"only for up to {MOST_DIMENSIONS} latent dimensions, this model has {d}")
    if n <= d:
        return absent(f"a Gaussian in {d} dimensions needs more than {d} latents, got {n}")
    mean = x.mean(0)
    centred = x - mean
    covariance = centred.T @ centred / n
    sign, log_det = np.linalg.slogdet(covariance)
    if sign <= 0 or not math.isfinite(log_det):
        return absent(
            "the latents lie in a subspace: their covariance is singular, the KL infinite"
        )
    value = float(0.5 * (np.trace(covariance) + mean @ mean - d - log_det) / d)
    precise = np.eye(d) - np.linalg.inv(covariance)
    influence = (0.5 * np.einsum("ni,ij,nj->n", centred, precise, centred, optimize=True)) / d
    influence += centred @ mean / d
    null = _null_kl(n, d, rng)
    low, high = normal_interval(value, math.sqrt(influence.var() / n + null.var()))
    p = (1 + np.count_nonzero(null >= value)) / (1 + len(null))
    return Measured(value, max(low, 0.0), high, float(null.mean()), float(p), n)


def _null_kl(n: int, d: int, rng: np.random.Generator) -> Float[np.ndarray, " r"]:
    """``gaussian_kl`` of N samples of N(0, I), drawn by mean (N(0, I/N)) and scatter (Bartlett)."""
    diagonal = rng.chisquare(n - 1 - np.arange(d), size=(NULL_REPEATS, d))
    below = rng.chisquare(d * (d - 1) / 2, size=NULL_REPEATS) if d > 1 else 0.0
    trace = (diagonal.sum(1) + below) / n
    squared_mean = rng.chisquare(d, size=NULL_REPEATS) / n
    log_det = np.log(diagonal / n).sum(1)
    return 0.5 * (trace + squared_mean - d - log_det) / d


def radius_99(z: LatentArray, rng: np.random.Generator) -> Measured:
    """The radius about 0 that holds 99 % of the latents, over √χ²(d, 0.99): that of N(0, I) is 1.

    The interval is that of order statistics, exact for any continuous distribution; where N is too
    small for it (below about 370) it ends at the largest radius, and the note says so. The p-value
    is exact and two-sided: the latents beyond N(0, I)'s radius are Binomial(N, 0.01).
    """
    x = np.asarray(z, np.float64)
    n, d = x.shape
    limit = math.sqrt(chi2.ppf(RADIUS_LEVEL, d))
    radii = np.sort(np.sqrt(np.square(x).sum(1))) / limit
    k = math.ceil(RADIUS_LEVEL * n)
    # P(order statistic r ≤ quantile) = P(Binomial(N, 0.99) ≥ r)
    low = int(binom.ppf(0.025, n, RADIUS_LEVEL))
    high = int(binom.ppf(0.975, n, RADIUS_LEVEL)) + 1
    note = "" if high <= n else "too few latents for the interval's upper end: it is the largest"
    order = rng.beta(k, n - k + 1, size=NULL_REPEATS)
    reference = float(np.sqrt(chi2.ppf(order, d)).mean() / limit)
    beyond = int(np.count_nonzero(radii > 1))
    p = float(binomtest(beyond, n, 1 - RADIUS_LEVEL).pvalue)
    return Measured(
        float(radii[k - 1]),
        float(radii[max(low, 1) - 1]),
        float(radii[min(high, n) - 1]),
        reference,
        p,
        n,
        note,
    )
