"""Encoder and decoder of residual blocks: for pictures, of any size.

Images whose sides are no multiple of what the levels halve are continued at their borders, and what
is decoded is cut.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.errors import ConfigError
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
from reparam.model.networks.components import Components
from reparam.model.networks.layers import (
    Maps,
    NewMaps,
    OutputActivation,
    SameConv2d,
    before_activation,
    diagnose_range,
    output_activation,
    output_of,
)
from reparam.model.networks.residual_blocks import (
    GROUP,
    Double,
    GroupNorm,
    Halve,
    ResidualBlock,
    SelfAttention,
    borders_to,
    smallest_sides,
    start_layer,
    start_maps,
    without_borders,
)
from reparam.registry import Part
from reparam.types import Images, Labels, Latents

Large = Float[Tensor, "B C3 H3 W3"]
"""Images of the size that a decoder's last level has."""


@dataclass(frozen=True)
class _Levels(Part):
    """What both halves have in common."""

    filters: tuple[int, ...] = (32, 64, 128, 256)
    """Channels of each level; each halves the image's sides once more."""

    blocks: int = option(1, least=0)
    """Residual blocks of each level."""

    attention: bool = False
    """Self-attention between the positions of the smallest maps."""

    dropout: float = option(0.0, least=0, below=1)
    """Share of values dropped inside of every block in training."""

    components: int = option(0, least=0)
    """Begin with so many principal components of the training images, a linear code that is found
    before training; the blocks learn what it leaves. 0 for none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_filters(self.filters)

    @property
    def has_components(self) -> bool:
        return self.components > 0

    def blocks_of(self, channels: int) -> list[nn.Module]:
        """What a level computes at one size."""
        return [ResidualBlock(channels, self.dropout) for _ in range(self.blocks)]

    def last_of(self, channels: int) -> list[nn.Module]:
        """What follows at the smallest size."""
        return [SelfAttention(channels)] if self.attention else []


@ENCODERS.register("residual")
@dataclass(frozen=True)
class ResidualEncoderOptions(_Levels, EncoderOptions):
    """Residual blocks at ever smaller sizes, for pictures."""

    def build(self, image_shape: ImageShape) -> "ResidualEncoder":
        return ResidualEncoder(self, image_shape)


@DECODERS.register("residual")
@dataclass(frozen=True)
class ResidualDecoderOptions(_Levels, DecoderOptions):
    """Residual blocks at ever larger sizes, for pictures."""

    output_activation: OutputActivation = "sigmoid"
    """What turns the last layer into pixels, where the likelihood does not do that itself."""

    def build(
        self,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        feature_shape: FeatureShape,
        logits: bool,
    ) -> "ResidualDecoder":
        return ResidualDecoder(self, latent, image_shape, logits=logits)

    def diagnose(self) -> dict[str, str]:
        return diagnose_range(self.output_activation)


def _check_filters(filters: tuple[int, ...]) -> None:
    if not filters or any(f < GROUP or f % GROUP for f in filters):
        raise ConfigError(
            f"filters must be multiples of {GROUP}, one for each level, got "
            f"{' '.join(map(str, filters)) or 'none'}. Fix: such as 32 64 128"
        )
    for before, after in itertools.pairwise(filters):
        if 4 * before % after:
            raise ConfigError(
                f"filters must be such that four times a level's is a multiple of the next one's, "
                f"got {before} and {after}. Fix: double from level to level, such as 32 64 128"
            )


class ResidualEncoder(Encoder):
    """Images → maps of the last level, of sides ceil(side / 2^levels).

    With ``components`` → one row of numbers: those maps, in the order height, width, channel, then
    the image's linear code. The blocks see the image, and beside it what the code leaves of it.
    """

    def __init__(self, options: ResidualEncoderOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape, self.options = image_shape, options
        first, *others = options.filters
        self.borders = borders_to(image_shape, len(options.filters))
        self.linear = _components(options, image_shape)
        seen = image_shape[2] * (2 if self.linear else 1)
        self.stem = SameConv2d(4 * seen, first, 3, 1)
        layers: list[nn.Module] = options.blocks_of(first)
        channels = first
        for filters in others:
            layers += [Halve(channels, filters), *options.blocks_of(filters)]
            channels = filters
        self.layers = nn.Sequential(*layers, *options.last_of(channels))
        self.norm = GroupNorm(channels)
        maps = (channels, *smallest_sides(image_shape, len(options.filters)))
        self.feature_shape = (math.prod(maps) + options.components,) if self.linear else maps

    @property
    def components(self) -> Components | None:
        return self.linear

    @property
    def receptive_field(self) -> int | None:
        if self.options.attention or self.options.components:
            return None
        apart = 2  # pixels between neighbours in the maps of the first level
        side = 3 * apart
        for level in range(len(self.options.filters)):
            if level:
                side += 3 * apart  # its convolution, and the 2 × 2 that become channels
                apart *= 2
            side += self.options.blocks * 4 * apart
        return side

    def forward(self, x: Images, labels: Labels | None = None) -> Features:
        check_size(x, self.image_shape)
        if self.linear is None:
            return self._maps(x)
        code = self.linear.encode(x)
        maps = self._maps(torch.cat([x, x - self.linear.decode(code).clamp(0, 1)], 1))
        return torch.cat([maps.permute(0, 2, 3, 1).flatten(1).float(), code], 1)

    def _maps(self, x: Maps) -> NewMaps:
        x = self.stem(F.pixel_unshuffle(F.pad(x, self.borders, mode="replicate"), 2))
        return self.norm(self.layers(x), silu=True)


class ResidualDecoder(Decoder):
    """Latents → images: a dense layer (a convolution for spatial latents), then ever larger maps.

    With ``components`` (at most those of the latent) the blocks of every level see the image that
    the latent's first numbers are a linear code of, and what they give is added to it.

    Raises ShapeError for spatial latents of other sides than its smallest maps have.
    """

    def __init__(
        self,
        options: ResidualDecoderOptions,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        logits: bool,
    ) -> None:
        super().__init__()
        *others, first = options.filters
        self.latent, self.image_shape = latent, image_shape
        self.borders = borders_to(image_shape, len(options.filters))
        self.start_shape = (*smallest_sides(image_shape, len(options.filters)), first)
        self.start = start_layer(latent, self.start_shape)
        self.linear = _components(options, image_shape, most=latent.dim - latent.classes)
        layers: list[nn.Module] = [*options.last_of(first), *options.blocks_of(first)]
        channels = first
        for filters in reversed(others):
            layers += [Double(channels, filters), *options.blocks_of(filters)]
            channels = filters
        self.looks = nn.ModuleList(
            SameConv2d(4 * image_shape[2], filters, 3, 1)
            for filters in reversed(options.filters if self.linear else ())
        )
        self.layers = nn.ModuleList(layers)
        self.norm = GroupNorm(channels)
        self.pixels = SameConv2d(channels, 4 * image_shape[2], 3, 1)
        if self.linear is not None:
            nn.init.zeros_(self.pixels.weight)
        self.output = output_of(options.output_activation, logits=logits)
        self.logits = logits

    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        if self.linear is not None:
            return  # their mean is in its image
        values = before_activation(self.output, image.mean((1, 2)))
        init_pixels(self.pixels.bias, values.repeat_interleave(4))

    @property
    def components(self) -> Components | None:
        return self.linear

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        x = start_maps(self.start, z, self.latent, self.start_shape)
        linear = None
        if self.linear is not None:
            linear = self.linear.decode(z[:, : len(self.linear)])
        x = without_borders(self._pixels(x, linear), self.borders, self.image_shape)
        if linear is not None:
            x = x + before_activation("sigmoid" if self.logits else self.output, linear)
        return output_activation(self.output, x, training=self.training)

    def _pixels(self, x: Maps, linear: Large | None) -> NewMaps:
        """Maps of the smallest size → as large as the image with its borders."""
        looks: Iterator[NewMaps] = iter(())
        if linear is not None:
            looks = self._looks(F.pad(linear, self.borders, mode="replicate"))
            x = x + next(looks)
        for layer in self.layers:
            x = layer(x)
            if linear is not None and isinstance(layer, Double):
                x = x + next(looks)
        return F.pixel_shuffle(self.pixels(self.norm(x, silu=True)), 2)

    def _looks(self, linear: Large) -> Iterator[NewMaps]:
        """What each level sees of the linear code's image, from the smallest one."""
        for level, look in zip(reversed(range(len(self.looks))), self.looks, strict=True):
            small = F.avg_pool2d(linear, 2**level) if level else linear
            yield look(F.pixel_unshuffle(small, 2))


def _components(
    options: _Levels, image_shape: ImageShape, most: int | None = None
) -> Components | None:
    count = options.components if most is None else min(options.components, most)
    return Components(image_shape, count) if count else None
