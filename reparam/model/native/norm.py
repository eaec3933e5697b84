"""Group norm and SiLU in one pass over memory, by our own kernels."""

import ctypes
from typing import Any

import torch

from reparam.model.native.activation import differentiable_once, in_layout, pointer
from reparam.model.native.build import library


class _Norm(ctypes.Structure):
    """``Norm`` in norm.cpp."""

    _fields_ = [
        ("images", ctypes.c_int64),
        ("pixels", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("groups", ctypes.c_int32),
        ("silu", ctypes.c_int32),
        ("eps", ctypes.c_float),
    ]


def group_normalised(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    groups: int,
    eps: float,
    *,
    silu: bool,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    """x (B, C, H, W), and group norm of it, with SiLU where wanted, both in ``dtype`` and
    channels-last; differentiable once.

    C is a multiple of 16, and of ``groups``. What is computed from the x that is given back sends
    its gradient through here, where it costs no pass of its own.
    """
    return _GroupNormalised.apply(in_layout(x, dtype), weight, bias, groups, eps, silu)


class _GroupNormalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        groups: int,
        eps: float,
        silu: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        images, channels = x.shape[:2]
        how = _Norm(images, x[0, 0].numel(), channels, groups, silu, eps)
        y, moments = torch.empty_like(x), torch.empty(2, images, groups)
        library(x.dtype).norm_forward(
            ctypes.byref(how), *map(pointer, (x, weight, bias, y, *moments))
        )
        ctx.how = how
        ctx.save_for_backward(x, weight, bias, moments)
        ctx.set_materialize_grads(False)
        return x, y

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        along_shortcut, dy = gradients
        if dy is None:
            return along_shortcut, None, None, None, None, None
        x, weight, bias, moments = ctx.saved_tensors
        dy = in_layout(dy, x.dtype)
        if along_shortcut is not None:
            along_shortcut = in_layout(along_shortcut, x.dtype)
        dx = torch.empty_like(x)
        parameters = torch.zeros(2, x.shape[1], dtype=torch.float64)
        tensors = (x, weight, bias, *moments, dy, along_shortcut, dx, parameters)
        library(x.dtype).norm_backward(ctypes.byref(ctx.how), *map(pointer, tensors))
        return dx, *parameters.float(), None, None, None
