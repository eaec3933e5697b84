"""Encoder and decoder of dense layers, as in Kingma & Welling 2014 (appendix C) and Burda et al.
2016 (appendix C): every pixel is one input, whatever lies beside it.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from reparam.model.config import HiddenActivation, ModelConfig
from reparam.model.layers import Dense, before_activation, output_activation
from reparam.model.networks import Decoder, Encoder, ImageShape, check_size
from reparam.types import Images, Latents


class DenseBlock(nn.Module):
    """A dense layer and its activation. ``leaky_slope`` is of leaky-relu only."""

    def __init__(
        self, inputs: int, outputs: int, activation: HiddenActivation, leaky_slope: float
    ) -> None:
        super().__init__()
        self.dense = Dense(inputs, outputs, hidden=True)
        self.activation = activation
        self.slope = {"relu": 0.0, "leaky-relu": leaky_slope}.get(activation)

    def forward(self, x: Float[torch.Tensor, "B n"]) -> Float[torch.Tensor, "B m"]:
        y = self.dense(x)
        return torch.tanh(y) if self.slope is None else F.leaky_relu(y, self.slope)


def _blocks(inputs: int, widths: Sequence[int], config: ModelConfig) -> nn.ModuleList:
    return nn.ModuleList(
        DenseBlock(before, after, config.hidden_activation, config.leaky_slope)
        for before, after in zip((inputs, *widths), widths, strict=False)
    )


class MlpEncoder(Encoder):
    """Pixels, in the order height, width, channel, through ``encoder_widths`` to the heads."""

    def __init__(self, config: ModelConfig, image_shape: ImageShape, heads: Sequence[str]) -> None:
        super().__init__()
        self.image_shape = image_shape
        pixels = math.prod(image_shape)
        self.blocks = _blocks(pixels, config.encoder_widths, config)
        last = (pixels, *config.encoder_widths)[-1]
        self.heads = nn.ModuleDict(
            {name: Dense(last, config.latent_dim, hidden=True) for name in heads}
        )

    def forward(self, x: Images) -> dict[str, Latents]:
        check_size(x, self.image_shape)
        features = x.permute(0, 2, 3, 1).flatten(1)
        for block in self.blocks:
            features = block(features)
        return {name: head(features).float() for name, head in self.heads.items()}


class MlpDecoder(Decoder):
    """Latents through ``decoder_widths`` to pixels, in the order height, width, channel."""

    def __init__(self, config: ModelConfig, image_shape: ImageShape) -> None:
        super().__init__()
        self.feature_shape = image_shape
        self.blocks = _blocks(config.latent_dim, config.decoder_widths, config)
        last = (config.latent_dim, *config.decoder_widths)[-1]
        self.pixels = Dense(last, math.prod(image_shape), hidden=True)
        self.output = config.decoder_output

    def begin_at(self, image: Float[torch.Tensor, "C H W"]) -> None:
        values = before_activation(self.output, image).permute(1, 2, 0).flatten()
        with torch.no_grad():
            self.pixels.bias.copy_(values)

    def forward(self, z: Float[torch.Tensor, "B d"]) -> Images:
        x: torch.Tensor = z
        for block in self.blocks:
            x = block(x)
        x = self.pixels(x).unflatten(1, self.feature_shape).permute(0, 3, 1, 2)
        return output_activation(self.output, x.float())
