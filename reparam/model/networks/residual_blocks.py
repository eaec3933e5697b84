"""What residual networks are made of.

A level halves the sides by moving blocks of 2 × 2 pixels into channels, or doubles them by the
reverse (Shi et al. 2016), beside a shortcut that does it without weights (Chen et al. 2025, DC-AE,
section 3.2). A block is normalisation, SiLU and convolution, twice, beside the identity (He et al.
2016, "Identity mappings in deep residual networks", figure 4e).
"""

import math
from collections.abc import Callable

from torch import nn
from torch.nn import functional as F

from reparam.errors import ShapeError
from reparam.model.latent import LatentSpec
from reparam.model.native import (
    CHANNELS,
    GROUPS,
    convolution_3x3,
    doubled,
    group_normalised,
    halved,
)
from reparam.model.networks.base import ImageShape
from reparam.model.networks.kernels import TwoKernels
from reparam.model.networks.layers import Dense, Dropout, Maps, NewMaps, SameConv2d
from reparam.types import Latents

GROUP = 16
"""Channels that are normalised together (Wu & He 2018, table 3)."""


class GroupNorm(TwoKernels, nn.GroupNorm):
    """Normalisation of GROUP channels at a time, or of so many groups, over all positions of an
    image; then SiLU, where that is asked for.
    """

    def __init__(self, channels: int, groups: int | None = None, eps: float = 1e-5) -> None:
        super().__init__(groups or channels // GROUP, channels, eps)
        self.label = "group normalisation"

    def forward(self, x: Maps, *, silu: bool = False) -> Maps:
        return self.beside(x, silu=silu)[1]

    def beside(self, x: Maps, *, silu: bool = False) -> tuple[Maps, Maps]:
        """x, for a shortcut, and what the layer gives: their gradients become one in one pass."""
        dtype = self.native_for(x)
        if dtype is not None and not self.num_channels % CHANNELS:
            return group_normalised(
                x, self.weight, self.bias, self.num_groups, self.eps, silu=silu, dtype=dtype
            )
        # PyTorch's forward-mode derivative, which path lengths need, takes channels-first alone.
        y = super().forward(x if self.training else x.contiguous())
        return x, F.silu(y) if silu else y


class Conv3x3(TwoKernels, SameConv2d):
    """A convolution of 3 × 3 weights that keeps the sides."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 1)

    def forward(self, x: Maps) -> NewMaps:
        dtype = self.native_for(x)
        if dtype is not None and (weight := self.weight_3x3()) is not None:
            return convolution_3x3(x, weight, self.bias, dtype)
        return super().forward(x)


Norm = Callable[[int], GroupNorm]
"""Makes the normalisation of so many channels."""


class ResidualBlock(nn.Module):
    """x + what two convolutions make of it; at first the identity.

    To another number of channels x is carried by a 1 × 1 convolution.
    """

    def __init__(
        self, channels: int, dropout: float, out_channels: int | None = None, norm: Norm = GroupNorm
    ) -> None:
        super().__init__()
        out = out_channels or channels
        self.norm1, self.conv1 = norm(channels), Conv3x3(channels, out)
        self.norm2, self.conv2 = norm(out), Conv3x3(out, out)
        self.dropout = Dropout(dropout) if dropout else nn.Identity()
        self.shortcut = SameConv2d(channels, out, 1, 1) if out != channels else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Maps) -> NewMaps:
        x, y = self.norm1.beside(x, silu=True)
        y = self.norm2(self.conv1(y), silu=True)
        return self.shortcut(x) + self.conv2(self.dropout(y))


class SelfAttention(nn.Module):
    """x + what every position takes from all of them; at first the identity."""

    def __init__(self, channels: int, norm: Norm = GroupNorm) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.read = SameConv2d(channels, 3 * channels, 1, 1)
        self.write = SameConv2d(channels, channels, 1, 1)
        nn.init.zeros_(self.write.weight)

    def forward(self, x: Maps) -> Maps:
        x, normed = self.norm.beside(x)
        query, key, value = self.read(normed).flatten(2).chunk(3, 1)
        shares = (query.transpose(1, 2) @ key / math.sqrt(query.shape[1])).softmax(-1)
        return x + self.write((value @ shares.transpose(1, 2)).unflatten(2, x.shape[2:]))


class Halve(TwoKernels):
    """Half the sides: a convolution whose 2 × 2 pixels become channels, beside means of x's."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv3x3(channels, out_channels // 4)
        self.group = 4 * channels // out_channels

    def forward(self, x: Maps) -> NewMaps:
        dtype = self.native_for(x)
        if dtype is not None and _fits(self.conv.weight.shape[0], self.group):
            return halved(x, self.conv(x), self.group, dtype)
        same = F.pixel_unshuffle(x, 2).unflatten(1, (-1, self.group)).mean(2)
        return same + F.pixel_unshuffle(self.conv(x), 2)


class Double(TwoKernels):
    """Twice the sides: a convolution whose channels become 2 × 2 pixels, beside copies of x's."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = Conv3x3(channels, 4 * out_channels)
        self.copies = 4 * out_channels // channels

    def forward(self, x: Maps) -> NewMaps:
        dtype = self.native_for(x)
        if dtype is not None and _fits(self.conv.weight.shape[0] // 4, self.copies):
            return doubled(x, self.conv(x), self.copies, dtype)
        # In channels-last order: repeated along dimension 1, x would come out channels-first, and
        # every later layer of a training step would work on two orders at once.
        same = x.permute(0, 2, 3, 1).repeat_interleave(self.copies, 3).permute(0, 3, 1, 2)
        return F.pixel_shuffle(same + self.conv(x), 2)


def _fits(channels: int, group: int) -> bool:
    """Whether our own kernels can: ``channels`` of the larger maps."""
    return not channels % CHANNELS and group in GROUPS


def smallest_sides(image_shape: ImageShape, levels: int) -> tuple[int, int]:
    """Height and width of the last level's maps."""
    height, width = (-(-side // 2**levels) for side in image_shape[:2])
    return height, width


def borders_to(image_shape: ImageShape, levels: int) -> tuple[int, int, int, int]:
    """Pixels at the left, right, top and bottom that make the sides multiples of 2^levels."""
    height, width = (
        2**levels * side - image_shape[i]
        for i, side in enumerate(smallest_sides(image_shape, levels))
    )
    return width // 2, width - width // 2, height // 2, height - height // 2


def start_layer(latent: LatentSpec, shape: tuple[int, int, int]) -> nn.Module:
    """What a decoder's smallest maps (height, width, channels) are made by: a convolution of
    latents that are maps, else a dense layer.

    Raises ShapeError for spatial latents of other sides.
    """
    if not latent.is_spatial:
        return Dense(latent.dim, math.prod(shape))
    if latent.shape[1:] != shape[:2]:
        raise ShapeError(
            f"spatial latents must be {shape[0]} × {shape[1]} for this decoder's levels, got "
            f"{latent.shape[1]} × {latent.shape[2]}. Fix: give encoder and decoder as many levels"
        )
    return SameConv2d(latent.shape[0], shape[2], 3, 1)


def start_maps(
    layer: nn.Module, z: Latents, latent: LatentSpec, shape: tuple[int, int, int]
) -> NewMaps:
    """The smallest maps, by the layer of `start_layer`."""
    if latent.is_spatial:
        return layer(latent.shaped(z))
    return layer(z).unflatten(1, shape).permute(0, 3, 1, 2)


def without_borders(
    x: Maps, borders: tuple[int, int, int, int], image_shape: ImageShape
) -> NewMaps:
    """Images as large as they were before `borders_to` continued them, in float32."""
    left, _, top, _ = borders
    height, width, _ = image_shape
    return x[:, :, top : top + height, left : left + width].float()
