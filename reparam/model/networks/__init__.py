"""Encoders and decoders, and the layers that they are made of."""

from reparam.model.networks.base import (
    DECODERS,
    ENCODERS,
    Decoder,
    DecoderOptions,
    Encoder,
    EncoderOptions,
    Features,
    FeatureShape,
    ImageShape,
    KlHalf,
)
from reparam.model.networks.classes import (
    Classifier,
    ConditionalDecoder,
    ConditionalEncoder,
    widened,
)
from reparam.model.networks.components import Components, principal_components
from reparam.model.networks.conditional import ConditionalNormal, normal_log_probs
from reparam.model.networks.convolutional import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
)
from reparam.model.networks.flows import Flow, InverseAutoregressive, Planar, in_full_precision
from reparam.model.networks.heads import Heads, Rows
from reparam.model.networks.kernels import has_native, twice_differentiable, use_native
from reparam.model.networks.kl import KlDecoderOptions, KlEncoderOptions
from reparam.model.networks.mlp import (
    HiddenActivation,
    MlpDecoderOptions,
    MlpEncoderOptions,
)
from reparam.model.networks.residual import (
    ResidualDecoderOptions,
    ResidualEncoderOptions,
)

__all__ = [
    "DECODERS",
    "ENCODERS",
    "Classifier",
    "Components",
    "ConditionalDecoder",
    "ConditionalEncoder",
    "ConditionalNormal",
    "ConvolutionalDecoderOptions",
    "ConvolutionalEncoderOptions",
    "Decoder",
    "DecoderOptions",
    "Encoder",
    "EncoderOptions",
    "FeatureShape",
    "Features",
    "Flow",
    "Heads",
    "HiddenActivation",
    "ImageShape",
    "InverseAutoregressive",
    "KlDecoderOptions",
    "KlEncoderOptions",
    "KlHalf",
    "MlpDecoderOptions",
    "MlpEncoderOptions",
    "Planar",
    "ResidualDecoderOptions",
    "ResidualEncoderOptions",
    "Rows",
    "has_native",
    "in_full_precision",
    "normal_log_probs",
    "principal_components",
    "twice_differentiable",
    "use_native",
    "widened",
]
