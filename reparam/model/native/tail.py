"""LeakyReLU, batch norm and dropout in one pass over memory, by our own kernels."""

import ctypes
from typing import Any

import torch

from reparam.model.native.activation import (
    Activation,
    ActivationStructure,
    differentiable_once,
    in_layout,
    pointer,
)
from reparam.model.native.build import library

CHANNELS = 16
"""The kernels of the norm take channels in groups of this many."""


class _Tail(ctypes.Structure):
    """``Tail`` in tail.cpp."""

    _fields_ = [
        ("pixels", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("act_first", ctypes.c_int32),
        ("act", ActivationStructure),
    ]


def normalised(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    act: Activation,
    *,
    act_first: bool,
    eps: float,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Batch norm in training mode, before or after LeakyReLU, and dropout, of x (B, C, H, W), in
    ``dtype``; differentiable once.

    C is a multiple of 16. Also gives the batch's mean and variance (C,); the variance is over n, as
    Keras has it, and ``eps`` is added to it.
    """
    return _Normalised.apply(x, weight, bias, act, act_first, eps, dtype)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        act: Activation,
        act_first: bool,
        eps: float,
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kernels = library(dtype)
        x = in_layout(x, dtype)
        channels = x.shape[1]
        how = _Tail(x.numel() // channels, channels, act_first, act.structure())
        sums = torch.zeros(2, channels, dtype=torch.float64)
        origin = torch.empty(channels)
        kernels.tail_statistics(ctypes.byref(how), *map(pointer, (x, origin, sums)))
        distance, square = sums / how.pixels
        mean, variance = origin + distance, (square - distance**2).clamp_(min=0)
        rstd = (variance + eps).rsqrt()
        scale = (weight * rstd).float()
        shift = (bias - mean * weight * rstd).float()
        y = torch.empty_like(x)
        kernels.tail_forward(ctypes.byref(how), *map(pointer, (x, scale, shift, y)))
        ctx.save_for_backward(x, scale, shift, mean.float(), rstd)
        ctx.how = how
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, scale, shift, mean, rstd = ctx.saved_tensors
        kernels = library(x.dtype)
        how: _Tail = ctx.how
        dy = in_layout(gradients[0], x.dtype)
        # Ioffe & Szegedy 2015, section 3: the gradient through the batch's mean and variance.
        sums = torch.zeros(2, x.shape[1], dtype=torch.float64)
        kernels.tail_gradient_sums(
            ctypes.byref(how), *map(pointer, (x, scale, shift, mean, dy, sums))
        )
        of_gradient, of_product = sums
        of_normed = of_product * rstd
        per_value = scale * rstd * of_normed / how.pixels
        of_value = (-per_value).float()
        of_one = (-scale * of_gradient / how.pixels).float()
        dx = torch.empty_like(x)
        tensors = (x, scale, shift, mean, dy, scale, of_one, of_value, dx)
        kernels.tail_backward(ctypes.byref(how), *map(pointer, tensors))
        return dx, of_normed.float(), of_gradient.float(), None, None, None, None
