"""Layers that our own kernels compute as well as PyTorch's, and which of both do."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn


class TwoKernels(nn.Module):
    """A layer that can be computed by PyTorch's kernels or by our own."""

    native: torch.dtype | None = None
    """Set by ``use_native``: our own kernels compute where layers compute in this format."""

    def native_for(self, x: torch.Tensor) -> torch.dtype | None:
        """The format in which our own kernels are to compute what follows from x; None: PyTorch
        is.
        """
        if self.native is None or self.native is not _format(x) or _TWICE.get():
            return None
        return self.native


def use_native(model: nn.Module, dtype: torch.dtype) -> None:
    """From now on layers that compute in ``dtype`` on the CPU do so with our own kernels, as far as
    there are any.

    ``dtype``: bfloat16 (autocast) or float32. The kernels must be there (``native.available``).
    """
    for layer in model.modules():
        if isinstance(layer, TwoKernels):
            layer.native = dtype


def has_native(model: nn.Module) -> bool:
    """Whether any of the model's layers can be computed by our own kernels."""
    return any(isinstance(layer, TwoKernels) for layer in model.modules())


_TWICE = ContextVar("twice", default=False)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """What is computed within can be differentiated twice: by PyTorch's kernels alone."""
    token = _TWICE.set(True)
    try:
        yield
    finally:
        _TWICE.reset(token)


def _format(x: torch.Tensor) -> torch.dtype | None:
    """That layers compute in on the CPU; None elsewhere."""
    if x.device.type != "cpu":
        return None
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
