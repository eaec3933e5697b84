"""Centre, spread and range of latents against N(0, I): claims that they are off-centre, unbounded.

p-values are those of N(0, I) samples of the same number N. They come from the exact distributions
of mean, scatter (Wishart) and order statistics, so that no such sample is drawn.
"""

import math

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Float
from scipy.special import psi

from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.squared_distance import SquaredDistance, Within, u_statistic
from reparam.types import LatentArray

NULL_REPEATS = 999
"""Draws of a statistic under N(0, I), for its reference and p-value (at least 1 / 1,000)."""

RADIUS_LEVEL = 0.99

MOST_DIMENSIONS = 512
"""Of ``gaussian_kl``, which has a d × d covariance."""


def off_centre(z: LatentArray) -> Measured:
    """‖E z‖² / d, in the prior's variances; 0 for a centred aggregate posterior.

    The mean of z_i · z_j / d over all pairs of different latents, which is ‖mean‖² less what N
    latents add by chance, tr(Σ)/N: unbiased, so it may be below 0. The interval covers ‖E z‖² / d
    itself (`squared_distance`). p-value: Hotelling's T² (1931), that the mean is 0 whatever the
    covariance, exact for normal latents; none for N ≤ d or latents in a subspace.
    """
    x = np.asarray(z, np.float64)
    n, d = x.shape
    mean = x.mean(0)
    p = _hotelling(x)
    if n < 4:
        return Measured(float(mean @ mean / d), reference=0.0, p_value=p, samples=n)
    lengths = np.square(x).sum(1)
    rows = x @ x.sum(0) - lengths
    products = x @ x.T if n < d else x.T @ x  # one norm; the smaller of the two
    squares = float(np.square(products).sum() - np.square(lengths).sum())
    found = u_statistic(Within(rows / d, squares / d**2))
    low, high = found.interval
    return Measured(found.value, low, high, 0.0, p, n)


def _hotelling(x: Float[np.ndarray, "N d"]) -> float | None:
    """P(T² at least as large) under a mean of 0: T² (N − d) / (d (N − 1)) is F(d, N − d)."""
    n, d = x.shape
    if n <= d:
        return None
    mean, covariance = x.mean(0), np.atleast_2d(np.cov(x.T))
    if np.linalg.matrix_rank(covariance, hermitian=True) < d:
        return None
    squared = n * mean @ np.linalg.solve(covariance, mean)
    return float(scipy.stats.f.sf(squared * (n - d) / (d * (n - 1)), d, n - d))


def gaussian_kl(z: LatentArray, rng: np.random.Generator) -> Measured:
    """KL(N(m, S) ‖ N(0, I)) / d of the Gaussian with the latents' mean and covariance, in nats.

    ½ (tr S + ‖m‖² − d − ln det S) / d, with S the maximum-likelihood covariance, less the bias of
    the fit: E ln det S of N normal latents is known (Wishart), and a fourth moment that is not
    normal's adds (E h² − d (d + 2)) / 4N, with h the squared Mahalanobis distance. The first-order
    variance is that of the influence function, the second-order one that of N(0, I), known
    exactly; the interval covers the KL itself (`squared_distance`). The p-value is a Monte Carlo
    likelihood-ratio test, exact at any N > d: under N(0, I) the scatter is Wishart, drawn by its
    Bartlett decomposition.
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
    fitted = float(0.5 * (np.trace(covariance) + mean @ mean - d - log_det) / d)
    inverse = np.linalg.inv(covariance)
    mahalanobis = np.einsum("ni,ij,nj->n", centred, inverse, centred, optimize=True)
    kurtosis = float(np.square(mahalanobis).mean()) - d * (d + 2)
    lost = -0.5 * (psi((n - 1 - np.arange(d)) / 2).sum() + d * math.log(2 / n))
    influence = 0.5 * (np.square(centred).sum(1) - mahalanobis) / d + centred @ mean / d
    null = _null_kl(n, d, rng)
    found = SquaredDistance(
        value=fitted - float(lost + kurtosis / (4 * n)) / d,
        first=float(influence.var()) / n,
        null=float(null.var()),
    )
    low, high = found.interval
    p = (1 + np.count_nonzero(null >= fitted)) / (1 + len(null))
    return Measured(found.value, low, high, 0.0, float(p), n)


def _null_kl(n: int, d: int, rng: np.random.Generator) -> Float[np.ndarray, " r"]:
    """The KL of the Gaussian fitted to N samples of N(0, I), by mean and scatter (Bartlett)."""
    diagonal = rng.chisquare(n - 1 - np.arange(d), size=(NULL_REPEATS, d))
    below = rng.chisquare(d * (d - 1) / 2, size=NULL_REPEATS) if d > 1 else 0.0
    trace = (diagonal.sum(1) + below) / n
    squared_mean = rng.chisquare(d, size=NULL_REPEATS) / n
    log_det = np.log(diagonal / n).sum(1)
    return 0.5 * (trace + squared_mean - d - log_det) / d


def radius_99(z: LatentArray, rng: np.random.Generator) -> Measured:
    """The radius about 0 that holds 99 % of the latents, over √χ²(d, 0.99): that of N(0, I) is 1.

    The interval is that of order statistics, interpolated between them so that it holds in 95 % and
    not more; there is none where N is too small for its upper end (below 368). The p-value is
    exact and two-sided: the latents beyond N(0, I)'s radius are Binomial(N, 0.01).
    """
    x = np.asarray(z, np.float64)
    n, d = x.shape
    limit = math.sqrt(scipy.stats.chi2.ppf(RADIUS_LEVEL, d))
    radii = np.sort(np.sqrt(np.square(x).sum(1))) / limit
    k = math.ceil(RADIUS_LEVEL * n)
    bounded = scipy.stats.binom.cdf(n - 1, n, RADIUS_LEVEL) >= 0.975
    note = "" if bounded else "an interval needs at least 368 latents"
    order = rng.beta(k, n - k + 1, size=NULL_REPEATS)
    reference = float(np.sqrt(scipy.stats.chi2.ppf(order, d)).mean() / limit)
    beyond = int(np.count_nonzero(radii > 1))
    p = float(scipy.stats.binomtest(beyond, n, 1 - RADIUS_LEVEL).pvalue)
    return Measured(
        float(radii[k - 1]),
        _quantile_bound(radii, RADIUS_LEVEL, 0.025) if bounded else None,
        _quantile_bound(radii, RADIUS_LEVEL, 0.975) if bounded else None,
        reference,
        p,
        n,
        note,
    )


def _quantile_bound(ordered: Float[np.ndarray, " N"], level: float, above: float) -> float:
    """What lies above the distribution's quantile at ``level`` with the probability ``above``.

    Between two neighbours of the ordered sample, in place of a whole rank (Nyblom 1992; at the
    median Hettmansperger & Sheather 1986): of r values below the quantile and n − r above it, the
    nearest on either side are about exponentially far, with the rates r / level and
    (n − r) / (1 − level), which says where a point between them is above as often as wanted.
    """
    n = len(ordered)
    count = scipy.stats.binom(n, level)
    below = int(count.ppf(above))  # the rank r, from 0: P(fewer than r below) < above
    if below >= n:
        return float(ordered[-1])
    wanted = (above - count.cdf(below - 1)) / count.pmf(below)
    after, before = (n - below) / (1 - level), max(below, 1) / level
    share = wanted * after / ((1 - wanted) * before + wanted * after)
    return float((1 - share) * ordered[max(below, 1) - 1] + share * ordered[below])
