"""Half and twice the sides: blocks of 2 × 2 pixels into channels and back, beside a shortcut."""

import ctypes
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from reparam.model.native.activation import in_layout, pointer
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
    return _Halved.apply(in_layout(x, dtype), in_layout(beside, dtype), group)


def doubled(x: torch.Tensor, beside: torch.Tensor, copies: int, dtype: torch.dtype) -> torch.Tensor:
    """Channels of ``beside`` (B, 4 C, H, W) as blocks (B, C, 2 H, 2 W), and those of ``copies`` of
    each of x's (B, 4 C / copies, H, W); in ``dtype`` and channels-last, differentiable once.

    C is a multiple of 16, ``copies`` one of GROUPS.
    """
    return _Doubled.apply(in_layout(x, dtype), in_layout(beside, dtype), copies)


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, beside: torch.Tensor, group: int) -> torch.Tensor:
        images, channels, height, width = beside.shape
        ctx.how = _Shuffle(images, height // 2, width // 2, channels, group)
        y = _empty(x, 4 * channels, height // 2, width // 2)
        tensors = (x, beside, y)
        library(x.dtype).shuffle_halve(ctypes.byref(ctx.how), *map(pointer, tensors))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        how: _Shuffle = ctx.how
        dy = dy.contiguous(memory_format=torch.channels_last)
        sides = (2 * how.height, 2 * how.width)
        dx = _empty(dy, how.group * how.channels, *sides)
        beside = _empty(dy, how.channels, *sides)
        tensors = (dy, dx, beside)
        library(dy.dtype).shuffle_halve_backward(ctypes.byref(how), *map(pointer, tensors))
        return dx, beside, None


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, beside: torch.Tensor, copies: int) -> torch.Tensor:
        images, channels, height, width = beside.shape
        ctx.how = _Shuffle(images, height, width, channels // 4, copies)
        y = _empty(x, channels // 4, 2 * height, 2 * width)
        tensors = (x, beside, y)
        library(x.dtype).shuffle_twice(ctypes.byref(ctx.how), *map(pointer, tensors))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        how: _Shuffle = ctx.how
        dy = dy.contiguous(memory_format=torch.channels_last)
        dx = _empty(dy, 4 * how.channels // how.group, how.height, how.width)
        beside = _empty(dy, 4 * how.channels, how.height, how.width)
        tensors = (dy, dx, beside)
        library(dy.dtype).shuffle_twice_backward(ctypes.byref(how), *map(pointer, tensors))
        return dx, beside, None


def _empty(like: torch.Tensor, channels: int, height: int, width: int) -> torch.Tensor:
    """Maps of as many images."""
    shape = (like.shape[0], channels, height, width)
    return torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)
