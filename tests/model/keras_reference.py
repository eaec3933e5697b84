"""The article's networks in Keras, from its description, and weights carried to and from them.

Keras is the reference that the package is held to. One thing is added to the article's networks:
where an image's side is no multiple of the strides, Keras' transposed convolutions give more rows
and columns than the image has, and a ``Cropping2D`` takes the last of them away.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import torch
from torch import nn

from reparam.model import (
    Autoencoder,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    ModelConfig,
)
from reparam.model.networks.layers import BatchNorm, Dense, SameConv2d, SameConvTranspose2d

ImageShape = tuple[int, int, int]


@dataclass(frozen=True)
class KerasReference:
    """Encoder (one output for each head: mu, or mu and log_var) and decoder, channels last."""

    encoder: keras.Model
    decoder: keras.Model


def build_reference(config: ModelConfig, image_shape: ImageShape) -> KerasReference:
    """The Keras models that ``config`` describes."""
    encoder, feature_shape = _encoder(config, image_shape)
    return KerasReference(encoder, _decoder(config, image_shape, feature_shape))


@contextmanager
def without_onednn() -> Iterator[None]:
    """While inside, PyTorch computes without oneDNN, forward and backward.

    Keras asks PyTorch for convolutions of kernel 1 and stride above 1, whose gradients oneDNN gets
    wrong (reparam/model/networks/layers.py).
    """
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


def _after_convolution(
    half: ConvolutionalEncoderOptions | ConvolutionalDecoderOptions, x: keras.KerasTensor
) -> keras.KerasTensor:
    activation = keras.layers.LeakyReLU(negative_slope=half.leaky_slope)
    steps = [activation]
    if half.batch_norm:
        norm = keras.layers.BatchNormalization()
        steps = [norm, activation] if half.order == "norm-act" else [activation, norm]
    if half.dropout:
        steps.append(keras.layers.Dropout(half.dropout))
    for step in steps:
        x = step(x)
    return x


def _encoder(config: ModelConfig, image_shape: ImageShape) -> tuple[keras.Model, ImageShape]:
    half = config.encoder
    image = keras.Input(image_shape)
    x = image
    for filters, kernel, stride in zip(half.filters, half.kernels, half.strides, strict=True):
        x = keras.layers.Conv2D(filters, kernel, strides=stride, padding="same")(x)
        x = _after_convolution(half, x)
    feature_shape = tuple(x.shape[1:])
    x = keras.layers.Flatten()(x)
    names = ["mu"] if config.posterior.is_point else ["mu", "log_var"]
    heads = [keras.layers.Dense(config.latent_dim, name=name)(x) for name in names]
    return keras.Model(image, heads), feature_shape


def _decoder(
    config: ModelConfig, image_shape: ImageShape, feature_shape: ImageShape
) -> keras.Model:
    half = config.decoder
    height, width, channels = image_shape
    latent = keras.Input((config.latent_dim,))
    x = keras.layers.Dense(math.prod(feature_shape))(latent)
    x = keras.layers.Reshape(feature_shape)(x)
    layers = list(
        zip(
            (*half.filters, channels),
            half.kernels,
            half.strides,
            strict=True,
        )
    )
    for i, (filters, kernel, stride) in enumerate(layers):
        x = keras.layers.Conv2DTranspose(filters, kernel, strides=stride, padding="same")(x)
        remaining = math.prod(half.strides[i + 1 :])
        extra_rows = x.shape[1] - math.ceil(height / remaining)
        extra_columns = x.shape[2] - math.ceil(width / remaining)
        if extra_rows or extra_columns:
            x = keras.layers.Cropping2D(((0, extra_rows), (0, extra_columns)))(x)
        if i < len(layers) - 1:
            x = _after_convolution(half, x)
    return keras.Model(latent, keras.layers.Activation(half.output_activation)(x))


@dataclass(frozen=True)
class SharedWeight:
    """One weight of both models; ``axes`` turns PyTorch's order of axes into that of Keras."""

    name: str
    torch_weight: torch.Tensor
    keras_weight: keras.Variable
    axes: tuple[int, ...]

    def in_keras_order(self, values: torch.Tensor) -> torch.Tensor:
        return values.permute(self.axes)


def _weights_of(ours: nn.Module, theirs: keras.Layer) -> list[tuple[str, keras.Variable, tuple]]:
    match ours:
        case SameConv2d() | SameConvTranspose2d():
            return [("weight", theirs.kernel, (2, 3, 1, 0)), ("bias", theirs.bias, (0,))]
        case Dense():
            return [("weight", theirs.kernel, (1, 0)), ("bias", theirs.bias, (0,))]
        case BatchNorm():
            return [
                ("weight", theirs.gamma, (0,)),
                ("bias", theirs.beta, (0,)),
                ("running_mean", theirs.moving_mean, (0,)),
                ("running_var", theirs.moving_variance, (0,)),
            ]
    raise TypeError(f"a layer with weights that has no partner in Keras: {type(ours).__name__}")


def shared_weights(model: Autoencoder, reference: KerasReference) -> Iterator[SharedWeight]:
    """Every weight and moving statistic, in the order in which data meets them."""
    kinds = (SameConv2d, SameConvTranspose2d, Dense, BatchNorm)
    for half, parts in {"encoder": ("encoder", "posterior"), "decoder": ("decoder",)}.items():
        ours = [
            (f"{part}.{name}", module)
            for part in parts
            for name, module in getattr(model, part).named_modules()
            if isinstance(module, kinds)
        ]
        theirs = [layer for layer in getattr(reference, half).layers if layer.weights]
        for (name, module), layer in zip(ours, theirs, strict=True):
            for attribute, variable, axes in _weights_of(module, layer):
                weight = getattr(module, attribute)
                yield SharedWeight(f"{name}.{attribute}", weight, variable, axes)


def carry_to_keras(model: Autoencoder, reference: KerasReference) -> None:
    for shared in shared_weights(model, reference):
        values = shared.in_keras_order(shared.torch_weight.detach())
        shared.keras_weight.assign(values.contiguous().numpy())


def carry_from_keras(reference: KerasReference, model: Autoencoder) -> None:
    with torch.no_grad():
        for shared in shared_weights(model, reference):
            values = torch.as_tensor(keras.ops.convert_to_numpy(shared.keras_weight))
            shared.in_keras_order(shared.torch_weight).copy_(values)
