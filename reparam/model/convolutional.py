"""Encoder and decoder of convolutions: the article's stacks, from lists of sizes."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import nn

from reparam.errors import ShapeError
from reparam.model.blocks import Block, Tail
from reparam.model.config import ModelConfig
from reparam.model.layers import (
    Dense,
    SameConv2d,
    SameConvTranspose2d,
    before_activation,
    output_activation,
)
from reparam.model.networks import Decoder, Encoder, ImageShape, check_size
from reparam.types import Images, Latents

Size = tuple[int, int]


def shrink(size: Size, stride: int) -> Size:
    """Height and width after a 'same' convolution: ceil(size / stride)."""
    return -(-size[0] // stride), -(-size[1] // stride)


def encoder_sizes(size: Size, strides: Sequence[int]) -> list[Size]:
    """Height and width after each convolution of the encoder."""
    sizes = []
    for stride in strides:
        size = shrink(size, stride)
        sizes.append(size)
    return sizes


def decoder_sizes(start: Size, target: Size, strides: Sequence[int]) -> list[Size]:
    """Height and width after each transposed convolution, ending at ``target`` exactly.

    Raises ShapeError when the strides do not lead from ``start`` to ``target``.
    """
    sizes = [target]
    for stride in reversed(strides):
        sizes.append(shrink(sizes[-1], stride))
    sizes.reverse()
    if sizes[0] != start:
        factor = torch.tensor(list(strides)).prod().item()
        raise ShapeError(
            f"the decoder starts at the encoder's last size, {start[0]} × {start[1]}, and its "
            f"strides {' '.join(map(str, strides))} multiply it by {factor}, which cannot give "
            f"{target[0]} × {target[1]}: choose decoder strides whose product is that of the "
            "encoder's"
        )
    return sizes[1:]


class ConvolutionalEncoder(Encoder):
    """Convolutions, then a dense head for each of the posterior's parameters."""

    def __init__(self, config: ModelConfig, image_shape: ImageShape, heads: Sequence[str]) -> None:
        super().__init__()
        height, width, channels = image_shape
        self.image_shape = image_shape
        self.blocks = nn.ModuleList()
        for filters, kernel, stride in zip(
            config.encoder_filters, config.encoder_kernels, config.encoder_strides, strict=True
        ):
            conv = SameConv2d(channels, filters, kernel, stride)
            tail = Tail(
                filters,
                slope=config.leaky_slope,
                batch_norm=config.batch_norm,
                order=config.encoder_order,
                dropout=config.dropout,
            )
            self.blocks.append(Block(conv, tail))
            channels = filters
        last = encoder_sizes((height, width), config.encoder_strides)[-1]
        self.feature_shape = (*last, channels)
        features = last[0] * last[1] * channels
        self.heads = nn.ModuleDict({name: Dense(features, config.latent_dim) for name in heads})

    def forward(self, x: Images) -> dict[str, Latents]:
        check_size(x, self.image_shape)
        for block in self.blocks:
            x = block(x)
        features = x.permute(0, 2, 3, 1).flatten(1)  # H, W, C: Keras' order; free in channels-last
        return {name: head(features).float() for name, head in self.heads.items()}


class ConvolutionalDecoder(Decoder):
    """A dense layer, then transposed convolutions.

    Raises ShapeError when the strides cannot lead to the image's size.
    """

    def __init__(
        self,
        config: ModelConfig,
        image_shape: ImageShape,
        feature_shape: ImageShape,
    ) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        self.feature_shape = feature_shape
        rows, columns, channels = feature_shape
        self.dense = Dense(config.latent_dim, rows * columns * channels)
        sizes = decoder_sizes((rows, columns), (height, width), config.decoder_strides)
        self.blocks = nn.ModuleList()
        for filters, kernel, stride, size in zip(
            (*config.decoder_filters, image_channels),
            config.decoder_kernels,
            config.decoder_strides,
            sizes,
            strict=True,
        ):
            conv = SameConvTranspose2d(channels, filters, kernel, stride, size)
            is_last = len(self.blocks) == len(config.decoder_filters)
            tail = Tail(
                filters,
                slope=config.leaky_slope,
                batch_norm=config.batch_norm,
                order=config.decoder_order,
                dropout=config.dropout,
            )
            self.blocks.append(Block(conv, None if is_last else tail))
            channels = filters
        self.output = config.decoder_output

    def begin_at(self, image: Float[torch.Tensor, "C H W"]) -> None:
        last = cast(Block, self.blocks[-1]).conv
        with torch.no_grad():
            last.bias.copy_(before_activation(self.output, image.mean((1, 2))))

    def forward(self, z: Float[torch.Tensor, "B d"]) -> Images:
        x = self.dense(z).unflatten(1, self.feature_shape).permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x)
        return output_activation(self.output, x.float())
