"""Images and their decodings compared in the features of a network: against blur."""

import math
from dataclasses import dataclass, field
from itertools import islice

import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.features import FEATURES, check_maps, feature_maps, map_distance
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

    The network sees both twice as large, and in training a square of at most 64 pixels of each, at
    a random place in every step. It begins late, when the learning rate is low: before that it
    costs pixels and does not bring the distance down.
    """

    weight: float = field(default=0.1, kw_only=True)
    """Nats of each value of an image (pixel and channel) for a distance of 1."""

    network: str = "imagenet"
    """Whose features: imagenet (pip install 'reparam[perceptual]'), or one that a plug-in
    registers."""

    depth: int = option(3, least=1)
    """How many of its maps are compared, from the first on: deeper ones take more time."""

    start: float = option(0.8, least=0, below=1)
    """Share of the run after which it begins."""

    def __post_init__(self) -> None:
        super().__post_init__()
        FEATURES.find(self.network)

    def build(self, model: Autoencoder) -> Term:
        """Raises what `check_maps` raises."""
        height, width, channels = model.image_shape
        seen = (ENLARGED * min(height, SQUARE), ENLARGED * min(width, SQUARE), channels)
        check_maps(self.network, seen, model.device)  # what is wrong is said now, not at ``start``
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
            x, decoded = _some_squares(x, decoded, drawn.noise)
        each = max(1, len(x) * SQUARE**2 // math.prod(x.shape[2:]))  # of large images few at a time
        parts = zip(x.split(each), decoded.split(each), strict=True)
        return size * torch.cat([self._distance(*part) for part in parts])

    def _distance(self, x: Images, decoded: Images) -> PerExample:
        network, depth = feature_maps(self.options.network, x.device), self.options.depth
        with torch.no_grad():
            of_images = list(islice(network.maps(_enlarged(x)), depth))
        return map_distance(islice(network.maps(_enlarged(decoded)), depth), of_images)


def _some_squares(
    x: torch.Tensor, decoded: torch.Tensor, noise: Noise
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same part of both, of each image another: where does not depend on who has the image."""
    height, width = map(int, x.shape[2:])
    if height <= SQUARE and width <= SQUARE:
        return x, decoded
    rows, columns = (_places(side, noise, x) for side in (height, width))
    places = (torch.arange(len(x), device=x.device)[:, None, None], rows[:, :, None])
    x, decoded = (
        each.permute(0, 2, 3, 1)[(*places, columns[:, None])].permute(0, 3, 1, 2)
        for each in (x, decoded)
    )
    return x, decoded


def _places(side: int, noise: Noise, x: torch.Tensor) -> torch.Tensor:
    """Of each image SQUARE neighbours along a side, or all. It does not wait for the device."""
    kept = min(side, SQUARE)
    first = uniform(torch.Size((len(x), 1)), noise, x).float() * (side - kept + 1)
    return first.long().clamp(max=side - kept) + torch.arange(kept, device=x.device)


def _enlarged(x: Images) -> Float[torch.Tensor, "B C _ _"]:
    return F.interpolate(x, scale_factor=ENLARGED, mode="bilinear", align_corners=False)
