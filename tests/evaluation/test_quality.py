import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from reparam.evaluation import image_quality


def pictures(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *shape), np.float32)


def test_constant_error_has_its_closed_form() -> None:
    originals = pictures(20, 16, 16, 3) * 0.5
    quality = image_quality(originals + np.float32(0.1), originals)
    assert quality.mse.mean == pytest.approx(0.01, rel=1e-4)
    assert quality.psnr.mean == pytest.approx(20.0, abs=1e-3)
    assert quality.psnr.standard_error == pytest.approx(0, abs=1e-3)
    assert quality.images == 20


def test_an_exact_copy() -> None:
    originals = pictures(4, 12, 12, 1)
    quality = image_quality(originals, originals)
    assert quality.mse.mean == 0
    assert quality.psnr.mean == math.inf
    assert quality.ssim.mean == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 1), (5, 5, 3), (6, 6, 1), (28, 28, 1)])
def test_any_size(shape: tuple[int, int, int]) -> None:
    quality = image_quality(pictures(3, *shape), pictures(3, *shape, seed=1))
    assert math.isfinite(quality.ssim.mean)
    assert quality.ssim.mean < 1


def pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """One picture, and another that is a little like it."""
    original = pictures(1, *shape)
    return np.float32(0.6) * original + np.float32(0.4) * pictures(1, *shape, seed=1), original


def windowed_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004, eqs. 13 to 16, window by window: of (H, W, C), in float64."""
    side = min(x.shape[:2])
    width = min(11, side if side % 2 else side - 1)
    offsets = np.arange(width) - width // 2
    weights = np.exp(-0.5 * (offsets / (1.5 * width / 11)) ** 2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    a, b = (sliding_window_view(v.astype(float), (width, width), (0, 1)) for v in (x, y))
    mean_a, mean_b = ((v * weights).sum((-2, -1)) for v in (a, b))
    a, b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    variances = ((v * v * weights).sum((-2, -1)) for v in (a, b))
    covariance = (a * b * weights).sum((-2, -1))
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return float((luminance * (2 * covariance + 0.03**2) / (sum(variances) + 0.03**2)).mean())


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))
def test_ssim_is_that_of_the_windows_inside_the_image(height: int, width: int, c: int) -> None:
    found, original = pair(height, width, c)
    expected = windowed_ssim(found[0], original[0])
    assert image_quality(found, original).ssim.mean == pytest.approx(expected, abs=1e-4)


SCIKIT_IMAGE = [((11, 11, 1), 0.6044849), ((28, 28, 1), 0.7773846), ((16, 12, 3), 0.8023929)]
"""What scikit-image 0.26.0 gives for ``pair``, in float64: structural_similarity(
gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, channel_axis=2)."""


@pytest.mark.parametrize(("shape", "expected"), SCIKIT_IMAGE)
def test_ssim_is_that_of_scikit_image(shape: tuple[int, int, int], expected: float) -> None:
    assert image_quality(*pair(*shape)).ssim.mean == pytest.approx(expected, abs=2e-6)


def test_mean_and_standard_error_are_over_images() -> None:
    originals, found = pictures(250, 8, 8, 1), pictures(250, 8, 8, 1, seed=1)
    each = ((found - originals) ** 2).mean((1, 2, 3))
    quality = image_quality(found, originals)
    assert quality.mse.mean == pytest.approx(each.mean(), rel=1e-5)
    assert quality.mse.standard_error == pytest.approx(each.std(ddof=1) / 250**0.5, rel=1e-4)
    psnr = (-10 * np.log10(each)).mean()
    assert quality.psnr.mean == pytest.approx(psnr, rel=1e-5)
    whole = [image_quality(found[i : i + 1], originals[i : i + 1]).ssim.mean for i in range(5)]
    first = image_quality(found[:5], originals[:5]).ssim.mean
    assert first == pytest.approx(np.mean(whole), rel=1e-5)


def test_a_single_image_has_no_standard_error() -> None:
    quality = image_quality(pictures(1, 8, 8, 1), pictures(1, 8, 8, 1, seed=1))
    assert math.isnan(quality.mse.standard_error)
