"""x → q(z|x), z → p(x|z): encoder, posterior, prior, decoder, likelihood, and what joins them."""

from reparam.model.autoencoder import Autoencoder, build_autoencoder
from reparam.model.batches import BATCH, in_batches
from reparam.model.blocks import use_native
from reparam.model.config import FittedPrior, LikelihoodName, ModelConfig
from reparam.model.cost import LayerCost, StepCost, layer_costs, step_cost
from reparam.model.layers import hidden_weights
from reparam.model.likelihood import (
    BernoulliLikelihood,
    BernoulliPixels,
    GaussianLikelihood,
    Likelihood,
    NormalPixels,
    Pixels,
)
from reparam.model.networks import Decoder, Encoder
from reparam.model.pixels import from_bytes, to_bytes
from reparam.model.posterior import Delta, DiagonalNormal, Posterior
from reparam.model.prior import Factorised, Prior, Told
from reparam.model.priors import (
    AnyFittedPrior,
    AnyPrior,
    Box,
    FlowPrior,
    GaussianPrior,
    MixturePrior,
    StandardNormal,
    unfitted_prior,
)
from reparam.model.summary import LayerRow, layer_table, parameter_counts

__all__ = [
    "BATCH",
    "AnyFittedPrior",
    "AnyPrior",
    "Autoencoder",
    "BernoulliLikelihood",
    "BernoulliPixels",
    "Box",
    "Decoder",
    "Delta",
    "DiagonalNormal",
    "Encoder",
    "Factorised",
    "FittedPrior",
    "FlowPrior",
    "GaussianLikelihood",
    "GaussianPrior",
    "LayerCost",
    "LayerRow",
    "Likelihood",
    "LikelihoodName",
    "MixturePrior",
    "ModelConfig",
    "NormalPixels",
    "Pixels",
    "Posterior",
    "Prior",
    "StandardNormal",
    "StepCost",
    "Told",
    "build_autoencoder",
    "from_bytes",
    "hidden_weights",
    "in_batches",
    "layer_costs",
    "layer_table",
    "parameter_counts",
    "step_cost",
    "to_bytes",
    "unfitted_prior",
    "use_native",
]
