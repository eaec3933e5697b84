"""Planted defects: what the masks promise, for pictures of any kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from reparam.errors import ConfigError, DataRangeError, ShapeError
from reparam.evaluation.anomaly import KINDS, plant
from reparam.evaluation.anomaly.planted import LEAST, background_of


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def texture(n: int, channels: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return rng(seed).random((n, channels, height, width)).astype(np.float32)


def digits(n: int, side: int = 32) -> np.ndarray:
    """Black pictures with a digit in the middle."""
    small = load_digits().images[:n].astype(np.float32) / 16
    return np.pad(
        small.repeat(side // 16, 1).repeat(side // 16, 2), ((0, 0), *[(side // 4,) * 2] * 2)
    )[:, None]


def check(before: np.ndarray, after: np.ndarray, masks: np.ndarray) -> None:
    change = np.abs(after.astype(np.float64) - before).max(1)
    assert masks.any((1, 2)).all()
    assert not masks.all((1, 2)).any()
    assert (change[masks] >= LEAST - 1e-6).all()
    assert (change[~masks] == 0).all()
    assert after.min() >= 0
    assert after.max() <= 1
    assert after.dtype == before.dtype


@settings(max_examples=60)
@given(
    st.sampled_from(list(KINDS)),
    st.integers(8, 90),
    st.integers(8, 90),
    st.sampled_from([1, 3]),
    st.sampled_from(["noise", "black", "white", "grey", "two tones", "nearly white"]),
    st.integers(0, 2**32),
)
def test_a_mask_marks_what_changed_enough_and_nothing_else(
    kind: str, height: int, width: int, channels: int, what: str, seed: int
) -> None:
    images = texture(2, channels, height, width, seed)
    levels = {"black": 0, "white": 1, "grey": 0.5, "nearly white": 0.97}
    if what in levels:
        images[:] = levels[what]
    elif what == "two tones":
        images = np.rint(images)
    kept = images.copy()
    after, masks = plant(images, kind, rng(seed))
    check(images, after, masks)
    assert np.array_equal(images, kept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width"), [(28, 28), (64, 96), (256, 256)])
def test_sizes_are_shares_of_the_picture(kind: str, height: int, width: int) -> None:
    n = 30 if height < 256 else 6
    _, masks = plant(texture(n, 1, height, width), kind, rng())
    shares = masks.mean((1, 2))
    low, high = {
        "cut-and-paste": (0.015, 0.17),
        "noise-blob": (0.006, 0.09),
        "scratch": (0.3 / height / 3, 0.8 * max(0.05, 3 / height)),
        "missing-part": (0.012, 0.12),
    }[kind]
    assert shares.min() >= low
    assert shares.max() <= high
    assert len({mask.tobytes() for mask in masks}) == n  # no two at the same place


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_set_begins_as_a_shorter_one_and_seeds_differ(kind: str) -> None:
    images = texture(6, 3, 40, 30)
    some, all_ = plant(images[:3], kind, rng(5)), plant(images, kind, rng(5))
    assert np.array_equal(some[0], all_[0][:3])
    assert np.array_equal(some[1], all_[1][:3])
    assert not np.array_equal(plant(images, kind, rng(6))[1], all_[1])


def test_of_an_object_a_part_is_gone_that_was_there() -> None:
    images = digits(40)
    after, masks = plant(images, "missing-part", rng())
    assert (images[:, 0][masks] >= LEAST).all()
    assert (after[:, 0][masks] == 0).all()
    assert masks.sum((1, 2)).mean() > 0.1 * (images > LEAST).sum((1, 2, 3)).mean()


def test_background_that_is_pasted_on_background_is_no_change() -> None:
    images = digits(40)
    after, masks = plant(images, "cut-and-paste", rng())
    check(images, after, masks)
    assert ((images[:, 0] > 0) | (after[:, 0] > 0))[masks].all()


def test_a_hole_in_a_full_picture_is_one_piece_of_a_tone_apart() -> None:
    images = 0.4 + 0.1 * texture(10, 1, 64, 64)
    after, masks = plant(images, "missing-part", rng())
    assert (after[:, 0][masks] == 1).all()  # white is further from 0.4 to 0.5 than black


def test_the_background_is_the_colour_of_a_border_that_is_alike() -> None:
    assert background_of(digits(1)[0]) == pytest.approx([0])
    assert background_of(texture(1, 3, 30, 30)[0]) is None
    image = np.broadcast_to(np.array([0.2, 0.4, 0.6])[:, None, None], (3, 20, 20)).copy()
    image[:, 5:9, 5:9] = 1
    assert background_of(image) == pytest.approx([0.2, 0.4, 0.6])


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="did you mean scratch"):
        plant(texture(1, 1, 20, 20), "scratc", rng())
    with pytest.raises(ShapeError, match="at least 8 pixels for defects, got 7×20"):
        plant(texture(1, 1, 7, 20), "scratch", rng())
    with pytest.raises(DataRangeError, match=r"in \[0, 1\], got 0 to 255"):
        plant(np.array([0.0, 255.0]).repeat(200).reshape(1, 1, 20, 20), "scratch", rng())
    nan = texture(1, 1, 20, 20)
    nan[0, 0, 0, 0] = np.nan
    with pytest.raises(DataRangeError, match="nan"):
        plant(nan, "scratch", rng())
    for kind in KINDS:
        empty = plant(texture(0, 1, 20, 20), kind, rng())
        assert [len(each) for each in empty] == [0, 0]
