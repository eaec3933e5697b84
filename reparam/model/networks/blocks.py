"""A convolution and what follows it, by PyTorch's kernels or by our own."""

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from reparam.model.native import (
    BLOCK,
    CHANNELS,
    Activation,
    Norm,
    convolution,
    convolution_3x3,
    convolution_normalised,
    normalised,
)
from reparam.model.networks.kernels import TwoKernels
from reparam.model.networks.layers import (
    BatchNorm,
    BlockOrder,
    Dropout,
    Maps,
    NewMaps,
    SameConv2d,
    SameConvTranspose2d,
)


class Tail(nn.Module):
    """What follows a convolution: LeakyReLU and batch norm in either order, then dropout."""

    def __init__(
        self, channels: int, *, slope: float, batch_norm: bool, order: BlockOrder, dropout: float
    ) -> None:
        super().__init__()
        self.slope, self.order = slope, order
        self.norm = BatchNorm(channels) if batch_norm else nn.Identity()
        self.dropout = Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Maps) -> Maps:
        if self.order == "norm-act":
            x = F.leaky_relu(self.norm(x), self.slope)
        else:
            x = self.norm(F.leaky_relu(x, self.slope))
        return self.dropout(x)

    @property
    def activation(self) -> Activation:
        """LeakyReLU and dropout, as they are in the mode that the layer is in."""
        rate = self.dropout.rate if isinstance(self.dropout, Dropout) and self.training else 0.0
        return Activation(self.slope, rate)


class Block(TwoKernels):
    """A convolution and what follows it: nothing, in the last layer.

    The parts are called 0 and 1 in saved weights.
    """

    def __init__(self, conv: SameConv2d | SameConvTranspose2d, tail: Tail | None = None) -> None:
        super().__init__()
        self.add_module("0", conv)
        if tail is not None:
            self.add_module("1", tail)

    @property
    def conv(self) -> SameConv2d | SameConvTranspose2d:
        return cast(SameConv2d | SameConvTranspose2d, self.get_submodule("0"))

    @property
    def tail(self) -> Tail | None:
        return cast(Tail | None, self._modules.get("1"))

    def forward(self, x: Maps) -> NewMaps:
        if (dtype := self.native_for(x)) is not None:
            return self._native(x, dtype)
        y = self.conv(x)
        return y if self.tail is None else self.tail(y)

    def _native(self, x: Maps, dtype: torch.dtype) -> NewMaps:
        conv, tail = self.conv, self.tail
        weight_3x3 = _weight_3x3(conv) if dtype is torch.float32 else None
        norm = None if tail is None else tail.norm
        if tail is not None and isinstance(norm, BatchNorm) and self._by_kernels(norm):
            how = Norm(tail.activation, tail.order == "act-norm", norm.eps)
            of_norm = (norm.weight, norm.bias)
            if weight_3x3 is None:
                y, *moments = convolution_normalised(
                    x, conv.weight, conv.bias, *of_norm, conv.how(x), how, dtype
                )
            else:
                y = convolution_3x3(x, weight_3x3, conv.bias, dtype)
                y, *moments = normalised(y, *of_norm, how, dtype)
            norm.observe(*moments)
            return y
        if weight_3x3 is not None:
            y = convolution_3x3(x, weight_3x3, conv.bias, dtype)
        elif tail is None or isinstance(norm, BatchNorm):
            y = convolution(x, conv.weight, conv.bias, conv.how(x), Activation(), dtype)
        else:
            return convolution(x, conv.weight, conv.bias, conv.how(x), tail.activation, dtype)
        return y if tail is None else tail(y)

    def _by_kernels(self, norm: BatchNorm) -> bool:
        """Whether our own kernels compute the norm: it is to take the batch's statistics."""
        return self.training and norm.weight.numel() % CHANNELS == 0


def _weight_3x3(conv: SameConv2d | SameConvTranspose2d) -> torch.Tensor | None:
    """Its weights as `convolution_3x3` takes them (C2, C, 3, 3); None where it does not.

    That kernel has fewer than half the multiplications. Blocks take it in float32 alone: in
    bfloat16 its sums and differences are rounded too, and it was not found to be faster there.
    """
    if (conv.kernel, conv.stride) != (3, 1) or any(n % BLOCK for n in conv.weight.shape[:2]):
        return None
    if isinstance(conv, SameConvTranspose2d):  # of stride 1: a convolution by the turned weights
        return conv.weight.transpose(0, 1).flip(2, 3)
    return conv.weight
