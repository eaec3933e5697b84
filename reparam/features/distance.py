"""How far two images are from each other in feature maps."""

from collections.abc import Iterable

import torch
from jaxtyping import Float

from reparam.features.base import FeatureMap
from reparam.types import PerExample

TINY = 1e-10
"""Below the squared length of any features that mean something."""


def map_distance(some: Iterable[FeatureMap], others: Iterable[FeatureMap]) -> PerExample:
    """Σ over maps of the mean over positions of ‖f/‖f‖ − g/‖g‖‖², from 0 to 4 for each map.

    LPIPS (Zhang et al. 2018, section 3, equation 1) with every weight 1 instead of learned ones.
    In float32, whatever the maps are in.
    """
    return torch.stack([each.mean((1, 2)) for each in distances_by_place(some, others)]).sum(0)


def distances_by_place(
    some: Iterable[FeatureMap], others: Iterable[FeatureMap]
) -> list[Float[torch.Tensor, "B _ _"]]:
    """‖f/‖f‖ − g/‖g‖‖² at every position (B, h, w) of every map, from 0 to 4: `map_distance` is the
    sum of their means.
    """
    return [(_unit(f) - _unit(g)).square().sum(1) for f, g in zip(some, others, strict=True)]


def _unit(f: FeatureMap) -> FeatureMap:
    """Of length 1 over channels; 0 where there are no features."""
    f = f.float()
    return f * (f.square().sum(1, keepdim=True) + TINY).rsqrt()
