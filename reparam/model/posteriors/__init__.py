"""q(z|x): points and distributions over latents."""

from reparam.model.posteriors.base import (
    POSTERIORS,
    Distribution,
    LocationScale,
    Posterior,
    PosteriorOptions,
)
from reparam.model.posteriors.chain import Chain, ChainPosteriorOptions
from reparam.model.posteriors.delta import Delta, DeltaOptions
from reparam.model.posteriors.diagonal_normal import DiagonalNormal, DiagonalNormalOptions

__all__ = [
    "POSTERIORS",
    "Chain",
    "ChainPosteriorOptions",
    "Delta",
    "DeltaOptions",
    "DiagonalNormal",
    "DiagonalNormalOptions",
    "Distribution",
    "LocationScale",
    "Posterior",
    "PosteriorOptions",
]
