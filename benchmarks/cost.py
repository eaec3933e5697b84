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
from collections.abc import Iterator
from dataclasses import dataclass

from reparam.model.config import ModelConfig
from reparam.model.convolutional import decoder_sizes, encoder_sizes
from reparam.model.posterior import posterior_type

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


def layer_costs(config: ModelConfig, image_shape: tuple[int, int, int]) -> list[LayerCost]:
    """The layers in the order in which data meets them; ``image_shape`` is height, width, channels.

    Raises ShapeError when the strides do not fit the image.
    """
    if config.architecture == "mlp":
        return list(_mlp(config, math.prod(image_shape)))
    return [*_encoder(config, image_shape), *_decoder(config, image_shape)]


def step_cost(
    config: ModelConfig,
    image_shape: tuple[int, int, int],
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


def _encoder(config: ModelConfig, image_shape: tuple[int, int, int]) -> Iterator[LayerCost]:
    height, width, channels = image_shape
    sizes = encoder_sizes((height, width), config.encoder_strides)
    for filters, kernel, size in zip(
        config.encoder_filters, config.encoder_kernels, sizes, strict=True
    ):
        weights = kernel**2 * channels * filters
        positions = math.prod(size)
        norm = config.batch_norm
        yield LayerCost(
            f"convolution {channels} → {filters}",
            weights * positions,
            filters * positions,
            weights + filters + 2 * filters * norm,
            norm,
        )
        channels = filters
    features = math.prod(sizes[-1]) * channels
    for name in posterior_type(config.posterior).parameters:
        yield _dense(f"dense: {name}", features, config.latent_dim)


def _decoder(config: ModelConfig, image_shape: tuple[int, int, int]) -> Iterator[LayerCost]:
    height, width, image_channels = image_shape
    start = encoder_sizes((height, width), config.encoder_strides)[-1]
    channels = config.encoder_filters[-1]
    yield _dense("dense, reshape", config.latent_dim, math.prod(start) * channels)
    sizes = decoder_sizes(start, (height, width), config.decoder_strides)
    filters_of = (*config.decoder_filters, image_channels)
    for i, (before, after) in enumerate(zip((start, *sizes), sizes, strict=False)):
        filters = filters_of[i]
        weights = config.decoder_kernels[i] ** 2 * channels * filters
        norm = config.batch_norm and i < len(config.decoder_filters)
        yield LayerCost(
            f"transposed convolution {channels} → {filters}",
            weights * math.prod(before),
            filters * math.prod(after),
            weights + filters + 2 * filters * norm,
            norm,
        )
        channels = filters


def _mlp(config: ModelConfig, pixels: int) -> Iterator[LayerCost]:
    name = f"dense, {config.hidden_activation}"
    inputs = pixels
    for width in config.encoder_widths:
        yield _dense(name, inputs, width)
        inputs = width
    for head in posterior_type(config.posterior).parameters:
        yield _dense(f"dense: {head}", inputs, config.latent_dim)
    inputs = config.latent_dim
    for width in config.decoder_widths:
        yield _dense(name, inputs, width)
        inputs = width
    yield _dense("dense, reshape", inputs, pixels)


def _dense(name: str, inputs: int, outputs: int) -> LayerCost:
    return LayerCost(name, inputs * outputs, outputs, (inputs + 1) * outputs)
