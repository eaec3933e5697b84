"""Means of images in windows around every pixel."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from reparam.types import Images

Window = Float[Tensor, " odd"]
"""What a line of pixels is weighed by; the sum is 1."""


def gaussian_window(sigma: float, radius: int) -> Window:
    """``sigma`` and ``radius`` in pixels."""
    places = torch.arange(-radius, radius + 1, dtype=torch.float64)
    return torch.softmax(-(places / sigma).square() / 2, 0).float()


def window_means(
    x: Images, window: Window, border: Literal["reflect", "replicate"] = "reflect"
) -> Images:
    """Along rows, then columns. Beyond the border lie mirrored pixels, or the last ones again."""
    channels, edge = int(x.shape[1]), len(window) // 2
    across = window.to(x).expand(channels, 1, 1, -1)
    x = F.conv2d(F.pad(x, (edge,) * 4, mode=border), across, groups=channels)
    return F.conv2d(x, across.transpose(2, 3), groups=channels)
