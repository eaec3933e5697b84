"""p(x|z): distributions over images, and the units of their losses."""

from reparam.model.likelihoods.base import (
    LIKELIHOODS,
    LOSS_UNITS,
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
from reparam.model.likelihoods.learned import (
    LearnedGaussianLikelihood,
    LearnedGaussianLikelihoodOptions,
    LearnedNormalPixels,
)
from reparam.model.likelihoods.logistic import (
    DiscretisedLogisticLikelihood,
    DiscretisedLogisticLikelihoodOptions,
    LogisticMixturePixels,
)
from reparam.model.likelihoods.weight import Weight

__all__ = [
    "LIKELIHOODS",
    "LOSS_UNITS",
    "WEIGHT_OPTIONS",
    "BernoulliLikelihood",
    "BernoulliLikelihoodOptions",
    "BernoulliPixels",
    "DiscretisedLogisticLikelihood",
    "DiscretisedLogisticLikelihoodOptions",
    "GaussianLikelihood",
    "GaussianLikelihoodOptions",
    "LearnedGaussianLikelihood",
    "LearnedGaussianLikelihoodOptions",
    "LearnedNormalPixels",
    "Likelihood",
    "LikelihoodOptions",
    "LogisticMixturePixels",
    "LossUnit",
    "NormalPixels",
    "Pixels",
    "Weight",
    "shown_terms",
]
