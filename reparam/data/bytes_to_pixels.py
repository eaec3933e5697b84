"""Bytes at rest (N, H, W, C) ↔ pixels in the model (B, C, H, W) in [0, 1]."""

import numpy as np
import torch
from jaxtyping import UInt8

from reparam.errors import check_bytes
from reparam.types import Images, PixelArray


def from_bytes(pixels: UInt8[torch.Tensor, "B H W C"]) -> Images:
    """Pixels in [0, 1]; channels-last in memory, since that is how the bytes lie.

    Raises DataError for what is no bytes, ShapeError for other axes.
    """
    check_bytes(pixels)
    return pixels.permute(0, 3, 1, 2).float() / 255


def to_bytes(images: Images) -> PixelArray:
    """Bytes to look at or to store; values outside [0, 1] (tanh, linear) are clipped."""
    rounded = (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(0, 2, 3, 1).cpu().numpy())
