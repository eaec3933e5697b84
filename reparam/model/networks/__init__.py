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
from reparam.model.networks.components import Components, principal_components
from reparam.model.networks.convolutional import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
)
from reparam.model.networks.heads import Heads
from reparam.model.networks.mlp import (
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
    "ConvolutionalDecoderOptions",
    "ConvolutionalEncoderOptions",
    "Decoder",
    "DecoderOptions",
    "Encoder",
    "EncoderOptions",
    "FeatureShape",
    "Features",
    "Heads",
    "ImageShape",
    "MlpDecoderOptions",
    "MlpEncoderOptions",
    "ResidualDecoderOptions",
    "ResidualEncoderOptions",
    "principal_components",
    "use_native",
]
