"""A convolution and what follows it, by PyTorch's kernels or by our own."""

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F

from reparam.model.native import (
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

    @property
    def native_norm(self) -> Norm | None:
        """Itself, as our own kernels take the batch's statistics; None where they do not."""
        norm = self.norm
        if not isinstance(norm, BatchNorm) or not self.training or norm.weight.numel() % CHANNELS:
            return None
        return Norm(self.activation, self.order == "act-norm", norm.eps)

    def behind(self, y: Maps, dtype: torch.dtype) -> Maps:
        """Of what a convolution gave, by our own kernels where they take the batch's statistics."""
        norm = self.norm
        if not isinstance(norm, BatchNorm) or (how := self.native_norm) is None:
            return self(y)
        y, *moments = normalised(y, norm.weight, norm.bias, how, dtype)
        norm.observe(*moments)
        return y


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
        # In bfloat16, whose sums and differences would be rounded too, it was not measured here.
        if dtype is torch.float32 and (weight := conv.weight_3x3()) is not None:
            y = convolution_3x3(x, weight, conv.bias, dtype)
            return y if tail is None else tail.behind(y, dtype)
        given = (x, conv.weight, conv.bias)
        if tail is None:
            return convolution(*given, conv.how(x), Activation(), dtype)
        if not isinstance(tail.norm, BatchNorm):
            return convolution(*given, conv.how(x), tail.activation, dtype)
        if (norm := tail.native_norm) is None:
            return tail(convolution(*given, conv.how(x), Activation(), dtype))
        parameters = (tail.norm.weight, tail.norm.bias)
        y, *moments = convolution_normalised(*given, *parameters, conv.how(x), norm, dtype)
        tail.norm.observe(*moments)
        return y
