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

    top: int = 0
    """Of its numbers, the last ones that are of a second stochastic layer; 0: there is one."""

    @property
    def dim(self) -> int:
        """Numbers of one latent."""
        return math.prod(self.shape)

    @property
    def is_spatial(self) -> bool:
        return len(self.shape) == 3

    @property
    def bottom(self) -> "LatentSpec":
        """The first layer, which the decoder reads: all of it where there is one."""
        return LatentSpec((self.dim - self.top,)) if self.top else self

    def below(self, z: Latents) -> Float[Tensor, "B m"]:
        """Of latents (B, d), what the decoder reads."""
        return z[:, : self.bottom.dim]

    def shaped(self, z: Latents) -> Float[Tensor, "B ..."]:
        """(B, d) as (B, *shape)."""
        return z.unflatten(1, self.shape)
