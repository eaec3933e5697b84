"""How far a reconstruction is from its image in the features of a network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.errors import ConfigError
from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    AnomalyScore,
    Fitted,
    Maps,
    Seen,
)
from reparam.features import FEATURES, check_maps, distances_by_place
from reparam.fields import option
from reparam.model import Autoencoder
from reparam.types import PerExample


@dataclass(frozen=True)
class OfNetwork(AnomalyScore):
    """A score in the feature maps of a network that is not trained here."""

    network: str = "imagenet"
    """Whose features: imagenet (pip install 'reparam[perceptual]'), or one that a plug-in
    registers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        FEATURES.find(self.network)

    def lacking(self, model: Autoencoder) -> str:
        try:
            check_maps(self.network, model.image_shape, model.device)
        except ConfigError as error:
            return f"needs the network {self.network} ({error})"
        return super().lacking(model)


@dataclass(frozen=True)
class OfSomeMaps(OfNetwork):
    """A score that needs the first maps alone."""

    depth: int = option(4, least=1)
    """How many of its maps are read, from the first on."""


@ANOMALY_SCORES.register("feature-distance")
@dataclass(frozen=True)
class FeatureDistance(OfSomeMaps):
    """The distance of image and reconstruction in several maps of a network.

    `map_distance` of the first maps, LPIPS (Zhang et al. 2018) without learned weights. Its map is
    the sum of theirs, each enlarged to the image's size.
    """

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        decoded = Seen(seen.model, seen.decoded)
        some, others = (of.maps(self.network, self.depth) for of in (seen, decoded))
        each = distances_by_place(some, others)
        enlarged = [enlarge(distance, seen) for distance in each]
        image = torch.stack([distance.mean((1, 2)) for distance in each]).sum(0)
        return image, torch.stack(enlarged).sum(0)


def enlarge(
    maps: Float[torch.Tensor, "B _ _"], seen: Seen, reach: tuple[float, float] = (1.0, 1.0)
) -> Maps:
    """Maps (B, h, w) at the size of the images; ``reach``: the sides that they cover together, in
    those of the image. What lies beyond it is cut off.
    """
    height, width = map(int, seen.images.shape[2:])  # a trace has tensors here
    size = [round(height * reach[0]), round(width * reach[1])]
    whole = F.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    return whole[:, :height, :width]


def stride_of(sides: Sequence[int], most: int) -> int:
    """Of cells of which at most so many lie along a side."""
    return -(-max(sides) // most)


def reach_of(sides: Sequence[int], stride: int) -> tuple[float, float]:
    """Height and width, in those of maps of these sides, of their cells of ``stride`` × ``stride``:
    the last ones reach beyond where a side is no multiple.
    """
    height, width = (-(-side // stride) * stride / side for side in sides)
    return height, width
