"""Any encoder and any decoder, made conditional on a class (Sohn et al. 2015, section 4.1).

The networks themselves stay as they are: the encoder's gets another image, the decoder's a longer
latent. So kernels, principal components and parts from outside work in conditional models too.

The prior is of no class. N(m_y, s_y²) would add nothing: with ε = (z − m_y) / s_y it is N(0, I),
the KL is the same, and encoder and decoder, which read y, can hold m_y and s_y.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.errors import DataError
from reparam.model.latent import LatentSpec
from reparam.model.networks.base import Decoder, Encoder, Features, ImageShape, check_size
from reparam.model.networks.components import Components
from reparam.model.networks.heads import Heads
from reparam.types import Images, Labels, Latents


def one_hot(labels: Labels | None, classes: int) -> Float[Tensor, "B K"]:
    """1 at each label, else 0. Raises DataError without labels; their range is not looked at."""
    if labels is None:
        raise DataError(
            f"labels must be given to a model that is conditional on {classes} classes, got none. "
            "Fix: give images or latents with labels, or choose a class (--class, labels=...)"
        )
    return (labels[:, None] == torch.arange(classes, device=labels.device)).float()


class ClassPlanes(nn.Module):
    """A learned image for each class (K, H · W · C), zero at first."""

    def __init__(self, classes: int, image_shape: ImageShape) -> None:
        super().__init__()
        height, width, channels = self.image_shape = image_shape
        self.classes = classes
        self.label = f"image of each class, {classes}"
        self.images = nn.Parameter(torch.zeros(classes, height * width * channels))

    def forward(self, labels: Labels | None) -> Images:
        rows = one_hot(labels, self.classes) @ self.images
        return rows.unflatten(1, self.image_shape).permute(0, 3, 1, 2)


class ConditionalEncoder(Encoder):
    """features = network(x + P_y), where P_y is a learned image of the class.

    For a dense first layer this is the one-hot label beside the pixels: W (x + P_y) = W x + b_y.
    """

    def __init__(self, network: Encoder, classes: int) -> None:
        super().__init__()
        self.image_shape = network.image_shape
        self.feature_shape = network.feature_shape
        self.planes = ClassPlanes(classes, network.image_shape)
        self.network = network

    @property
    def receptive_field(self) -> int | None:
        return self.network.receptive_field

    @property
    def components(self) -> Components | None:
        return self.network.components

    @property
    def unconditional(self) -> Encoder:
        return self.network.unconditional

    def forward(self, x: Images, labels: Labels | None = None) -> Features:
        check_size(x, self.image_shape)
        return cast(Tensor, self.network(x + self.planes(labels), labels))


class ConditionalDecoder(Decoder):
    """network((z, e_y)), where e_y is the one-hot label: K more numbers, or K maps where latents
    are maps. The network is one for latents of ``widened(latent, classes)``.
    """

    def __init__(self, network: Decoder, latent: LatentSpec, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes
        self.places = latent.dim // latent.shape[0]

    @property
    def components(self) -> Components | None:
        return self.network.components

    @property
    def last_weights(self) -> nn.Parameter:
        return self.network.last_weights

    def init_output_bias(self, image: Float[Tensor, "C H W"]) -> None:
        self.network.init_output_bias(image)

    def forward(self, z: Latents, labels: Labels | None = None) -> Images:
        y = one_hot(labels, self.classes).repeat_interleave(self.places, 1)
        return cast(Tensor, self.network(torch.cat([z, y.to(z)], 1), labels))


class Classifier(nn.Module):
    """q(y|x): images (B, C, H, W) → logits (B, K), by a network of the encoder's kind."""

    labelled: Tensor
    """Share of the training images with a label; a number."""

    def __init__(self, network: Encoder, classes: int) -> None:
        super().__init__()
        self.network = network
        self.heads = Heads(["logits"], network.feature_shape, LatentSpec((classes,)))
        self.register_buffer("labelled", torch.ones(()))

    def forward(self, x: Images) -> Float[Tensor, "B K"]:
        return cast(Tensor, self.heads(self.network(x))["logits"])


def widened(latent: LatentSpec, classes: int) -> LatentSpec:
    """What the decoder's network reads: the latent, and as many more numbers or maps as classes."""
    return LatentSpec((latent.shape[0] + classes, *latent.shape[1:]), classes=classes)
