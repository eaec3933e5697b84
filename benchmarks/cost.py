"""What one training step costs, from the shapes of the layers alone.

How a layer is computed does not enter: zeros that an implementation pads with, equal forms and
recomputation are its own affair. What is counted is what the shapes ask for, so that images per
second times operations per image, over the machine's matrix-product rate, is the useful share.

Operations: 2 for each multiply-add of convolutions and dense layers, as
``torch.utils.flop_counter`` counts them. A convolution has kernel² · in · out multiply-adds for
each output position, a transposed one for each input position, a dense layer in · out. The backward
pass has the same number twice, for the gradients of inputs and of weights; the first layer has no
gradient of its input. Biases, activations, batch norm, dropout, the loss and the optimiser are
left out: they are a per cent or two of the operations, and their cost is the memory they touch.

Bytes: the traffic of a step in which whatever works value by value (bias, activation, dropout) is
done while a neighbouring layer writes or reads, and nothing stays in a cache between two passes.

- images, as bytes: read by the first layer, by its gradient of weights, and by the loss: 3 passes;
- each output of a layer: written and read in the forward pass, read again for the backward pass,
  its gradient written and read: 5 passes of ``value_bytes`` each;
- with batch norm, whose gradient needs two sums over the batch before its first value: one more
  reading of the normalised layers' outputs and of their gradients: 2 passes more;
- weights: read forward and backward in ``value_bytes``; gradients written and read, and the weights
  and both of Adam's moments read and written, in float32.

A step whose values fit into the cache can be faster than its bytes say.
"""

import math
from dataclasses import dataclass

from reparam.model import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    ImageShape,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
)

FLOAT32 = 4
IMAGE_PASSES, VALUE_PASSES, NORM_PASSES = 3, 5, 2
ADAM_PASSES = 2 + 6
"""Gradient: write, read. Weight and two moments: read, write. All in float32."""


@dataclass(frozen=True)
class LayerCost:
    """One layer with weights, for one image."""

    name: str
    multiply_adds: int
    """Of the forward pass."""
    values: int
    """Numbers that it gives."""
    parameters: int
    """With those of the batch norm behind it."""
    normalised: bool = False


@dataclass(frozen=True)
class StepCost:
    """A training step of ``batch`` images."""

    batch: int
    forward: int
    """Operations, 2 for each multiply-add."""
    backward: int
    bytes: int
    """Read and written."""

    @property
    def operations(self) -> int:
        return self.forward + self.backward


def layer_costs(config: ModelConfig, image_shape: ImageShape) -> list[LayerCost]:
    """The layers in the order in which data meets them; ``image_shape`` is height, width, channels.

    Of this package's own encoders and decoders, with flat latents. Raises TypeError for others.
    """
    match config.encoder:
        case ConvolutionalEncoderOptions():
            layers, features = _convolutions(config.encoder, image_shape)
        case MlpEncoderOptions():
            layers, features = _dense_layers(config.encoder, math.prod(image_shape))
        case _:
            raise TypeError(f"no cost is known of {config.encoder}")
    d = config.latent(features).dim
    heads = [
        _dense(f"dense: {name}", math.prod(features), d)
        for name in config.posterior.distribution.names()
    ]
    match config.decoder:
        case ConvolutionalDecoderOptions():
            decoder = _transposed(config.decoder, d, features, image_shape)
        case MlpDecoderOptions():
            decoder, (last,) = _dense_layers(config.decoder, d)
            decoder.append(_dense("dense", last, math.prod(image_shape)))
        case _:
            raise TypeError(f"no cost is known of {config.decoder}")
    return [*layers, *heads, *decoder]


def step_cost(
    config: ModelConfig,
    image_shape: ImageShape,
    batch: int = 1,
    value_bytes: int = FLOAT32,
) -> StepCost:
    """One step on ``batch`` images, with values and weights of ``value_bytes`` (bfloat16 has 2)."""
    layers = layer_costs(config, image_shape)
    forward = 2 * sum(layer.multiply_adds for layer in layers)
    backward = 2 * forward - 2 * layers[0].multiply_adds
    passes = sum(layer.values * (VALUE_PASSES + NORM_PASSES * layer.normalised) for layer in layers)
    parameters = sum(layer.parameters for layer in layers)
    moved = batch * (IMAGE_PASSES * math.prod(image_shape) + passes * value_bytes)
    moved += parameters * (2 * value_bytes + ADAM_PASSES * FLOAT32)
    return StepCost(batch, batch * forward, batch * backward, moved)


def _convolutions(
    options: ConvolutionalEncoderOptions, image_shape: ImageShape
) -> tuple[list[LayerCost], tuple[int, ...]]:
    """The layers, and the shape of the last one's maps."""
    height, width, channels = image_shape
    layers = []
    for filters, kernel, stride in zip(
        options.filters, options.kernels, options.strides, strict=True
    ):
        height, width = -(-height // stride), -(-width // stride)
        weights = kernel**2 * channels * filters
        positions = height * width
        norm = options.batch_norm
        layers.append(
            LayerCost(
                f"convolution {channels} → {filters}",
                weights * positions,
                filters * positions,
                weights + filters + 2 * filters * norm,
                norm,
            )
        )
        channels = filters
    return layers, (channels, height, width)


def _transposed(
    options: ConvolutionalDecoderOptions,
    latent_dim: int,
    features: tuple[int, ...],
    image_shape: ImageShape,
) -> list[LayerCost]:
    height, width, image_channels = image_shape
    sizes = [(height, width)]
    for stride in reversed(options.strides):
        sizes.append((-(-sizes[-1][0] // stride), -(-sizes[-1][1] // stride)))
    start, *after = sizes[::-1]
    all_filters = (*options.filters, image_channels)
    channels = features[0] if len(features) == 3 else all_filters[0]
    layers = [_dense("dense", latent_dim, math.prod(start) * channels)]
    before = start
    for i, (filters, kernel, size) in enumerate(
        zip(all_filters, options.kernels, after, strict=True)
    ):
        weights = kernel**2 * channels * filters
        norm = options.batch_norm and i < len(options.filters)
        layers.append(
            LayerCost(
                f"transposed convolution {channels} → {filters}",
                weights * math.prod(before),
                filters * math.prod(size),
                weights + filters + 2 * filters * norm,
                norm,
            )
        )
        before, channels = size, filters
    return layers


def _dense_layers(
    options: MlpEncoderOptions | MlpDecoderOptions, inputs: int
) -> tuple[list[LayerCost], tuple[int, ...]]:
    """The hidden layers, and how many numbers the last one gives."""
    layers = []
    for width in options.widths:
        layers.append(_dense(f"dense, {options.hidden_activation}", inputs, width))
        inputs = width
    return layers, (inputs,)


def _dense(name: str, inputs: int, outputs: int) -> LayerCost:
    return LayerCost(name, inputs * outputs, outputs, (inputs + 1) * outputs)
