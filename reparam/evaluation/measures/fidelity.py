"""How far decoded images are from real ones as distributions: Fréchet and kernel distance."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh

from reparam.evaluation.measures.measured import REPEATS, Measured, centred_interval

Features = Float[np.ndarray, "N d"]
OtherFeatures = Float[np.ndarray, "M d"]
Moments = tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]

KERNEL_IMAGES = 5000
"""Images of a set at most in the kernel distance, whose time grows with their square."""

ROWS = 1000
"""Of a kernel matrix at a time, so that it is never whole in memory."""


def frechet_distance(
    real: Features,
    fake: OtherFeatures,
    other_real: Float[np.ndarray, "R d"] | None = None,
    *,
    rng: np.random.Generator,
) -> Measured:
    """Fréchet distance of the two sets' Gaussians: ‖μ − μ'‖² + tr(Σ + Σ' − 2 (ΣΣ')^½).

    FID (Heusel et al. 2017, section 4 and equation 6), in the features that are given, so it says
    nothing beside a figure in Inception's. It is biased upwards, the more so the fewer images there
    are (Bińkowski et al. 2018, section 4 and appendix D). So the reference, ``other_real`` against
    ``real``, is taken at the same size: ``fake`` and ``other_real`` are cut to the shorter of both,
    in random order, and ``samples`` is that size. The interval is a bootstrap over both sets, put
    around the value (`centred_interval`), since resampling adds bias of its own.
    """
    fake, other = _equally_many(fake, other_real, rng)
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    value = gaussian_distance(moments(real), moments(fake))
    replicates = np.array(
        [
            gaussian_distance(
                moments(real, _resampled(len(real), rng)), moments(fake, _resampled(len(fake), rng))
            )
            for _ in range(REPEATS)
        ]
    )
    reference = None
    if other is not None:
        reference = gaussian_distance(moments(real), moments(other.astype(np.float64)))
    low, high = centred_interval(value, replicates)
    return Measured(
        value, max(low, 0.0), high, reference, samples=len(fake), note="in the judge's features"
    )


def moments(x: Features, weights: Float[np.ndarray, " N"] | None = None) -> Moments:
    """Mean and covariance (over n − 1) of rows, of which each counts ``weights`` times."""
    if weights is None:
        mean = x.mean(0)
        centred = x - mean
        return mean, centred.T @ centred / (len(x) - 1)
    total = weights.sum()
    mean = weights @ x / total
    centred = x - mean
    return mean, (centred * weights[:, None]).T @ centred / (total - 1)


def gaussian_distance(one: Moments, other: Moments) -> float:
    """Squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982, equation 4).

    (ΣΣ')^½ has the trace of (Σ^½ Σ' Σ^½)^½, which is symmetric, so its eigenvalues do.
    """
    (mean, covariance), (other_mean, other_covariance) = one, other
    values, vectors = eigh(covariance)
    root = vectors * np.sqrt(values.clip(0))
    between = eigh(root.T @ other_covariance @ root, eigvals_only=True)
    traces = np.trace(covariance) + np.trace(other_covariance)
    shift = float(np.square(mean - other_mean).sum())
    return max(shift + float(traces - 2 * np.sqrt(between.clip(0)).sum()), 0.0)


def kernel_distance(
    real: Features,
    fake: OtherFeatures,
    other_real: Float[np.ndarray, "R d"] | None = None,
    *,
    rng: np.random.Generator,
) -> Measured:
    """Squared maximum mean discrepancy under the kernel (x·y / d + 1)³, without bias.

    KID (Bińkowski et al. 2018, section 3, equation 4). It may be below 0, and is 0 on average where
    the distributions agree, at any sample size. In place of the paper's mean over blocks it is the
    U-statistic of all pairs of at most 5,000 images a set. The interval is a bootstrap over both
    sets in which a pair of copies of one image does not count, put around the value
    (`centred_interval`). ``other_real`` against ``real`` is the reference.
    """
    fake, other = _equally_many(fake, other_real, rng)
    real = _at_most(real, KERNEL_IMAGES, rng)
    fake = _at_most(fake, KERNEL_IMAGES, rng)
    w_real, w_fake = (
        np.column_stack([np.ones(len(x)), *(_resampled(len(x), rng) for _ in range(REPEATS))])
        for x in (real, fake)
    )
    within_real = _within(real, w_real)
    found = within_real + _within(fake, w_fake) - 2 * _between(real, fake, w_real, w_fake)
    value = float(found[0])
    low, high = centred_interval(value, found[1:])
    reference = None
    if other is not None:
        other = _at_most(other, KERNEL_IMAGES, rng)
        alone, real_alone = np.ones((len(other), 1)), np.ones((len(real), 1))
        reference = float(
            within_real[0]
            + _within(other, alone)[0]
            - 2 * _between(real, other, real_alone, alone)[0]
        )
    return Measured(value, low, high, reference, samples=len(fake), note="unbiased: may be below 0")


def _kernel(x: Features, y: OtherFeatures) -> Float[np.ndarray, "N M"]:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _within(x: Features, weights: Float[np.ndarray, "N k"]) -> Float[np.ndarray, " k"]:
    """Mean kernel of pairs of different rows, for each column of weights."""
    sums = np.zeros(weights.shape[1])
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        kernel = _kernel(x[rows], x)
        kernel[np.arange(len(kernel)), np.arange(start, start + len(kernel))] = 0
        sums += (weights[rows] * (kernel @ weights.astype(kernel.dtype))).sum(0)
    return sums / (weights.sum(0) ** 2 - (weights**2).sum(0))


def _between(
    x: Features,
    y: OtherFeatures,
    x_weights: Float[np.ndarray, "N k"],
    y_weights: Float[np.ndarray, "M k"],
) -> Float[np.ndarray, " k"]:
    """Mean kernel of pairs of a row of x and a row of y, for each column of weights."""
    sums = np.zeros(x_weights.shape[1])
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        kernel = _kernel(x[rows], y)
        sums += (x_weights[rows] * (kernel @ y_weights.astype(kernel.dtype))).sum(0)
    return sums / (x_weights.sum(0) * y_weights.sum(0))


def _resampled(n: int, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
    """How often each of n things comes in a draw of n with repetition."""
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def _equally_many(
    fake: OtherFeatures, other: Features | None, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"] | None]:
    if other is None:
        return fake, None
    n = min(len(fake), len(other))
    return _at_most(fake, n, rng), _at_most(other, n, rng)


def _at_most(x: Features, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    return x if len(x) <= n else x[rng.choice(len(x), n, replace=False)]
