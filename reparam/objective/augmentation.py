"""Small random shifts and rotations of training images: against overfitting on few of them."""

import math

import torch
from torch.nn import functional as F

from reparam.model import Noise, uniform
from reparam.types import Images


def augmented(x: Images, shift: float, rotate: float, noise: Noise = None) -> Images:
    """Each image turned by up to ``rotate`` degrees and moved by up to ``shift`` pixels.

    Either way. Between pixels values are interpolated linearly; beyond the border its pixels go on.
    """
    if not shift and not rotate:
        return x
    height, width = x.shape[2:]
    draws = 2 * uniform(torch.Size((len(x), 3)), noise, x) - 1
    angle = draws[:, 0] * math.radians(rotate)
    # In the sampling grid a side runs from -1 to 1, whatever its pixels.
    across, down = draws[:, 1] * 2 * shift / width, draws[:, 2] * 2 * shift / height
    cos, sin, ratio = angle.cos(), angle.sin(), width / height
    rows = (cos, -sin / ratio, across), (sin * ratio, cos, down)
    grid = F.affine_grid(
        torch.stack([torch.stack(row, 1) for row in rows], 1), list(x.shape), align_corners=False
    )
    moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return moved.contiguous(memory_format=torch.channels_last)
