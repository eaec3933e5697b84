"""Images and their decodings compared in the features of a network: against blur."""

import math
from dataclasses import dataclass, field
from itertools import islice

import torch

from reparam.features import FEATURES, feature_maps, map_distance
from reparam.fields import option
from reparam.model import Autoencoder
from reparam.objective.base import TERMS, Drawn, Term, TermOptions
from reparam.types import PerExample


@TERMS.register("perceptual")
@dataclass(frozen=True)
class PerceptualOptions(TermOptions):
    """D · distance of an image and its decoding in a network's features, D = pixels × channels.

    The distance is `map_distance`: LPIPS (Zhang et al. 2018) without learned weights. It is a mean
    over positions, as the mean squared error is. Times D it grows with the image as the
    distortion does, so one weight is as strong at any size.
    """

    weight: float = field(default=0.1, kw_only=True)
    """Nats of each value of an image (pixel and channel) for a distance of 1."""

    network: str = "imagenet"
    """Whose features: imagenet (pip install reparam[perceptual]), or one that a plug-in registers.
    """

    depth: int = option(3, least=1)
    """How many of its maps are compared, from the first on: deeper ones take more time."""

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
        self.options = options

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        x, decoded = drawn.batch.images, drawn.pixels.mean
        network, depth = feature_maps(self.options.network, x.device), self.options.depth
        with torch.no_grad():
            of_images = list(islice(network.maps(x), depth))
        distance = map_distance(islice(network.maps(decoded), depth), of_images)
        return math.prod(x.shape[1:]) * distance
