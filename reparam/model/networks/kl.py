"""Encoder and decoder of latent diffusion models: the networks of diffusers' AutoencoderKL.

Residual blocks at sizes that halve from level to level, as of Esser et al. 2021 (table 7), without
attention outside of the smallest maps (Rombach et al. 2022, appendix G). The encoder takes images
to [−1, 1] first, as these do, so that ``reparam export --diffusers`` can write the same function.

Images whose sides are no multiple of what the levels halve are continued at their borders, and what
is decoded is cut.
"""

from dataclasses import dataclass
from functools import partial

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
    KlHalf,
    check_size,
    init_pixels,
)
from reparam.model.networks.kl_blocks import Enlarge, Level, Middle, Shrink, diffusers_weights
from reparam.model.networks.layers import SameConv2d, output_activation
from reparam.model.networks.residual_blocks import (
    GroupNorm,
    Norm,
    ResidualBlock,
    borders_to,
    smallest_sides,
    start_layer,
    start_maps,
    without_borders,
)
from reparam.registry import Part
from reparam.types import Images, Labels, Latents


@dataclass(frozen=True)
class _Levels(Part):
    """What both halves have in common."""

    filters: tuple[int, ...] = (32, 64, 128)
    """Channels of each level; each but the first has half the sides of the one before."""

    blocks: int = option(1, least=1)
    """Residual blocks of each level; a decoder has one more."""

    groups: int = option(8, least=1)
    """Groups of channels that are normalised together."""

    attention: bool = True
    """Self-attention between the positions of the smallest maps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.filters or any(f < 1 or f % self.groups for f in self.filters):
            raise ConfigError(
                f"filters must be multiples of groups, {self.groups}, one for each level, got "
                f"{' '.join(map(str, self.filters)) or 'none'}. Fix: such as "
                f"{4 * self.groups} {8 * self.groups}"
            )

    @property
    def norm(self) -> Norm:
        return partial(GroupNorm, groups=self.groups, eps=1e-6)

    @property
    def halvings(self) -> int:
        return len(self.filters) - 1

    @property
    def of_diffusers(self) -> dict[str, object]:
        """The same as options of AutoencoderKL."""
        return {
            "block_out_channels": list(self.filters),
            "down_block_types": ["DownEncoderBlock2D"] * len(self.filters),
            "up_block_types": ["UpDecoderBlock2D"] * len(self.filters),
            "layers_per_block": self.blocks,
            "norm_num_groups": self.groups,
            "mid_block_add_attention": self.attention,
        }

    def blocks_of(self, channels: int, out_channels: int, count: int) -> list[nn.Module]:
        """What a level computes at one size."""
        widths = [channels, *[out_channels] * (count - 1)]
        return [ResidualBlock(width, 0.0, out_channels, self.norm) for width in widths]


@ENCODERS.register("kl")
@dataclass(frozen=True)
class KlEncoderOptions(_Levels, EncoderOptions):
    """The encoder of diffusers' AutoencoderKL, for pictures and latents that are maps."""

    moments: int = option(32, least=1)
    """Channels of its last maps, each of whose positions mean and variance are linear in: twice the
    latent channels, or more."""

    def check_channels(self, needed: int) -> None:
        if self.moments < needed:
            raise ConfigError(
                f"encoder_moments must be at least the {needed} numbers that the posterior reads "
                f"at each position of these latents, got {self.moments}. Fix: --encoder-moments "
                f"{needed}, or fewer --latent-channels"
            )

    def build(self, image_shape: ImageShape) -> "KlEncoder":
        return KlEncoder(self, image_shape)


@DECODERS.register("kl")
@dataclass(frozen=True)
class KlDecoderOptions(_Levels, DecoderOptions):
    """The decoder of diffusers' AutoencoderKL. Pixels are cut off at 0 and 1 (clamp)."""

    def build(
        self,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        feature_shape: FeatureShape,
        logits: bool,
    ) -> "KlDecoder":
        return KlDecoder(self, latent, image_shape, logits=logits)


class KlEncoder(Encoder):
    """Images → maps of ``moments`` channels, of sides ceil(side / 2^(levels − 1))."""

    def __init__(self, options: KlEncoderOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape, self.options = image_shape, options
        self.borders = borders_to(image_shape, options.halvings)
        channels = options.filters[0]
        self.conv_in = SameConv2d(image_shape[2], channels, 3, 1)
        self.levels = nn.Sequential()
        for i, filters in enumerate(options.filters):
            change = Shrink(filters) if i < options.halvings else None
            self.levels.append(Level(options.blocks_of(channels, filters, options.blocks), change))
            channels = filters
        self.mid_block = Middle(channels, options.norm, attention=options.attention)
        self.conv_norm_out = options.norm(channels)
        self.conv_out = SameConv2d(channels, options.moments, 3, 1)
        self.feature_shape = (options.moments, *smallest_sides(image_shape, options.halvings))

    @property
    def receptive_field(self) -> int | None:
        if self.options.attention:
            return None
        side, apart = 3, 1  # apart: pixels between neighbours in the maps of a level
        for level in range(len(self.options.filters)):
            if level:
                side, apart = side + 2 * apart, 2 * apart
            side += self.options.blocks * 4 * apart
        return side + (2 * 4 + 2) * apart  # two blocks in the middle, and the last convolution

    @property
    def kl_half(self) -> KlHalf:
        weights = diffusers_weights(self, "down_blocks", "downsamplers")
        return KlHalf(self.options.of_diffusers, weights, self.borders)

    def forward(self, x: Images, labels: Labels | None = None) -> Features:
        check_size(x, self.image_shape)
        y = self.conv_in(2 * F.pad(x, self.borders, mode="replicate") - 1)
        y = self.mid_block(self.levels(y))
        return self.conv_out(self.conv_norm_out(y, silu=True))


class KlDecoder(Decoder):
    """Latents → images: a convolution (a dense layer for latents that are rows), then ever larger
    maps.

    Raises ShapeError for spatial latents of other sides than its smallest maps have.
    """

    def __init__(
        self,
        options: KlDecoderOptions,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        logits: bool,
    ) -> None:
        super().__init__()
        self.options, self.latent, self.image_shape = options, latent, image_shape
        self.borders = borders_to(image_shape, options.halvings)
        self.logits = logits
        channels = options.filters[-1]
        self.start_shape = (*smallest_sides(image_shape, options.halvings), channels)
        self.conv_in = start_layer(latent, self.start_shape)
        self.mid_block = Middle(channels, options.norm, attention=options.attention)
        self.levels = nn.Sequential()
        for i, filters in enumerate(reversed(options.filters)):
            change = Enlarge(filters) if i < options.halvings else None
            blocks = options.blocks_of(channels, filters, options.blocks + 1)
            self.levels.append(Level(blocks, change))
            channels = filters
        self.conv_norm_out = options.norm(channels)
        self.conv_out = SameConv2d(channels, image_shape[2], 3, 1)

    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        init_pixels(self.conv_out.bias, image.mean((1, 2)))

    @property
    def kl_half(self) -> KlHalf:
        weights = dict(diffusers_weights(self, "up_blocks", "upsamplers"))
        weights["conv_out.weight"] = 2 * weights["conv_out.weight"]  # pixels y as 2 y − 1
        weights["conv_out.bias"] = 2 * weights["conv_out.bias"] - 1
        return KlHalf(self.options.of_diffusers, weights, self.borders)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        x = self.mid_block(start_maps(self.conv_in, z, self.latent, self.start_shape))
        x = self.conv_out(self.conv_norm_out(self.levels(x), silu=True))
        x = without_borders(x, self.borders, self.image_shape)
        return output_activation("linear" if self.logits else "clamp", x, training=self.training)
