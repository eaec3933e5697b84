"""Operations counted from the shapes against PyTorch's own counter, on the same function."""

import math
from dataclasses import replace

import pytest
import torch
from cost import layer_costs, step_cost
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from reparam.model import (
    Autoencoder,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    EncoderOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
    layer_table,
)
from reparam.runs import preset_config

ARTICLE = ModelConfig()
WIDE = ModelConfig(
    latent_dim=5,
    encoder=ConvolutionalEncoderOptions((8, 12), (5, 4), (2, 3)),
    decoder=ConvolutionalDecoderOptions((7, 6), (2, 3, 5), (3, 1, 2)),
)


def normalised(config: ModelConfig) -> ModelConfig:
    """The same with batch normalisation in both halves."""
    encoder = replace(config.encoder, batch_norm=True)
    return replace(config, encoder=encoder, decoder=replace(config.decoder, batch_norm=True))


CASES: dict[str, tuple[ModelConfig, tuple[int, int, int]]] = {
    "article VAE": (ARTICLE, (28, 28, 1)),
    "article AE": (
        ModelConfig(
            encoder=ConvolutionalEncoderOptions(order="act-norm"), posterior=DeltaOptions()
        ),
        (28, 28, 1),
    ),
    "batch norm": (normalised(ARTICLE), (28, 28, 1)),
    "odd, colour": (ARTICLE, (27, 30, 3)),
    "other kernels and strides": (WIDE, (18, 12, 3)),
    "other kernels and strides, odd": (WIDE, (17, 13, 2)),
}
by_case = pytest.mark.parametrize(("config", "image_shape"), CASES.values(), ids=CASES)


def plain_pass(model: Autoencoder, config: ModelConfig, x: torch.Tensor) -> torch.Tensor:
    """The model's own weights in the plainest form of each layer: whole results, then cuts."""
    w = dict(model.named_parameters())
    encoder, decoder = config.encoder, config.decoder

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        if f"{name}.weight" not in w:
            return x
        return F.batch_norm(x, None, None, w[f"{name}.weight"], w[f"{name}.bias"], True, eps=1e-3)

    def tail(half: str, i: int, x: torch.Tensor) -> torch.Tensor:
        name, options = f"{half}.blocks.{i}.1.norm", getattr(config, half)
        if options.order == "norm-act":
            return F.leaky_relu(norm(name, x), options.leaky_slope)
        return norm(name, F.leaky_relu(x, options.leaky_slope))

    for i, (k, s) in enumerate(zip(encoder.kernels, encoder.strides, strict=True)):
        pads = []
        for n in (x.shape[3], x.shape[2]):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pads += [total // 2, total - total // 2]
        name = f"encoder.blocks.{i}.0"
        x = F.conv2d(F.pad(x, pads), w[f"{name}.weight"], w[f"{name}.bias"], s)
        x = tail("encoder", i, x)
    features = x.permute(0, 2, 3, 1).flatten(1)
    heads = {
        name.split(".")[2]: F.linear(features, w[name], w[name.replace("weight", "bias")])
        for name in w
        if name.startswith("posterior.heads") and name.endswith("weight")
    }
    z = heads["mu"] + sum(h.exp() * 0 for name, h in heads.items() if name == "log_var")
    x = F.linear(z, w["decoder.dense.weight"], w["decoder.dense.bias"])
    x = x.unflatten(1, model.decoder.start_shape).permute(0, 3, 1, 2)
    last = len(decoder.kernels) - 1
    sides = [model.image_shape[:2]]
    for s in decoder.strides[:0:-1]:
        sides.insert(0, tuple(-(-side // s) for side in sides[0]))
    for i, (k, s) in enumerate(zip(decoder.kernels, decoder.strides, strict=True)):
        name = f"decoder.blocks.{i}.0"
        before = max(k - s, 0) // 2
        missing = max(s - k, 0)
        x = F.conv_transpose2d(
            x, w[f"{name}.weight"], w[f"{name}.bias"], s, output_padding=missing
        )[:, :, before : before + sides[i][0], before : before + sides[i][1]]
        if i < last:
            x = tail("decoder", i, x)
    return torch.sigmoid(x)


@by_case
def test_operations_are_those_that_torch_counts(config, image_shape):
    torch.manual_seed(0)
    model = build_autoencoder(config, image_shape).train()
    height, width, channels = image_shape
    batch = 3
    x = torch.rand(batch, channels, height, width)
    with FlopCounterMode(display=False) as forward:
        y = plain_pass(model, config, x)
    assert torch.allclose(y, model(x), atol=1e-5)  # the same function, so the same arithmetic
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    cost = step_cost(config, image_shape, batch)
    assert cost.forward == forward.get_total_flops()
    assert cost.backward == backward.get_total_flops()


MLPS = {
    "burda": preset_config("burda").model,
    "AE, one hidden layer": ModelConfig(
        posterior=DeltaOptions(), encoder=MlpEncoderOptions(()), decoder=MlpDecoderOptions((7,))
    ),
}


@pytest.mark.parametrize("config", MLPS.values(), ids=MLPS)
def test_operations_of_an_mlp_are_those_that_torch_counts(config):
    torch.manual_seed(0)
    model, batch = build_autoencoder(config, (6, 5, 2)), 3
    with FlopCounterMode(display=False) as forward:
        q = model.infer(torch.rand(batch, 2, 6, 5))
        y = model.decode(q.rsample())
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    cost = step_cost(config, (6, 5, 2), batch)
    assert cost.forward == forward.get_total_flops()
    assert cost.backward == backward.get_total_flops()
    layers, table = layer_costs(config, (6, 5, 2)), layer_table(model)
    assert [layer.name for layer in layers] == [row.layer for row in table]
    assert [layer.parameters for layer in layers] == [row.parameters for row in table]
    assert [layer.values for layer in layers] == [math.prod(row.shape) for row in table]
    assert table[-1].shape == (60,)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())


@by_case
def test_layers_and_parameters_are_the_models(config, image_shape):
    model = build_autoencoder(config, image_shape)
    layers = layer_costs(config, image_shape)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())
    weighted = [row for row in layer_table(model) if "normalisation" not in row.layer]
    shapes = [torch.Size(row.shape).numel() for row in weighted]
    assert [layer.values for layer in layers] == shapes


def test_the_articles_vae():
    """89 MFLOP an image: 29.8 forward, 59.2 backward."""
    cost = step_cost(ARTICLE, (28, 28, 1))
    assert cost.forward == 29_842_176
    assert cost.operations == 3 * cost.forward - 2 * 9 * 32 * 28 * 28


def test_bytes_by_hand():
    """One convolution, one head, one dense layer, one transposed convolution; 4 × 4 pixels."""
    config = ModelConfig(
        posterior=DeltaOptions(),
        encoder=ConvolutionalEncoderOptions((2,), (3,), (2,)),
        decoder=ConvolutionalDecoderOptions((), (3,), (2,)),
    )
    values = 2 * 4 + 2 + 2 * 4 + 16
    parameters = (9 * 2 + 2) + (8 * 2 + 2) + (2 * 8 + 8) + (9 * 2 + 1)
    for batch, size in ((1, 4), (7, 2)):
        by_hand = batch * (3 * 16 + 5 * values * size) + parameters * (2 * size + 32)
        assert step_cost(config, (4, 4, 1), batch, size).bytes == by_hand
        norm = step_cost(normalised(config), (4, 4, 1), batch, size).bytes
        assert norm == by_hand + batch * 2 * 8 * size + 4 * (2 * size + 32)


@pytest.mark.parametrize("decoder", [ConvolutionalDecoderOptions((), (3,), (2,)), WIDE.decoder])
def test_an_mlp_encoder_with_a_convolutional_decoder(decoder):
    config = ModelConfig(encoder=MlpEncoderOptions((9,)), decoder=decoder)
    model = build_autoencoder(config, (12, 18, 3))
    layers, table = layer_costs(config, (12, 18, 3)), layer_table(model)
    assert [layer.values for layer in layers] == [math.prod(row.shape) for row in table]
    assert [layer.parameters for layer in layers] == [row.parameters for row in table]


def test_a_network_from_outside_has_no_known_cost():
    class Unknown(EncoderOptions):
        def build(self, image_shape):
            raise NotImplementedError

    with pytest.raises(TypeError, match="no cost is known"):
        step_cost(ModelConfig(encoder=Unknown()), (8, 8, 1))
