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
from reparam.model.posteriors.flow import FlowDistribution, FlowPosteriorOptions
from reparam.model.posteriors.von_mises_fisher import (
    VonMisesFisher,
    VonMisesFisherOptions,
    check_sphere,
)

__all__ = [
    "POSTERIORS",
    "Chain",
    "ChainPosteriorOptions",
    "Delta",
    "DeltaOptions",
    "DiagonalNormal",
    "DiagonalNormalOptions",
    "Distribution",
    "FlowDistribution",
    "FlowPosteriorOptions",
    "LocationScale",
    "Posterior",
    "PosteriorOptions",
    "VonMisesFisher",
    "VonMisesFisherOptions",
    "check_sphere",
]
