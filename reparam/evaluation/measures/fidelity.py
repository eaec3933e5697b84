"""How far decoded images are from real ones as distributions: Fréchet and kernel distance."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh

from reparam.evaluation.measures.measured import Measured, absent, at_most
from reparam.evaluation.measures.squared_distance import (
    Across,
    SquaredDistance,
    Within,
    unbiased_mmd,
)

Features = Float[np.ndarray, "N d"]
OtherFeatures = Float[np.ndarray, "M d"]
Moments = tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]

FEWEST = 8
"""Images of a set."""

EACH_FEATURE = 3
"""Images for each feature that the Fréchet distance is extrapolated from, at least: its halves then
have a covariance of full rank."""

HALVINGS = 4
"""Random halves of both sets, for the extrapolation of the Fréchet distance."""

KERNEL_IMAGES = 5000
"""Images of a set at most in the kernel distance, whose time grows with their square."""

ROWS = 128
"""Of a kernel matrix at a time: never whole in memory, with 5,000 columns in the cache."""


def frechet_distance(
    real: Features, fake: OtherFeatures, *, rng: np.random.Generator, note: str = ""
) -> Measured:
    """Fréchet distance of the two sets' Gaussians: ‖μ − μ'‖² + tr(Σ + Σ' − 2 (ΣΣ')^½), unbiased.

    FID (Heusel et al. 2017, section 4 and equation 6), in the features that are given, so it says
    nothing beside a figure in Inception's. As it is defined it is biased upwards, by about a
    constant over the number of images (Bińkowski et al. 2018, appendix D). So it is extrapolated to
    infinitely many images, as FID∞ of Chong & Forsyth 2020 (section 4), by twice the distance of
    all images less the mean distance of their halves, over HALVINGS random ones. It may be below 0;
    the reference is 0. First-order variance: that of the transport potentials of the two Gaussians;
    second-order: as of normal features, and once more over HALVINGS for the halves, which differ
    from each other as much as the whole from its mean. The interval covers the distance itself
    (`squared_distance`). None for fewer images than three times the features.
    """
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    n, m = len(real), len(fake)
    fewest = max(FEWEST, EACH_FEATURE * real.shape[1])
    if min(n, m) < fewest:
        return absent(
            f"a Fréchet distance of {real.shape[1]:,} features needs at least {fewest:,} images "
            f"of either set, got {min(n, m):,}: with fewer its bias is not 1/N"
        )
    of_real, of_fake = moments(real), moments(fake)
    whole = gaussian_distance(of_real, of_fake)
    halves = []
    for _ in range(HALVINGS):
        i, j = rng.permutation(n), rng.permutation(m)
        for a, b in ((i[: n // 2], j[: m // 2]), (i[n // 2 :], j[m // 2 :])):
            halves.append(gaussian_distance(moments(real[a]), moments(fake[b])))
    first = _potential(real, of_real, of_fake).var() / n
    first += _potential(fake, of_fake, of_real).var() / m
    null = _null_variance(0.5 * (of_real[1] + of_fake[1]), n, m)
    value = 2 * whole - float(np.mean(halves))
    found = SquaredDistance(value, float(first), null, more=1 / HALVINGS)
    low, high = found.interval
    return Measured(
        found.value, low, high, 0.0, samples=min(n, m), note=_with_sizes(real, fake, note)
    )


def _potential(x: Features, own: Moments, other: Moments) -> Float[np.ndarray, " N"]:
    """The transport potential of each row, from one Gaussian to the other: its influence.

    ‖x − μ‖² − (x − μ)ᵀ A (x − μ) + 2 (x − μ)ᵀ(μ − μ'), where A = Σ^−½ (Σ^½ Σ' Σ^½)^½ Σ^−½ is the
    optimal map (Dowson & Landau 1982).
    """
    (mean, covariance), (other_mean, other_covariance) = own, other
    values, vectors = eigh(covariance)
    roots = np.sqrt(values.clip(max(values[-1], 0.0) * 1e-12 + 1e-300))
    root, inverse = (vectors * r @ vectors.T for r in (roots, 1 / roots))
    between, turned = eigh(root @ other_covariance @ root)
    half = inverse @ turned
    a = half * np.sqrt(between.clip(0)) @ half.T
    centred = x - mean
    moved = centred - centred @ a + 2 * (mean - other_mean)
    return np.einsum("nd,nd->n", centred, moved)


def _null_variance(covariance: Float[np.ndarray, "d d"], n: int, m: int) -> float:
    """Of the distance of two samples of one normal distribution, to the second order.

    With s = 1/n + 1/m and eigenvalues λ: 2 s² Σ λ² of the means; and of the covariances, in which
    the distance is ½ Σ_ij Δ_ij² / (λ_i + λ_j), s² (½ Σ λ² + 2 Σ_{i<j} (λ_i λ_j / (λ_i + λ_j))²).
    """
    values = np.linalg.eigvalsh(covariance).clip(1e-300)
    pairs = values * values[:, None] / (values + values[:, None])
    square = float(np.square(values).sum())
    off_diagonal = float(np.square(pairs).sum() - np.square(np.diag(pairs)).sum()) / 2
    return (1 / n + 1 / m) ** 2 * (2.5 * square + 2 * off_diagonal)


def moments(x: Features) -> Moments:
    """Mean and covariance (over n − 1) of rows."""
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


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
    real: Features, fake: OtherFeatures, *, rng: np.random.Generator, note: str = ""
) -> Measured:
    """Kernel distance: unbiased MMD² with the kernel (x·y/d + 1)³ of d features.

    KID (Bińkowski et al. 2018, section 4 and equation 4), over at most 5,000 images of a set, in
    random order. The reference is 0, and it may be below. The interval covers the distance itself
    (`squared_distance`).
    """
    # Doubles: the distance is a difference of sums that are 100,000 times as large.
    real = at_most(KERNEL_IMAGES, real, rng).astype(np.float64)
    fake = at_most(KERNEL_IMAGES, fake, rng).astype(np.float64)
    if min(len(real), len(fake)) < FEWEST:
        few = min(len(real), len(fake))
        return absent(f"a kernel distance needs at least {FEWEST} images, got {few}")
    found = unbiased_mmd(_within(real), _within(fake), _across(real, fake))
    low, high = found.interval
    samples = min(len(real), len(fake))
    return Measured(
        found.value, low, high, 0.0, samples=samples, note=_with_sizes(real, fake, note)
    )


def _with_sizes(real: Features, fake: OtherFeatures, note: str) -> str:
    sizes = f"{len(real):,} real and {len(fake):,} decoded images"
    return f"{note}; {sizes}" if note else sizes


def _kernel(x: Features, y: OtherFeatures) -> Float[np.ndarray, "N M"]:
    found = x @ (y / x.shape[1]).T
    found += 1
    return found * found * found  # ten times as fast as the power


def _within(x: Features) -> Within:
    parts = []
    for start in range(0, len(x), ROWS):
        kernel = _kernel(x[start : start + ROWS], x)
        kernel[np.arange(len(kernel)), np.arange(start, start + len(kernel))] = 0
        parts.append(Across.of(kernel))
    return Within(
        np.concatenate([part.rows for part in parts]), sum(part.squares for part in parts)
    )


def _across(x: Features, y: OtherFeatures) -> Across:
    parts = [Across.of(_kernel(x[start : start + ROWS], y)) for start in range(0, len(x), ROWS)]
    return Across(
        np.concatenate([part.rows for part in parts]),
        np.sum([part.columns for part in parts], axis=0),
        sum(part.squares for part in parts),
    )
