"""Encoder and decoder of convolutions: the article's stacks, from lists of sizes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from reparam.errors import ConfigError, ShapeError
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
from reparam.model.networks.blocks import Block, Tail
from reparam.model.networks.layers import (
    BlockOrder,
    Dense,
    OutputActivation,
    SameConv2d,
    SameConvTranspose2d,
    before_activation,
    diagnose_range,
    output_activation,
    output_of,
)
from reparam.registry import Part
from reparam.types import Images, Labels, Latents

Size = tuple[int, int]


@dataclass(frozen=True)
class _Stack(Part):
    """What both halves have in common."""

    filters: tuple[int, ...] = option((32, 64, 64, 64), least=1)
    """Filters of each convolution."""

    kernels: tuple[int, ...] = option((3, 3, 3, 3), least=1)
    """Kernel size of each convolution."""

    strides: tuple[int, ...] = option((1, 2, 2, 1), least=1)
    """Stride of each convolution."""

    batch_norm: bool = False
    """Batch normalisation in every block."""

    dropout: float = option(0.0, least=0, below=1)
    """Share of values dropped after every block in training (the article's option is 0.25)."""

    leaky_slope: float = option(0.3, least=0)
    """Slope of LeakyReLU below zero (Keras' default when the article was written)."""

    order: BlockOrder = "norm-act"
    """Whether batch normalisation comes before or after LeakyReLU."""

    def tail(self, filters: int) -> Tail:
        """What follows a convolution with so many filters."""
        return Tail(
            filters,
            slope=self.leaky_slope,
            batch_norm=self.batch_norm,
            order=self.order,
            dropout=self.dropout,
        )


@ENCODERS.register("convolutional")
@dataclass(frozen=True)
class ConvolutionalEncoderOptions(_Stack, EncoderOptions):
    """Convolutions, each with LeakyReLU and what else its block has."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_same_length("encoder", self.filters, self.kernels, self.strides)

    def build(self, image_shape: ImageShape) -> "ConvolutionalEncoder":
        return ConvolutionalEncoder(self, image_shape)


@DECODERS.register("convolutional")
@dataclass(frozen=True)
class ConvolutionalDecoderOptions(_Stack, DecoderOptions):
    """A dense layer, then transposed convolutions."""

    filters: tuple[int, ...] = option((64, 64, 32), least=1)
    """Filters of the transposed convolutions but the last, which has the image's channels."""

    order: BlockOrder = "act-norm"
    """Whether batch normalisation comes before or after LeakyReLU."""

    output_activation: OutputActivation = "sigmoid"
    """What turns the last layer into pixels, where the likelihood does not do that itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.filters) == len(self.kernels):
            raise ConfigError(
                "decoder_filters must list every layer but the last, whose filters are the "
                f"image's channels, got {len(self.filters)} filters for {len(self.kernels)} "
                "kernels. Fix: drop the last filter"
            )
        _check_same_length("decoder", (*self.filters, 1), self.kernels, self.strides)

    def build(
        self,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        feature_shape: FeatureShape,
        logits: bool,
    ) -> "ConvolutionalDecoder":
        return ConvolutionalDecoder(self, latent, image_shape, feature_shape, logits=logits)

    def diagnose(self) -> dict[str, str]:
        return diagnose_range(self.output_activation)


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


def decoder_sizes(target: Size, strides: Sequence[int]) -> list[Size]:
    """Height and width at the start of the decoder and after each of its layers."""
    sizes = [target]
    for stride in reversed(strides):
        sizes.append(shrink(sizes[-1], stride))
    return sizes[::-1]


class ConvolutionalEncoder(Encoder):
    """Images → maps, by convolutions."""

    def __init__(self, options: ConvolutionalEncoderOptions, image_shape: ImageShape) -> None:
        super().__init__()
        height, width, channels = image_shape
        self.image_shape = image_shape
        self.blocks = nn.Sequential()
        for filters, kernel, stride in zip(
            options.filters, options.kernels, options.strides, strict=True
        ):
            conv = SameConv2d(channels, filters, kernel, stride)
            self.blocks.append(Block(conv, options.tail(filters)))
            channels = filters
        last = encoder_sizes((height, width), options.strides)[-1]
        self.feature_shape = (channels, *last)
        self.options = options

    @property
    def receptive_field(self) -> int:
        side, apart = 1, 1
        for kernel, stride in zip(self.options.kernels, self.options.strides, strict=True):
            side += (kernel - 1) * apart
            apart *= stride
        return side

    def forward(self, x: Images, labels: Labels | None = None) -> Features:
        check_size(x, self.image_shape)
        return cast(Tensor, self.blocks(x))


class ConvolutionalDecoder(Decoder):
    """Latents → images: a dense layer (none for spatial latents), then transposed convolutions.

    It starts with maps of the size to which its strides shrink the image, with as many channels as
    the encoder's maps have. Raises ShapeError where the encoder or the latents have maps of another
    size.
    """

    def __init__(
        self,
        options: ConvolutionalDecoderOptions,
        latent: LatentSpec,
        image_shape: ImageShape,
        feature_shape: FeatureShape,
        *,
        logits: bool,
    ) -> None:
        super().__init__()
        height, width, image_channels = image_shape
        start, *sizes = decoder_sizes((height, width), options.strides)
        maps = latent.shape if latent.is_spatial else feature_shape
        channels = maps[0] if len(maps) == 3 else (*options.filters, image_channels)[0]
        if len(maps) == 3:
            _check_start(start, (maps[1], maps[2]), options.strides, (height, width))
        self.latent = latent
        self.start_shape = (*start, channels)
        self.dense = None if latent.is_spatial else Dense(latent.dim, math.prod(self.start_shape))
        self.blocks = nn.Sequential()
        for filters, kernel, stride, size in zip(
            (*options.filters, image_channels), options.kernels, options.strides, sizes, strict=True
        ):
            conv = SameConvTranspose2d(channels, filters, kernel, stride, size)
            is_last = len(self.blocks) == len(options.filters)
            self.blocks.append(Block(conv, None if is_last else options.tail(filters)))
            channels = filters
        self.output = output_of(options.output_activation, logits=logits)

    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        last = cast(Block, self.blocks[-1]).conv
        init_pixels(last.bias, before_activation(self.output, image.mean((1, 2))))

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        if self.dense is None:
            x = self.latent.shaped(z)
        else:  # height, width, channel: Keras' order
            x = self.dense(z).unflatten(1, self.start_shape).permute(0, 3, 1, 2)
        x = self.blocks(x)
        return output_activation(self.output, x.float(), training=self.training)


def _check_start(start: Size, maps: Size, strides: Sequence[int], target: Size) -> None:
    if start != maps:
        raise ShapeError(
            f"the decoder's strides must enlarge the encoder's maps of {maps[0]} × {maps[1]} to "
            f"the image's {target[0]} × {target[1]}, got strides {' '.join(map(str, strides))}, "
            f"which start at {start[0]} × {start[1]}. Fix: choose decoder strides whose product is "
            "that of the encoder's"
        )


def _check_same_length(half: str, *lists: tuple[int, ...]) -> None:
    """Raises ConfigError unless there is one filter count, kernel and stride for each layer."""
    filters, kernels, strides = (len(values) for values in lists)
    if not filters == kernels == strides or not kernels:
        raise ConfigError(
            f"the {half}'s lists must have one kernel size and one stride for each layer, got "
            f"{filters} layers by filters, {kernels} by kernels, {strides} by strides. Fix: make "
            "them agree"
        )
