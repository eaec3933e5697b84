import math

import numpy as np
import pytest

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
