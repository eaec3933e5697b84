"""Encoder and decoder as the rest of the package knows them; an architecture is one of each."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import nn

from reparam.errors import ShapeError
from reparam.types import Images, Latents

ImageShape = tuple[int, int, int]
"""Height, width, channels."""


class Encoder(nn.Module, ABC):
    """Images (B, C, H, W) → the posterior's parameters by name, each (B, d), in float32.

    Raises ShapeError for images of another size than ``image_shape``.
    """

    image_shape: ImageShape

    @abstractmethod
    def forward(self, x: Images) -> dict[str, Latents]: ...


class Decoder(nn.Module, ABC):
    """Latents (B, d) → what the likelihood takes (B, C, H, W), in float32.

    That is the mean image for a normal likelihood, and logits for a Bernoulli likelihood.
    """

    feature_shape: ImageShape
    """Height, width, channels that its last dense layer's values are put into."""

    @abstractmethod
    def forward(self, z: Float[torch.Tensor, "B d"]) -> Images: ...

    @abstractmethod
    def begin_at(self, image: Float[torch.Tensor, "C H W"]) -> None:
        """Sets the last bias so that a decoder whose weights are small gives this image.

        What has no bias for every pixel gives the image's mean in each channel.
        """


def check_size(x: Images, image_shape: ImageShape) -> None:
    """Raises ShapeError for images of another size than the encoder's."""
    height, width, channels = image_shape
    if x.shape[1:] != (channels, height, width):
        raise ShapeError(
            f"the encoder was built for images of {height} × {width} × {channels}, found "
            f"{x.shape[2]} × {x.shape[3]} × {x.shape[1]}: resize or convert them"
        )
