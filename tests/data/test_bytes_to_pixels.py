"""Bytes and pixels: there and back."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from reparam.data import from_bytes, to_bytes


def test_every_byte_comes_back():
    images = np.arange(256 * 3, dtype=np.int64).astype(np.uint8).reshape(2, 16, 8, 3)
    x = from_bytes(torch.from_numpy(images))
    assert x.shape == (2, 3, 16, 8)
    assert x.dtype == torch.float32
    assert x.min() == 0
    assert x.max() == 1
    assert x[1, 2, 3, 4].item() == np.float32(images[1, 3, 4, 2]) / np.float32(255)
    np.testing.assert_array_equal(to_bytes(x), images)


@given(value=st.floats(-3, 4, width=32))
def test_the_nearest_byte_of_what_lies_inside(value):
    byte = int(to_bytes(torch.full((1, 1, 1, 1), value)).item())
    assert abs(byte - 255 * min(max(value, 0), 1)) <= 0.5 + 1e-4
