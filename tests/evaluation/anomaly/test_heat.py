"""Maps above pictures: one scale for all, and seen on light and dark ones."""

import numpy as np
import pytest

from reparam.errors import DataError
from reparam.evaluation.anomaly import HeatScale, heat_overlay, heat_scale


def flat(level: int, channels: int = 1, n: int = 1) -> np.ndarray:
    return np.full((n, 6, 11, channels), level, np.uint8)


def ramp(n: int = 1) -> np.ndarray:
    """From 0 on the left to 1 on the right, at 11 values."""
    return np.broadcast_to(np.linspace(0, 1, 11), (n, 6, 11)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_at_the_low_end_there_is_the_picture_alone(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 11, channels), np.uint8)
    found = heat_overlay(images, np.full((3, 6, 11), 0.2), HeatScale(0.2, 1))
    colours = images[..., :1] if channels < 3 else images[..., :3]
    weights = [1.0] if channels < 3 else [0.299, 0.587, 0.114]
    expected = np.rint(0.7 * colours @ np.array(weights))
    assert (np.abs(found - expected[..., None]) <= 1).all()


@pytest.mark.parametrize("level", [0, 40, 128, 200, 255])
def test_a_map_is_seen_on_light_and_on_dark_pictures(level: int) -> None:
    found = heat_overlay(flat(level), ramp(), HeatScale(0, 1))[0, 0].astype(float)
    from_picture = np.abs(found[2:] - found[0]).max(1)
    assert (from_picture >= 28).all()  # of 255, from a fifth of the scale on
    steps = np.abs(np.diff(found[2:], axis=0)).max(1)
    assert (steps > 4).all()  # more heat is another colour


def test_the_scale_is_the_same_for_every_picture() -> None:
    scale = HeatScale(0, 1)
    both = np.concatenate([ramp(), 5 * ramp()])
    found = heat_overlay(flat(90, n=2), both, scale)
    np.testing.assert_array_equal(found[0], heat_overlay(flat(90), ramp(), scale)[0])
    np.testing.assert_array_equal(found[1, :, 2:], found[0, :, 10:].repeat(9, 1))  # 1 and beyond


def test_good_pictures_have_little_colour_in_any_unit() -> None:
    good = np.random.default_rng(0).gamma(2, 1, (200, 8, 8))
    scale = heat_scale(good)
    assert (good > scale.low).mean() == pytest.approx(0.02, abs=0.001)
    assert (good.max((1, 2)) > scale.high).mean() == pytest.approx(0.1, abs=0.006)
    bounded = heat_scale(np.minimum(good, 6))  # where the highest are all the same
    assert bounded.low < bounded.high == 6
    other = heat_scale(5 * good - 300)
    assert (other.low, other.high) == pytest.approx((5 * scale.low - 300, 5 * scale.high - 300))
    equal = heat_scale(np.ones((3, 4, 4)))  # such as of a score that is always the same
    assert equal.low < equal.high
    with pytest.raises(DataError, match="got none"):
        heat_scale(np.zeros((0, 4, 4)))
