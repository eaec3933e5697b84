"""Small random changes of training images: against overfitting on few of them."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from reparam.model import Noise, uniform
from reparam.types import Images


@dataclass(frozen=True)
class Augmentation:
    """Each image turned by up to ``rotate`` degrees, moved by up to ``shift`` pixels, enlarged or
    shrunk by a factor of up to 1 + ``zoom``, and with ``flip`` mirrored or not: all in one map.

    Either way, at random. Between pixels values are interpolated linearly; beyond the
    border its nearest pixel is repeated. Only a ``share`` of the images is treated so: the others
    are moved by whole pixels and mirrored, and no value of theirs is interpolated.
    """

    shift: float = 0.0
    rotate: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    share: float = 1.0

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return bool(self.shift or self.rotate or self.zoom or self.flip)

    def __call__(self, x: Images, noise: Noise = None) -> Images:
        if not self:
            return x
        height, width = x.shape[2:]
        draws = 2 * uniform(torch.Size((len(x), 3)), noise, x) - 1
        angle = draws[:, 0] * math.radians(self.rotate)
        # In the sampling grid a side runs from -1 to 1, whatever its pixels.
        across, down = draws[:, 1] * 2 * self.shift / width, draws[:, 2] * 2 * self.shift / height
        size = mirror = torch.ones_like(angle)
        if self.zoom or self.flip:  # others draw as they did before there were these
            more = uniform(torch.Size((len(x), 2)), noise, x)
            size = (1 + self.zoom) ** (2 * more[:, 0] - 1)
            mirror = torch.where(more[:, 1] < 0.5 * self.flip, -mirror, mirror)
        if self.share < 1:
            exact = uniform(torch.Size((len(x),)), noise, x) >= self.share
            whole = (draws[:, 1:] * self.shift).round() * 2
            angle, size = angle.where(~exact, 0.0), size.where(~exact, 1.0)
            across = torch.where(exact, whole[:, 0] / width, across)
            down = torch.where(exact, whole[:, 1] / height, down)
        cos, sin, ratio = angle.cos(), angle.sin(), width / height
        rows = [
            [cos * (size * mirror), -sin / ratio * size, across],
            [sin * ratio * (size * mirror), cos * size, down],
        ]
        grid = F.affine_grid(
            torch.stack([torch.stack(row, 1) for row in rows], 1),
            list(x.shape),
            align_corners=False,
        )
        moved = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        # Four weights of float32 may add up to a little more than 1, and white be whiter.
        moved = moved.clamp(x.amin(), x.amax())
        return moved.contiguous(memory_format=torch.channels_last)
