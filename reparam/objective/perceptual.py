"""Images and their decodings compared in the features of a network: against blur."""

import math
from dataclasses import dataclass, field
from itertools import islice

import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.features import FEATURES, feature_maps, map_distance
from reparam.fields import option
from reparam.model import Autoencoder, Noise, uniform
from reparam.objective.base import TERMS, Drawn, Term, TermOptions
from reparam.types import Images, PerExample

SQUARE = 64
"""Side of what is compared in a step of training, in pixels: time and memory do not grow with the
image beyond it."""

ENLARGED = 2
"""Times. At their own size the gradient in pixels has little to do with what people see: the
network's strided layers alias, and a step along it makes the distance larger."""


@TERMS.register("perceptual")
@dataclass(frozen=True)
class PerceptualOptions(TermOptions):
    """D · distance of an image and its decoding in a network's features, D = pixels × channels.

    The distance is `map_distance`: LPIPS (Zhang et al. 2018) without learned weights. It is a mean
    over positions, as the mean squared error is. Times D it grows with the image as the
    distortion does, so one weight is as strong at any size.

    The network sees both twice as large, and in training a square of at most 64 pixels of them, at
    a random place in each step. It begins late, when the learning rate is low: before that it costs
    pixels and does not bring the distance down.
    """

    weight: float = field(default=0.1, kw_only=True)
    """Nats of each value of an image (pixel and channel) for a distance of 1."""

    network: str = "imagenet"
    """Whose features: imagenet (pip install reparam[perceptual]), or one that a plug-in registers.
    """

    depth: int = option(3, least=1)
    """How many of its maps are compared, from the first on: deeper ones take more time."""

    start: float = option(0.8, least=0, below=1)
    """Share of the run after which it begins."""

    def __post_init__(self) -> None:
        super().__post_init__()
        FEATURES.find(self.network)

    def build(self, model: Autoencoder) -> Term:
        """Raises what `feature_maps` raises."""
        feature_maps(self.network)  # what is missing is said now, and not in the first step
        return _Perceptual(self)


class _Perceptual(Term):
    """The network is shared, and no part of the term: it is not trained, and not saved."""

    def __init__(self, options: PerceptualOptions) -> None:
        super().__init__()
        self.options, self.start = options, options.start

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        x, decoded = drawn.batch.images, drawn.pixels.mean
        size = math.prod(x.shape[1:])
        if self.training:
            x, decoded = _some_square(x, decoded, drawn.noise)
        each = max(1, len(x) * SQUARE**2 // math.prod(x.shape[2:]))  # of large images few at a time
        parts = zip(x.split(each), decoded.split(each), strict=True)
        return size * torch.cat([self._distance(*part) for part in parts])

    def _distance(self, x: Images, decoded: Images) -> PerExample:
        network, depth = feature_maps(self.options.network, x.device), self.options.depth
        with torch.no_grad():
            of_images = list(islice(network.maps(_enlarged(x)), depth))
        return map_distance(islice(network.maps(_enlarged(decoded)), depth), of_images)


def _some_square(
    x: torch.Tensor, decoded: torch.Tensor, noise: Noise
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same part of both; where it is comes without waiting for the device."""
    for axis in (2, 3):
        side = int(x.shape[axis])
        if side > SQUARE:
            first = (uniform(torch.Size((1,)), noise, x).float() * (side - SQUARE + 1)).long()
            places = first.clamp(max=side - SQUARE) + torch.arange(SQUARE, device=x.device)
            x, decoded = x.index_select(axis, places), decoded.index_select(axis, places)
    return x, decoded


def _enlarged(x: Images) -> Float[torch.Tensor, "B C _ _"]:
    return F.interpolate(x, scale_factor=ENLARGED, mode="bilinear", align_corners=False)
