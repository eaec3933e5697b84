"""q(z|x): points and distributions over latents."""

from reparam.model.posteriors.base import (
    Distribution,
    LocationScale,
    Posterior,
    PosteriorOptions,
    posteriors,
)
from reparam.model.posteriors.delta import Delta, DeltaOptions
from reparam.model.posteriors.diagonal_normal import DiagonalNormal, DiagonalNormalOptions

__all__ = [
    "Delta",
    "DeltaOptions",
    "DiagonalNormal",
    "DiagonalNormalOptions",
    "Distribution",
    "LocationScale",
    "Posterior",
    "PosteriorOptions",
    "posteriors",
]
