"""x → q(z|x), z → p(x|z): encoder, posterior, prior, decoder, likelihood, and what joins them."""

from reparam.model.autoencoder import Autoencoder, build_autoencoder
from reparam.model.batches import BATCH, in_batches
from reparam.model.config import ModelConfig
from reparam.model.layers import use_native
from reparam.model.likelihood import GaussianLikelihood, NormalPixels
from reparam.model.networks import Decoder, Encoder
from reparam.model.pixels import from_bytes, to_bytes
from reparam.model.posterior import Delta, DiagonalNormal, Posterior
from reparam.model.prior import Box, Prior, StandardNormal
from reparam.model.summary import LayerRow, layer_table, parameter_counts

__all__ = [
    "BATCH",
    "Autoencoder",
    "Box",
    "Decoder",
    "Delta",
    "DiagonalNormal",
    "Encoder",
    "GaussianLikelihood",
    "LayerRow",
    "ModelConfig",
    "NormalPixels",
    "Posterior",
    "Prior",
    "StandardNormal",
    "build_autoencoder",
    "from_bytes",
    "in_batches",
    "layer_table",
    "parameter_counts",
    "to_bytes",
    "use_native",
]
