"""3 × 3 convolutions of stride 1 by our own kernels, with fewer than half the multiplications."""

import ctypes
from typing import Any

import torch

from reparam.model.native.activation import differentiable_once, in_layout, pointer
from reparam.model.native.build import library

BLOCK = 32
"""Channels, of what is read as of what is written, are a multiple of this."""


def takes_3x3(weight: torch.Tensor) -> bool:
    """Whether `convolution_3x3` takes such weights (C2, C, k, k)."""
    return weight.shape[2:] == (3, 3) and not any(n % BLOCK for n in weight.shape[:2])


class _Maps(ctypes.Structure):
    """``Maps`` in winograd.cpp."""

    _fields_ = [(name, ctypes.c_int32) for name in ("images", "height", "width", "in_c", "out_c")]


def convolution_3x3(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """Convolution of x (B, C, H, W) with one pixel of zeros around, (B, C2, H, W), in ``dtype`` and
    channels-last; differentiable once.

    ``weight`` (C2, C, 3, 3) and ``bias`` (C2,) are float32; C and C2 are multiples of BLOCK.
    """
    return _Convolution.apply(in_layout(x, dtype), weight, bias)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        weight = weight.contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x, weight)
        y = torch.empty(
            (x.shape[0], weight.shape[0], *x.shape[2:]),
            dtype=x.dtype,
            memory_format=torch.channels_last,
        )
        maps, kernels = _maps(x, y), library(x.dtype)
        packed = x.new_empty(kernels.winograd_size(ctypes.byref(maps)))
        kernels.winograd_pack(ctypes.byref(maps), pointer(weight), pointer(packed))
        kernels.winograd(ctypes.byref(maps), *map(pointer, (x, packed, bias, y)))
        return y

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        kernels = library(x.dtype)
        dy = in_layout(gradients[0], x.dtype)
        maps = _maps(x, dy)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = torch.empty_like(x)
            packed = x.new_empty(kernels.winograd_size(ctypes.byref(maps)))
            kernels.winograd_pack_adjoint(ctypes.byref(maps), pointer(weight), pointer(packed))
            zeros = torch.zeros(x.shape[1])
            kernels.winograd(ctypes.byref(_maps(dy, x)), *map(pointer, (dy, packed, zeros, dx)))
        dw = torch.empty_like(weight)
        db = torch.zeros(dy.shape[1], dtype=torch.float64)
        kernels.winograd_weights(ctypes.byref(maps), *map(pointer, (x, dy, dw, db)))
        return dx, dw, db.float()


def _maps(x: torch.Tensor, y: torch.Tensor) -> _Maps:
    return _Maps(x.shape[0], *x.shape[2:], x.shape[1], y.shape[1])
