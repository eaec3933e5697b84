"""LeakyReLU, batch norm and dropout in as few passes over memory as there can be."""

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

CHANNELS = 16
"""The kernels of the norm take channels in groups of this many."""


@dataclass(frozen=True)
class Norm:
    """Batch norm in training mode, before or after LeakyReLU, then dropout."""

    act: Activation
    act_first: bool
    eps: float
    """Added to the batch's variance, which is over n, as Keras has it."""


class _Tail(ctypes.Structure):
    """``Tail`` in tail.h."""

    _fields_ = [
        ("pixels", ctypes.c_int64),
        ("channels", ctypes.c_int32),
        ("act_first", ctypes.c_int32),
        ("act", ActivationStructure),
    ]


class _TailGradient(ctypes.Structure):
    """``TailGradient`` in tail.h."""

    _fields_ = [
        ("tail", _Tail),
        *(
            (name, ctypes.c_void_p)
            for name in ("x", "scale", "shift", "mean", "of_g", "of_one", "of_v")
        ),
    ]


class Normalisation:
    """What a norm makes of the values of one batch, and what its gradient follows from."""

    def __init__(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, norm: Norm
    ) -> None:
        """Of x (B, C, H, W) in the layout and format of the kernels; C is a multiple of 16."""
        channels = x.shape[1]
        self._how = _Tail(x.numel() // channels, channels, norm.act_first, norm.act.structure())
        self._kernels = library(x.dtype)
        sums = torch.zeros(2, channels, dtype=torch.float64)
        origin = torch.empty(channels)
        self._kernels.tail_statistics(ctypes.byref(self._how), *map(pointer, (x, origin, sums)))
        distance, square = sums / self._how.pixels
        self.mean, self.variance = origin + distance, (square - distance**2).clamp_(min=0)
        self._rstd = (self.variance + norm.eps).rsqrt()
        self._scale = (weight * self._rstd).float()
        self._shift = (bias - self.mean * weight * self._rstd).float()

    def values(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty_like(x)
        how = ctypes.byref(self._how)
        self._kernels.tail_forward(how, *map(pointer, (x, self._scale, self._shift, y)))
        return y

    def gradient(self, x: torch.Tensor, dy: torch.Tensor) -> "NormGradient":
        """From that of what the norm gave. Ioffe & Szegedy 2015, section 3: through the batch's
        mean and variance too.
        """
        how, scale, mean = self._how, self._scale, self.mean.float()
        sums = torch.zeros(2, x.shape[1], dtype=torch.float64)
        tensors = (x, scale, self._shift, mean, dy, sums)
        self._kernels.tail_gradient_sums(ctypes.byref(how), *map(pointer, tensors))
        of_gradient, of_product = sums
        of_normed = of_product * self._rstd
        of_value = -scale * self._rstd * of_normed / how.pixels
        of_one = -scale * of_gradient / how.pixels
        held = (x, scale, self._shift, mean, scale, of_one.float(), of_value.float())
        structure = _TailGradient(how, *map(pointer, held))
        return NormGradient(structure, held, of_normed.float(), of_gradient.float())


@dataclass(frozen=True)
class NormGradient:
    structure: ctypes.Structure
    """With which the kernels find that of what the norm was given."""
    held: tuple[torch.Tensor, ...]
    """What the structure points to."""
    weight: torch.Tensor
    bias: torch.Tensor


def normalised(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, norm: Norm, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``norm`` of x (B, C, H, W), in ``dtype``; differentiable once.

    C is a multiple of 16. Also gives the batch's mean and variance (C,).
    """
    return _Normalised.apply(x, weight, bias, norm, dtype)


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        norm: Norm,
        dtype: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = in_layout(x, dtype)
        found = Normalisation(x, weight, bias, norm)
        ctx.save_for_backward(x)
        ctx.found = found
        ctx.mark_non_differentiable(found.mean, found.variance)
        return found.values(x), found.mean, found.variance

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        dy = in_layout(gradients[0], x.dtype)
        found = ctx.found.gradient(x, dy)
        dx = torch.empty_like(x)
        library(x.dtype).tail_backward(ctypes.byref(found.structure), *map(pointer, (dy, dx)))
        return dx, found.weight, found.bias, None, None
