"""What as_pixels makes of arrays whose axes are ambiguous, and which range it proposes."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.data import as_pixels
from reparam.errors import DataRangeError, ShapeError


def test_one_colour_image_is_not_taken_for_many_narrow_grey_ones() -> None:
    with pytest.raises(ShapeError, match=r"looks like one colour image. Fix: pass images\[None\]"):
        as_pixels(np.zeros((40, 30, 3), np.uint8), "photo")
    assert as_pixels(np.zeros((1, 40, 30, 3), np.uint8), "photo").shape == (1, 40, 30, 3)
    assert as_pixels(np.zeros((9, 4, 3), np.uint8), "tiny").shape == (9, 4, 3, 1)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e5))
def test_the_range_that_a_message_proposes_is_taken(seed: int, scale: float) -> None:
    """Its ends are rounded outwards."""
    x = (scale * np.random.default_rng(seed).normal(size=(8, 9, 10))).astype(np.float32)
    with pytest.raises(DataRangeError) as refused:
        as_pixels(x, "x")
    black, white = re.search(r"--range (\S+) (\S+) \(in Python", str(refused.value)).groups()
    assert as_pixels(x, "x", pixel_range=(float(black), float(white))).shape == (8, 9, 10, 1)


def test_fractions_up_to_255_are_bytes() -> None:
    x = np.linspace(0, 254.6, 720).reshape(8, 9, 10)
    with pytest.raises(DataRangeError, match=r"--range 0 255 \(in Python"):
        as_pixels(x, "x")
