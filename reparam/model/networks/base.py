"""Encoder and decoder as the rest of the package knows them."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.errors import ShapeError
from reparam.interface import Interface
from reparam.model.latent import LatentSpec
from reparam.model.networks.components import Components
from reparam.registry import Part, Registry
from reparam.types import Images, Labels, Latents

ImageShape = tuple[int, int, int]
"""Height, width, channels."""

FeatureShape = tuple[int, ...]
"""Of what an encoder gives for one image: (n,), or maps (C, h, w)."""

Features = Float[Tensor, "B ..."]


@dataclass(frozen=True)
class KlHalf:
    """A network as one half of diffusers' AutoencoderKL, whose images are in [−1, 1]."""

    config: Mapping[str, object]
    """The options of AutoencoderKL that say what its layers are."""
    weights: Mapping[str, Tensor]
    """By the names that its encoder or decoder has for them. The last convolution of an encoder
    gives the features, which the posterior's heads read."""
    borders: tuple[int, int, int, int]
    """Pixels at the left, right, top and bottom by which an image is continued."""


class Encoder(nn.Module, Interface):
    """Images (B, C, H, W) → features (B, *feature_shape), which the posterior reads.

    Raises ShapeError for images of another size than ``image_shape``.
    """

    image_shape: ImageShape
    feature_shape: FeatureShape

    @abstractmethod
    def forward(self, x: Images, labels: Labels | None = None) -> Features: ...

    @property
    def receptive_field(self) -> int | None:
        """Side in pixels of the square that convolutions bring into one position of the features;
        None where every feature sees the whole image. Statistics of normalisation do not count.
        """
        return None

    @property
    def components(self) -> Components | None:
        """The linear code that is the last of its features, where it has one."""
        return None

    @property
    def kl_half(self) -> KlHalf | None:
        """What it is in an AutoencoderKL, where its layers are those of one."""
        return None

    @property
    def unconditional(self) -> "Encoder":
        """What reads images without labels: itself, or the network inside a conditional one."""
        return self


class Decoder(nn.Module, Interface):
    """Latents (B, d) → what the likelihood takes (B, C, H, W), in float32.

    That is the mean image for a normal likelihood, and logits for a Bernoulli likelihood. Other
    likelihoods take more channels than the images have.
    """

    @abstractmethod
    def forward(self, z: Latents, labels: Labels | None = None) -> Images: ...

    @abstractmethod
    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        """Sets the last bias so that a decoder whose weights are small gives this image.

        What has no bias for every pixel gives the image's mean in each channel.
        """

    @property
    def components(self) -> Components | None:
        """The linear code that the latent's first numbers are, where it has one. At first it gives
        that code's image, whatever the bias, and not its mean alone.
        """
        return None

    @property
    def kl_half(self) -> KlHalf | None:
        """What it is in an AutoencoderKL, where its layers are those of one."""
        return None

    @property
    def last_weights(self) -> nn.Parameter:
        """Those of its last layer: of its parameters the last with several dimensions, unless a
        decoder that names them in another order says otherwise.
        """
        return [parameter for parameter in self.parameters() if parameter.ndim > 1][-1]


@dataclass(frozen=True)
class EncoderOptions(Part):
    """Options of an encoder."""

    @property
    def has_components(self) -> bool:
        """Whether it begins with principal components of the training images."""
        return False

    def check_channels(self, needed: int) -> None:
        """Raises ConfigError where its maps must have so many channels and have fewer: as many as
        a posterior of spatial latents reads numbers at each position. By default all will do.
        """

    @abstractmethod
    def build(self, image_shape: ImageShape) -> Encoder: ...


@dataclass(frozen=True)
class DecoderOptions(Part):
    """Options of a decoder."""

    @property
    def has_components(self) -> bool:
        """Whether it begins with principal components of the training images."""
        return False

    @abstractmethod
    def build(
        self,
        latent: LatentSpec,
        image_shape: ImageShape,
        *,
        feature_shape: FeatureShape,
        logits: bool,
    ) -> Decoder:
        """``image_shape``: height, width, and the channels that the likelihood takes.

        ``feature_shape`` is the encoder's, for a decoder that mirrors it.

        ``logits``: the likelihood takes values of any size, not pixels.
        """

    def diagnose(self) -> dict[str, str]:
        """What looks wrong with these options, where the decoder gives pixels: kind → message."""
        return {}


ENCODERS: Registry[EncoderOptions] = Registry("encoder", EncoderOptions)
"""Networks that read images, by name; ``@ENCODERS.register("name")`` adds one."""

DECODERS: Registry[DecoderOptions] = Registry("decoder", DecoderOptions)
"""Networks that make images of latents, by name."""


def check_size(x: Images, image_shape: ImageShape) -> None:
    """Raises ShapeError for images of another size than the encoder's."""
    height, width, channels = image_shape
    if x.shape[1:] != (channels, height, width):
        raise ShapeError(
            f"images must be {height} × {width} × {channels} (height × width × channels), as the "
            f"encoder was built for, got {x.shape[2]} × {x.shape[3]} × {x.shape[1]}. Fix: resize "
            "or convert them"
        )


def init_pixels(bias: nn.Parameter, values: Tensor) -> None:
    """Sets a bias in place, without a gradient."""
    with torch.no_grad():
        bias.copy_(values)
