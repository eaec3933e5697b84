"""LeakyReLU and dropout as the kernels take them, and what all calls of kernels share."""

import ctypes
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Activation:
    """LeakyReLU, then dropout."""

    slope: float = 1.0
    """Of LeakyReLU below zero; 1 for none."""
    dropout: float = 0.0
    """Share of values dropped; the random bits that choose resolve it to 1/65536."""

    @property
    def is_identity(self) -> bool:
        return self.slope == 1 and not self.dropout

    def structure(self) -> "ActivationStructure":
        """For one call of a kernel; with dropout it draws two seeds from PyTorch's generator."""
        below = round(self.dropout * 2**16)
        seeds = torch.randint(2**32, (2,)).tolist() if below else (0, 0)
        keep_scale = 2**16 / (2**16 - below)
        return ActivationStructure(self.slope, below, keep_scale, (ctypes.c_uint32 * 2)(*seeds))


class ActivationStructure(ctypes.Structure):
    """``Activation`` in simd.h."""

    _fields_ = [
        ("slope", ctypes.c_float),
        ("drop_below", ctypes.c_uint32),
        ("keep_scale", ctypes.c_float),
        ("seed", ctypes.c_uint32 * 2),
    ]


def pointer(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def in_layout(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """x (B, C, H, W) in ``dtype`` and channels-last, as the kernels take it."""
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def differentiable_once(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel's ``backward``, of which a second derivative is refused.

    PyTorch's ``once_differentiable`` refuses it only where a gradient that comes in requires one:
    for a loss that is linear in the output it would leave the kernel's share out without a word.

    Raises:
        RuntimeError: within ``create_graph=True``.
    """

    @functools.wraps(backward)
    def once(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "gradients through the package's own kernels must be differentiated once, got "
                "create_graph=True. Fix: decode or encode within "
                "reparam.model.twice_differentiable(), or train with --kernels pytorch"
            )
        return backward(ctx, *gradients)

    return once
