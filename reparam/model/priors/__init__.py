"""p(z): the priors, one file each; none knows of the others."""

from reparam.model.priors.base import (
    PRIORS,
    FitProgress,
    Fittable,
    NoiseMap,
    Prior,
    PriorOptions,
    fittable_names,
    fittable_prior,
    rate,
)
from reparam.model.priors.box import Box, BoxOptions
from reparam.model.priors.flow import FlowPrior, FlowPriorOptions
from reparam.model.priors.gaussian import GaussianPrior, GaussianPriorOptions
from reparam.model.priors.mixture import MixturePrior, MixturePriorOptions
from reparam.model.priors.standard_normal import StandardNormal, StandardNormalOptions

__all__ = [
    "PRIORS",
    "Box",
    "BoxOptions",
    "FitProgress",
    "Fittable",
    "FlowPrior",
    "FlowPriorOptions",
    "GaussianPrior",
    "GaussianPriorOptions",
    "MixturePrior",
    "MixturePriorOptions",
    "NoiseMap",
    "Prior",
    "PriorOptions",
    "StandardNormal",
    "StandardNormalOptions",
    "fittable_names",
    "fittable_prior",
    "rate",
]
