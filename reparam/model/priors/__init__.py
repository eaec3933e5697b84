"""p(z): the priors, one file each."""

from reparam.model.priors.base import (
    PRIORS,
    EncoderBound,
    FitProgress,
    Fittable,
    NoiseMap,
    Prior,
    PriorOptions,
    check_fittable,
    check_has_fit,
    check_same_measure,
    fittable_names,
    fittable_prior,
    rate,
)
from reparam.model.priors.box import Box, BoxOptions
from reparam.model.priors.chain import ChainPrior, ChainPriorOptions
from reparam.model.priors.exemplar import ExemplarPrior, ExemplarPriorOptions
from reparam.model.priors.flow import FlowPrior, FlowPriorOptions
from reparam.model.priors.gaussian import GaussianPrior, GaussianPriorOptions
from reparam.model.priors.mixture import MixturePrior, MixturePriorOptions
from reparam.model.priors.sphere import Sphere, SphereOptions
from reparam.model.priors.standard_normal import StandardNormal, StandardNormalOptions
from reparam.model.priors.vamp import VampPrior, VampPriorOptions

__all__ = [
    "PRIORS",
    "Box",
    "BoxOptions",
    "ChainPrior",
    "ChainPriorOptions",
    "EncoderBound",
    "ExemplarPrior",
    "ExemplarPriorOptions",
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
    "Sphere",
    "SphereOptions",
    "StandardNormal",
    "StandardNormalOptions",
    "VampPrior",
    "VampPriorOptions",
    "check_fittable",
    "check_has_fit",
    "check_same_measure",
    "fittable_names",
    "fittable_prior",
    "rate",
]
