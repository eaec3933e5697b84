"""Convolutions and transposed convolutions, forward and backward, by our own kernels."""

import ctypes
from dataclasses import dataclass
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
from reparam.model.native.tail import Norm, Normalisation, NormGradient


@dataclass(frozen=True)
class Convolution:
    """What a convolution does to the sides of its input."""

    kernel: int
    stride: int
    before: tuple[int, int]
    """Zeros above and left of the larger of the two sides."""
    out_size: tuple[int, int]
    transposed: bool


class _Geometry(ctypes.Structure):
    """``Geometry`` in geometry.h."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            *("images", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c"),
            *("kernel", "stride", "before_h", "before_w", "scatter"),
        )
    ]


def convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    how: Convolution,
    act: Activation,
    dtype: torch.dtype,
) -> torch.Tensor:
    """``how`` and then ``act`` of x (B, C, H, W), in ``dtype`` and channels-last; differentiable
    once.

    ``weight``: (C2, C, k, k), or (C, C2, k, k) where transposed; float32, as the bias (C2,).
    """
    return _Convolution.apply(x, weight, bias, how, act, dtype)


def convolution_normalised(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    norm_weight: torch.Tensor,
    norm_bias: torch.Tensor,
    how: Convolution,
    norm: Norm,
    dtype: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``norm`` of a convolution of x, as `normalised` of `convolution` gives it, and likewise the
    batch's mean and variance (C2,); the gradient between the two is never written to memory.

    C2 is a multiple of 16; ``norm_weight`` and ``norm_bias`` (C2,).
    """
    return _ConvolutionNormalised.apply(x, weight, bias, norm_weight, norm_bias, how, norm, dtype)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        how: Convolution,
        act: Activation,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        x = in_layout(x, dtype)
        ctx.how, ctx.act = how, act.structure()
        y = _convolved(x, weight, bias, how, ctx.act)
        ctx.save_for_backward(x, weight, None if act.is_identity else y)
        return y

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        dy = in_layout(gradients[0], x.dtype)
        needs_dx = ctx.needs_input_grad[0]
        found = _gradients(x, weight, y, dy, ctx.how, ctx.act, needs_dx=needs_dx)
        return *found, None, None, None


class _ConvolutionNormalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        norm_weight: torch.Tensor,
        norm_bias: torch.Tensor,
        how: Convolution,
        norm: Norm,
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = in_layout(x, dtype)
        y = _convolved(x, weight, bias, how, Activation().structure())
        ctx.how, ctx.found = how, Normalisation(y, norm_weight, norm_bias, norm)
        ctx.save_for_backward(x, weight, y)
        ctx.mark_non_differentiable(ctx.found.mean, ctx.found.variance)
        return ctx.found.values(y), ctx.found.mean, ctx.found.variance

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        dy = in_layout(gradients[0], x.dtype)
        norm = ctx.found.gradient(y, dy)
        act, needs_dx = Activation().structure(), ctx.needs_input_grad[0]
        found = _gradients(x, weight, None, dy, ctx.how, act, norm, needs_dx=needs_dx)
        return *found, norm.weight, norm.bias, None, None, None


def _convolved(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    how: Convolution,
    act: ActivationStructure,
) -> torch.Tensor:
    kernels = library(x.dtype)
    channels = weight.shape[1 if how.transposed else 0]
    geometry = _geometry(x, (channels, *how.out_size), how)
    packed = _packed(x.dtype, geometry, weight, how)
    padded = torch.zeros(_rounded_up(kernels, channels))
    padded[:channels] = bias
    y = torch.empty(
        (x.shape[0], channels, *how.out_size), dtype=x.dtype, memory_format=torch.channels_last
    )
    sizes = (ctypes.byref(geometry), ctypes.byref(act))
    kernels.convolve(*sizes, *map(pointer, (x, packed, padded, y)))
    return y


def _gradients(
    x: torch.Tensor,
    weight: torch.Tensor,
    y: torch.Tensor | None,
    dy: torch.Tensor,
    how: Convolution,
    act: ActivationStructure,
    norm: NormGradient | None = None,
    *,
    needs_dx: bool,
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Of x, of the weights and of the bias, from dy, that of what the activation gave (y; None
    where there is none), or of what the norm behind it gave.
    """
    kernels = library(x.dtype)
    geometry = _geometry(x, dy.shape[1:], how)
    dx = packed = None
    if needs_dx:
        dx = torch.empty_like(x)
        packed = _packed(x.dtype, _geometry(dy, x.shape[1:], how), weight, how, adjoint=True)
    larger, smaller = (dy, x) if how.transposed else (x, dy)
    channels = smaller.shape[1]
    weights = torch.zeros(how.kernel**2, larger.shape[1], _rounded_up(kernels, channels))
    bias = torch.zeros(dy.shape[1], dtype=torch.float64)
    kernels.convolve_backward(
        *(ctypes.byref(geometry), ctypes.byref(act)),
        *map(pointer, (x, y, dy)),
        None if norm is None else ctypes.byref(norm.structure),
        *map(pointer, (packed, dx, weights, bias)),
    )
    dw = weights[..., :channels].permute(2, 1, 0).unflatten(2, (how.kernel, how.kernel))
    return dx, dw, bias.float()


def _geometry(x: torch.Tensor, out: tuple[int, ...] | torch.Size, how: Convolution) -> _Geometry:
    (images, channels, height, width), (out_c, out_h, out_w) = x.shape, out
    sizes = (images, height, width, channels, out_h, out_w, out_c)
    return _Geometry(*sizes, how.kernel, how.stride, *how.before, how.transposed)


def _rounded_up(kernels: ctypes.CDLL, channels: int) -> int:
    return channels + -channels % int(kernels.channels_together())


def _packed(
    dtype: torch.dtype,
    geometry: _Geometry,
    weight: torch.Tensor,
    how: Convolution,
    *,
    adjoint: bool = False,
) -> torch.Tensor:
    """The weights in ``dtype``, in the order in which the inner loop takes them."""
    kernels = library(dtype)
    packed = torch.empty(kernels.packed_size(ctypes.byref(geometry)), dtype=dtype)
    gives, takes = (1, 0) if how.transposed is not adjoint else (0, 1)
    if weight.stride(2) != how.kernel * weight.stride(3):
        weight = weight.contiguous()
    strides = (ctypes.c_int64(weight.stride(i)) for i in (gives, takes, 3))
    kernels.pack(ctypes.byref(geometry), pointer(weight), *strides, pointer(packed))
    return packed
