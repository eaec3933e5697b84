"""What shape a latent has."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from reparam.types import Latents


@dataclass(frozen=True)
class LatentSpec:
    """The shape of one latent: (d,), or (c, h, w) where it is a map.

    Between encoder and decoder a latent is always a row of ``dim`` numbers, (B, d), whatever its
    shape: posteriors, priors, measures, files and the page handle rows. Only networks look at the
    shape, through ``shaped``.
    """

    shape: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Numbers of one latent."""
        return math.prod(self.shape)

    @property
    def is_spatial(self) -> bool:
        return len(self.shape) == 3

    def shaped(self, z: Latents) -> Float[Tensor, "B ..."]:
        """(B, d) as (B, *shape)."""
        return z.unflatten(1, self.shape)
