"""x → q(z|x), z → p(x|z): encoder, posterior, prior, decoder, likelihood, and what joins them."""

from reparam.model.autoencoder import Autoencoder, build_autoencoder
from reparam.model.batches import BATCH, in_batches
from reparam.model.blocks import use_native
from reparam.model.config import ModelConfig
from reparam.model.cost import LayerCost, StepCost, layer_costs, step_cost
from reparam.model.layers import hidden_weights
from reparam.model.likelihood import GaussianLikelihood, NormalPixels
from reparam.model.networks import Decoder, Encoder
from reparam.model.pixels import from_bytes, to_bytes
from reparam.model.posterior import Delta, DiagonalNormal, Posterior
from reparam.model.prior import Box, Factorised, Prior, StandardNormal
from reparam.model.summary import LayerRow, layer_table, parameter_counts

__all__ = [
    "BATCH",
    "Autoencoder",
    "Box",
    "Decoder",
    "Delta",
    "DiagonalNormal",
    "Encoder",
    "Factorised",
    "GaussianLikelihood",
    "LayerCost",
    "LayerRow",
    "ModelConfig",
    "NormalPixels",
    "Posterior",
    "Prior",
    "StandardNormal",
    "StepCost",
    "build_autoencoder",
    "from_bytes",
    "hidden_weights",
    "in_batches",
    "layer_costs",
    "layer_table",
    "parameter_counts",
    "step_cost",
    "to_bytes",
    "use_native",
]
