"""Dense encoder and decoder: against matrix products by hand, and as a part like the others."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, ShapeError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihood,
    BernoulliPixels,
    ModelConfig,
    build_autoencoder,
    hidden_weights,
    rate,
)
from reparam.runs import preset_config

from .configs import configured

SHAPE = (5, 4, 2)
widths = st.lists(st.integers(1, 7), max_size=3).map(tuple)


def mlp(**options) -> ModelConfig:
    return configured(**{"encoder": "mlp", "decoder": "mlp", "latent_dim": 3, **options})


def by_hand(model: Autoencoder, half: str, x: np.ndarray, function) -> np.ndarray:
    """The hidden layers of one half in NumPy."""
    w = {name: value.double().numpy() for name, value in model.state_dict().items()}
    i = 0
    while f"{half}.blocks.{i}.dense.weight" in w:
        name = f"{half}.blocks.{i}.dense"
        x = function(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])
        i += 1
    return x


def test_a_gated_layer_is_multiplied_by_the_sigmoid_of_another():
    torch.manual_seed(0)
    model = build_autoencoder(mlp(encoder_widths=(4,), hidden_activation="gated"), SHAPE)
    x = torch.rand(3, 2, 5, 4)
    w = {name: value.double().numpy() for name, value in model.state_dict().items()}
    name, flat = "encoder.blocks.0", x.permute(0, 2, 3, 1).flatten(1).double().numpy()
    value, gate = (
        flat @ w[f"{name}.{k}.weight"].T + w[f"{name}.{k}.bias"] for k in ("dense", "gate")
    )
    expected = value / (1 + np.exp(-gate))
    np.testing.assert_allclose(model.encoder(x).detach(), expected, rtol=1e-5, atol=1e-6)
    assert len(hidden_weights(model)) == 2 + 2 + 2 * 2 + 1  # blocks, heads, blocks, pixels


FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky-relu": lambda x: np.where(x > 0, x, 0.3 * x),
}


@settings(max_examples=30)
@given(
    encoder=widths,
    decoder=widths,
    activation=st.sampled_from(list(FUNCTIONS)),
    seed=st.integers(0, 1000),
)
def test_it_is_matrix_products_and_activations(encoder, decoder, activation, seed):
    """Pixels count in the order height, width, channel; no hidden layer makes it linear."""
    torch.manual_seed(seed)
    config = mlp(
        encoder_widths=encoder,
        decoder_widths=decoder,
        hidden_activation=activation,
        output_activation="linear",
    )
    model = build_autoencoder(config, SHAPE)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    images = np.random.default_rng(seed).random((6, *SHAPE))
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    w = {name: value.double().numpy() for name, value in model.state_dict().items()}
    function = FUNCTIONS[activation]
    features = by_hand(model, "encoder", images.reshape(6, -1), function)
    found = model.infer(x)
    for head in ("mu", "log_var"):
        name = f"posterior.heads.{head}"
        expected = features @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        np.testing.assert_allclose(getattr(found, head).detach(), expected, rtol=1e-4, atol=1e-4)
    z = torch.randn(6, 3)
    pixels = by_hand(model, "decoder", z.double().numpy(), function)
    pixels = pixels @ w["decoder.pixels.weight"].T + w["decoder.pixels.bias"]
    decoded = model.decode(z).detach().permute(0, 2, 3, 1)
    np.testing.assert_allclose(decoded, pixels.reshape(6, *SHAPE), rtol=1e-4, atol=1e-4)


def test_weights_begin_as_glorots_and_biases_at_zero():
    torch.manual_seed(0)
    model = build_autoencoder(mlp(encoder_widths=(300, 200)), (28, 28, 1))
    for name, values in model.named_parameters():
        if name.endswith("bias"):
            assert not values.any(), name
        else:
            limit = math.sqrt(6 / sum(values.shape))
            assert values.abs().max() <= limit, name
            # A uniform variable's standard deviation; within 10 % for 600 values or more.
            assert values.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.1), name


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("architecture", ["mlp", "convolutional"])
def test_every_weight_takes_part(architecture, likelihood):
    torch.manual_seed(1)
    config = configured(encoder=architecture, decoder=architecture, likelihood=likelihood)
    model = build_autoencoder(config, (12, 8, 1))
    x = torch.rand(4, 1, 12, 8)
    q = model.infer(x)
    z = q.rsample(torch.Generator().manual_seed(2))
    (model.pixels(z).distortion(x) + rate(model.prior, q, z)).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("architecture", ["mlp", "convolutional"])
def test_only_the_likelihood_sees_logits(architecture):
    torch.manual_seed(2)
    config = configured(encoder=architecture, decoder=architecture, likelihood="bernoulli")
    model = build_autoencoder(config, (8, 8, 1)).eval()
    for parameter in model.decoder.parameters():
        torch.nn.init.normal_(parameter)
    z = torch.randn(16, 2)
    with torch.no_grad():
        p = model.pixels(z)
        assert isinstance(p, BernoulliPixels)
        assert p.logits.amax() > 1
        assert torch.equal(model.decode(z), torch.sigmoid(p.logits))
        drawn = model.sample(9, torch.Generator().manual_seed(3))
    assert 0 <= drawn.min() <= drawn.max() <= 1


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_it_can_begin_at_an_image(likelihood):
    model = build_autoencoder(mlp(likelihood=likelihood), SHAPE)
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    image = torch.linspace(0.01, 0.99, math.prod(SHAPE)).view(SHAPE).permute(2, 0, 1)
    model.init_output_bias(image)
    x = model.decode(torch.randn(4, 3))
    torch.testing.assert_close(x, image.expand_as(x))


def test_a_bernoulli_decoder_of_convolutions_can_begin_at_a_colour():
    model = build_autoencoder(configured(likelihood="bernoulli"), (8, 8, 3))
    for parameter in model.decoder.parameters():
        torch.nn.init.zeros_(parameter)
    colour = torch.tensor([0.1, 0.5, 0.9]).view(3, 1, 1)
    model.init_output_bias(colour.expand(3, 8, 8))
    x = model.decode(torch.randn(4, 2))
    torch.testing.assert_close(x, colour.expand_as(x))


def test_all_its_weights_are_matrices_for_the_optimiser():
    model = build_autoencoder(preset_config("burda").model, (28, 28, 1))
    matrices = [p for p in model.parameters() if p.ndim == 2]
    assert len(matrices) == 7
    assert [id(p) for p in hidden_weights(model)] == [id(p) for p in matrices]


def test_of_convolutions_those_between_channels_are():
    model = build_autoencoder(ModelConfig(), (28, 28, 1))
    assert all(p.ndim == 4 and min(p.shape[:2]) > 1 for p in hidden_weights(model))
    assert len(hidden_weights(model)) == 6


def test_the_papers_model():
    """784 → 200 → 200 → 50 and 50 → 200 → 200 → 784, each layer with a bias."""
    config = preset_config("burda").model
    model = build_autoencoder(config, (28, 28, 1))
    sizes = [784, 200, 200, 100], [50, 200, 200, 784]
    expected = sum((a + 1) * b for half in sizes for a, b in pairwise(half))
    assert sum(p.numel() for p in model.parameters()) == expected
    assert isinstance(model.likelihood, BernoulliLikelihood)


def test_images_of_another_size_are_an_error():
    model = build_autoencoder(mlp(), (8, 6, 1))
    with pytest.raises(
        ShapeError, match=r"must be 8 × 6 × 1 .*, as the encoder was built for, got 6 × 8 × 1"
    ):
        model.encode(torch.rand(1, 1, 6, 8))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"batch_norm": True},
            "option 'batch_norm' belongs to encoder convolutional, got encoder mlp",
        ),
        ({"dropout": 0.25}, "option 'dropout' belongs to encoder convolutional"),
        ({"encoder_widths": (200, 0)}, "encoder_widths must be 1 or more, got 0"),
        ({"latent_channels": 4}, "encoder that gives maps, got mlp"),
    ],
)
def test_combinations_that_cannot_be(options, words):
    with pytest.raises(ConfigError, match=words):
        build_autoencoder(mlp(**options), (8, 6, 1))
