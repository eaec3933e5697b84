import numpy as np
import pytest

from reparam.evaluation.measures.reconstruction import feature_distance, reconstruction_quality
from reparam.evaluation.quality import image_quality, quality_of_each


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_known_errors() -> None:
    originals = np.full((30, 12, 12, 1), 0.25, np.float32)
    found = reconstruction_quality(quality_of_each(originals + np.float32(0.1), originals))
    assert found["mse"].value == pytest.approx(0.01, rel=1e-4)
    assert found["psnr"].value == pytest.approx(20, rel=1e-4)
    exact = reconstruction_quality(quality_of_each(originals, originals))
    assert exact["mse"].value == 0
    assert exact["ssim"].value == pytest.approx(1)
    assert exact["psnr"].value == np.inf


def test_means_and_intervals_agree_with_those_of_the_standard_error() -> None:
    originals = rng().uniform(size=(200, 12, 12, 1)).astype(np.float32)
    noise = rng(1).normal(size=originals.shape) * rng(2).uniform(0, 0.3, (200, 1, 1, 1))
    found = np.clip(originals + noise, 0, 1).astype(np.float32)
    measured = reconstruction_quality(quality_of_each(found, originals))
    quality = image_quality(found, originals)
    for name in ("mse", "psnr", "ssim"):
        expected, each = getattr(quality, name), measured[name]
        assert each.value == pytest.approx(expected.mean)
        assert each.high - each.low == pytest.approx(3.92 * expected.standard_error, rel=0.3)
        assert each.samples == 200


def test_feature_distance_by_hand() -> None:
    originals = np.array([[0.0, 0.0], [1.0, 1.0]])
    found = np.array([[3.0, 4.0], [1.0, 2.0]])
    assert feature_distance(found, originals, rng=rng()).value == (5 + 1) / 2
