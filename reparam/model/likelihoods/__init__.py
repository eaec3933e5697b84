"""p(x|z): distributions over images, and the units of their losses."""

from reparam.model.likelihoods.base import (
    LIKELIHOODS,
    Likelihood,
    LikelihoodOptions,
    LossUnit,
    Pixels,
    shown_terms,
)
from reparam.model.likelihoods.bernoulli import (
    BernoulliLikelihood,
    BernoulliLikelihoodOptions,
    BernoulliPixels,
)
from reparam.model.likelihoods.gaussian import (
    WEIGHT_OPTIONS,
    GaussianLikelihood,
    GaussianLikelihoodOptions,
    NormalPixels,
)
from reparam.model.likelihoods.weight import Weight

__all__ = [
    "LIKELIHOODS",
    "WEIGHT_OPTIONS",
    "BernoulliLikelihood",
    "BernoulliLikelihoodOptions",
    "BernoulliPixels",
    "GaussianLikelihood",
    "GaussianLikelihoodOptions",
    "Likelihood",
    "LikelihoodOptions",
    "LossUnit",
    "NormalPixels",
    "Pixels",
    "Weight",
    "shown_terms",
]
