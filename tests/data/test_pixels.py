"""What as_pixels makes of arrays whose axes are ambiguous."""

import numpy as np
import pytest

from reparam.data import as_pixels
from reparam.errors import ShapeError


def test_one_colour_image_is_not_taken_for_many_narrow_grey_ones() -> None:
    with pytest.raises(ShapeError, match=r"looks like one colour image. Fix: pass images\[None\]"):
        as_pixels(np.zeros((40, 30, 3), np.uint8), "photo")
    assert as_pixels(np.zeros((1, 40, 30, 3), np.uint8), "photo").shape == (1, 40, 30, 3)
    assert as_pixels(np.zeros((9, 4, 3), np.uint8), "tiny").shape == (9, 4, 3, 1)
