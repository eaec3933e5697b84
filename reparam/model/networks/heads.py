"""From an encoder's features to the parameters of a posterior."""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.errors import ShapeError
from reparam.model.latent import LatentSpec
from reparam.model.networks.base import Features, FeatureShape
from reparam.model.networks.layers import Dense, SameConv2d

Rows = Float[Tensor, "B _"]
"""Of a parameter: as wide as the latents, or of another width."""


class Heads(nn.ModuleDict):
    """One linear layer for each name, from features (B, *feature_shape) to rows (B, d).

    Flat latents: a dense layer, over maps in the order height, width, channel (Keras' order).
    Spatial latents: a 1 × 1 convolution of maps of the same height and width. Raises ShapeError
    where these differ. ``sizes``: of rows that are not of the latent's size, by name.
    """

    def __init__(
        self,
        names: Sequence[str],
        features: FeatureShape,
        latent: LatentSpec,
        sizes: Mapping[str, LatentSpec] | None = None,
    ) -> None:
        super().__init__()
        for name in names:
            self[name] = head = _head(features, (sizes or {}).get(name, latent))
            head.label += f": {name}"

    def dense(self, name: str) -> Dense:
        """That of a parameter, of flat latents."""
        return cast(Dense, self[name])

    def forward(self, features: Features) -> dict[str, Rows]:
        """The parameters by name, in float32 or in more precision."""
        flat = features
        if features.ndim == 4:  # free where maps lie channels-last
            flat = features.permute(0, 2, 3, 1)
        flat = flat.flatten(1)
        precision = torch.promote_types(features.dtype, torch.float32)
        return {
            name: head(flat if isinstance(head, Dense) else features).flatten(1).to(precision)
            for name, head in self.items()
        }


def _head(features: FeatureShape, latent: LatentSpec) -> Dense | SameConv2d:
    if not latent.is_spatial:
        # What flattens maps is no matrix between hidden units, which Muon is for.
        return Dense(math.prod(features), latent.dim, hidden=len(features) == 1)
    if features[1:] != latent.shape[1:]:
        found = " × ".join(map(str, features))
        wanted = " × ".join(map(str, latent.shape[1:]))
        raise ShapeError(
            f"the encoder's maps must be {wanted} for these spatial latents, got {found}. Fix: "
            "choose an encoder that gives maps"
        )
    return SameConv2d(features[0], latent.shape[0], 1, 1)
