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
)
from reparam.model.networks.blocks import use_native
from reparam.model.networks.checks import check_positive
from reparam.model.networks.components import Components, principal_components
from reparam.model.networks.conditional import ConditionalNormal, normal_log_prob
from reparam.model.networks.convolutional import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
)
from reparam.model.networks.heads import Heads
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
    "Components",
    "ConditionalNormal",
    "ConvolutionalDecoderOptions",
    "ConvolutionalEncoderOptions",
    "Decoder",
    "DecoderOptions",
    "Encoder",
    "EncoderOptions",
    "FeatureShape",
    "Features",
    "Heads",
    "HiddenActivation",
    "ImageShape",
    "MlpDecoderOptions",
    "MlpEncoderOptions",
    "ResidualDecoderOptions",
    "ResidualEncoderOptions",
    "check_positive",
    "normal_log_prob",
    "principal_components",
    "use_native",
]
