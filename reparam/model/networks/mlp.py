"""Encoder and decoder of dense layers, as in Kingma & Welling 2014 (appendix C) and Burda et al.
2016 (appendix C): every pixel is one input, whatever lies beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks.base import (
    DECODERS,
    ENCODERS,
    Decoder,
    DecoderOptions,
    Encoder,
    EncoderOptions,
    Features,
    FeatureShape,
    ImageShape,
    check_size,
    init_pixels,
)
from reparam.model.networks.layers import (
    Dense,
    OutputActivation,
    before_activation,
    diagnose_range,
    output_activation,
    output_of,
)
from reparam.registry import Part
from reparam.types import Images, Labels, Latents

HiddenActivation = Literal["tanh", "relu", "leaky-relu", "gated"]


@dataclass(frozen=True)
class _Layers(Part):
    """What both halves have in common."""

    widths: tuple[int, ...] = option((200, 200), least=1)
    """Outputs of each hidden dense layer."""

    hidden_activation: HiddenActivation = "tanh"
    """What follows each hidden dense layer; gated: it is multiplied by the sigmoid of another."""

    leaky_slope: float = option(0.3, least=0)
    """Slope of leaky-relu below zero."""

    def blocks(self, inputs: int) -> nn.Sequential:
        return dense_blocks(inputs, self.widths, self.hidden_activation, self.leaky_slope)


@ENCODERS.register("mlp")
@dataclass(frozen=True)
class MlpEncoderOptions(_Layers, EncoderOptions):
    """Dense layers."""

    def build(self, image_shape: ImageShape) -> "MlpEncoder":
        return MlpEncoder(self, image_shape)


@DECODERS.register("mlp")
@dataclass(frozen=True)
class MlpDecoderOptions(_Layers, DecoderOptions):
    """Dense layers."""

    output_activation: OutputActivation = "sigmoid"
    """What turns the last layer into pixels, where the likelihood does not do that itself."""

    def build(
        self,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        feature_shape: FeatureShape,
        logits: bool,
    ) -> "MlpDecoder":
        return MlpDecoder(self, latent, image_shape, logits=logits)

    def diagnose(self) -> dict[str, str]:
        return diagnose_range(self.output_activation)


class DenseBlock(nn.Module):
    """A dense layer and its activation. ``leaky_slope`` is of leaky-relu only.

    gated: (W x + b) ⊙ σ(V x + c) (Dauphin et al. 2017, eq. 1; Tomczak & Welling 2018, section 5.1).
    """

    def __init__(
        self, inputs: int, outputs: int, activation: HiddenActivation, leaky_slope: float
    ) -> None:
        super().__init__()
        self.dense = Dense(inputs, outputs, hidden=True)
        self.label = f"dense, {activation}"
        self.gate = Dense(inputs, outputs, hidden=True) if activation == "gated" else None
        self.slope = {"relu": 0.0, "leaky-relu": leaky_slope}.get(activation)

    def forward(self, x: Float[Tensor, "B n"]) -> Float[Tensor, "B m"]:
        y = self.dense(x)
        if self.gate is not None:
            return y * torch.sigmoid(self.gate(x))
        return torch.tanh(y) if self.slope is None else F.leaky_relu(y, self.slope)


def dense_blocks(
    inputs: int, widths: Sequence[int], activation: HiddenActivation, leaky_slope: float = 0.3
) -> nn.Sequential:
    """Dense layers of these widths, one after another."""
    pairs = zip((inputs, *widths), widths, strict=False)
    return nn.Sequential(*(DenseBlock(*pair, activation, leaky_slope) for pair in pairs))


class MlpEncoder(Encoder):
    """Pixels, in the order height, width, channel, through the hidden layers."""

    def __init__(self, options: MlpEncoderOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        pixels = math.prod(image_shape)
        self.blocks = options.blocks(pixels)
        self.feature_shape = ((pixels, *options.widths)[-1],)

    def forward(self, x: Images, labels: Labels | None = None) -> Features:
        check_size(x, self.image_shape)
        return cast(Tensor, self.blocks(x.permute(0, 2, 3, 1).flatten(1)))


class MlpDecoder(Decoder):
    """Latents through the hidden layers to pixels, in the order height, width, channel."""

    def __init__(
        self,
        options: MlpDecoderOptions,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        logits: bool,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.blocks = options.blocks(latent.dim)
        last = (latent.dim, *options.widths)[-1]
        self.pixels = Dense(last, math.prod(image_shape), hidden=True)
        self.output = output_of(options.output_activation, logits=logits)

    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        values = before_activation(self.output, image).permute(1, 2, 0).flatten()
        init_pixels(self.pixels.bias, values)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        x = self.pixels(self.blocks(z)).unflatten(1, self.image_shape).permute(0, 3, 1, 2)
        return output_activation(self.output, x.float(), training=self.training)
