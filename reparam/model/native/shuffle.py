"""Half and twice the sides: blocks of 2 × 2 pixels into channels and back, beside a shortcut."""

import ctypes
from typing import Any

import torch

from reparam.model.native.activation import differentiable_once, in_layout, pointer
from reparam.model.native.build import library

GROUPS = (1, 2, 4)
"""So many channels of the smaller maps can share a value of the shortcut."""


class _Shuffle(ctypes.Structure):
    """``Shuffle`` in shuffle.cpp."""

    _fields_ = [
        ("images", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("group", ctypes.c_int32),
    ]


def halved(x: torch.Tensor, beside: torch.Tensor, group: int, dtype: torch.dtype) -> torch.Tensor:
    """Blocks of ``beside`` (B, C, 2 H, 2 W) as channels (B, 4 C, H, W), and the means of ``group``
    neighbouring ones of x's (B, group C, 2 H, 2 W); in ``dtype`` and channels-last, differentiable
    once.

    C is a multiple of 16, ``group`` one of GROUPS.
    """
    images, channels, height, width = beside.shape
    how = _Shuffle(images, height // 2, width // 2, channels, group)
    to = (images, 4 * channels, height // 2, width // 2)
    return _Shuffled.apply(in_layout(x, dtype), in_layout(beside, dtype), to, how, "halve")


def doubled(x: torch.Tensor, beside: torch.Tensor, copies: int, dtype: torch.dtype) -> torch.Tensor:
    """Channels of ``beside`` (B, 4 C, H, W) as blocks (B, C, 2 H, 2 W), and those of ``copies`` of
    each of x's (B, 4 C / copies, H, W); in ``dtype`` and channels-last, differentiable once.

    C is a multiple of 16, ``copies`` one of GROUPS.
    """
    images, channels, height, width = beside.shape
    how = _Shuffle(images, height, width, channels // 4, copies)
    to = (images, channels // 4, 2 * height, 2 * width)
    return _Shuffled.apply(in_layout(x, dtype), in_layout(beside, dtype), to, how, "twice")


class _Shuffled(torch.autograd.Function):
    """By the kernels ``shuffle_<which>`` and ``shuffle_<which>_backward``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        beside: torch.Tensor,
        to: tuple[int, int, int, int],
        how: _Shuffle,
        which: str,
    ) -> torch.Tensor:
        ctx.how, ctx.which, ctx.shapes = how, which, (x.shape, beside.shape)
        y = _empty(to, x.dtype)
        kernel = getattr(library(x.dtype), f"shuffle_{which}")
        kernel(ctypes.byref(how), *map(pointer, (x, beside, y)))
        return y

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        dy = dy.contiguous(memory_format=torch.channels_last)
        dx, beside = (_empty(shape, dy.dtype) for shape in ctx.shapes)
        kernel = getattr(library(dy.dtype), f"shuffle_{ctx.which}_backward")
        kernel(ctypes.byref(ctx.how), *map(pointer, (dy, dx, beside)))
        return dx, beside, None, None, None


def _empty(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
