"""Conditional models: any encoder and decoder reads the class, and nothing else changes."""

import pytest
import torch
from torch.nn import functional as F

from reparam.data import from_bytes
from reparam.errors import ConfigError, DataError
from reparam.evaluation import decode, encode
from reparam.model import (
    Autoencoder,
    ChainPosteriorOptions,
    ChainPriorOptions,
    ModelConfig,
    VampPriorOptions,
    build_autoencoder,
    layer_table,
    parameter_counts,
)
from reparam.model.networks import (
    ConditionalDecoder,
    ConditionalEncoder,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ResidualDecoderOptions,
    ResidualEncoderOptions,
)

SHAPE = (8, 8, 1)
CLASSES = 3
RESIDUAL = {
    "encoder": ResidualEncoderOptions(filters=(16, 32)),
    "decoder": ResidualDecoderOptions(filters=(16, 32)),
}
PARTS = {
    "convolutional": {},
    "mlp": {"encoder": MlpEncoderOptions((20,)), "decoder": MlpDecoderOptions((20,))},
    "residual": RESIDUAL,
    "spatial": {"latent_channels": 2, **RESIDUAL},
    "chain": {"latent_dim": 6, "posterior": ChainPosteriorOptions(), "prior": ChainPriorOptions()},
}


def model_of(classes: int = CLASSES, **parts: object) -> Autoencoder:
    torch.manual_seed(0)
    return build_autoencoder(ModelConfig(**{"classes": classes, **parts}), SHAPE).eval()


def some_planes(model: Autoencoder) -> torch.Tensor:
    """The encoder's images of the classes, no longer zero."""
    assert isinstance(model.encoder, ConditionalEncoder)
    with torch.no_grad():
        model.encoder.planes.images.normal_()
    return model.encoder.planes.images.unflatten(1, SHAPE).permute(0, 3, 1, 2)


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@torch.no_grad()
def test_any_network_reads_the_class_and_begins_without(parts: dict) -> None:
    """At first q(z|x, y) is that of the network alone, and p(x|z, y) differs by the class."""
    model = model_of(**parts)
    x, z = torch.rand(4, 1, 8, 8), torch.randn(4, model.latent_dim)
    labels = torch.tensor([0, 1, 2, 1])
    inner = model.encoder.unconditional
    torch.testing.assert_close(model.encoder(x, labels), inner(x))
    planes = some_planes(model)
    torch.testing.assert_close(model.encoder(x, labels), inner(x + planes[labels]))
    one, other = model.decode(z, labels), model.decode(z, (labels + 1) % CLASSES)
    assert one.shape == x.shape
    assert (one - other).abs().max() > 1e-4
    assert torch.equal(one, model.decode(z, labels))


@torch.no_grad()
def test_a_dense_decoder_is_the_sum_of_latent_and_class() -> None:
    """First layer by hand: W (z, e_y) + b = W_z z + W_y + b."""
    model = model_of(**PARTS["mlp"])
    assert isinstance(model.decoder, ConditionalDecoder)
    inner = model.decoder.network
    dense = inner.blocks[0].dense
    z, labels = torch.randn(5, 2), torch.tensor([2, 0, 1, 1, 2])
    hidden = F.linear(z, dense.weight[:, :2], dense.bias) + dense.weight[:, 2:].T[labels]
    block = inner.blocks[0]
    expected = block(torch.cat([z, F.one_hot(labels, CLASSES).float()], 1))
    activated = torch.tanh(hidden) if block.slope is None else F.leaky_relu(hidden, block.slope)
    torch.testing.assert_close(expected, activated)
    pixels = torch.sigmoid(inner.pixels(expected)).unflatten(1, (1, 8, 8))
    torch.testing.assert_close(model.decode(z, labels), pixels)


@torch.no_grad()
def test_principal_components_are_of_the_latent_alone() -> None:
    """It begins as the same linear code for every class, also where more components are asked for
    than there are latent dimensions."""
    networks = {
        "encoder": ResidualEncoderOptions(filters=(16, 32), components=6),
        "decoder": ResidualDecoderOptions(filters=(16, 32), components=6),
    }
    x = torch.rand(40, 1, 8, 8)
    conditional, plain = (model_of(classes, latent_dim=4, **networks) for classes in (CLASSES, 0))
    labels = torch.arange(40) % CLASSES
    for model in (conditional, plain):
        torch.manual_seed(1)
        model.init_components(x)
    assert len(conditional.decoder.components) == 4
    z = conditional.encode(x, labels)
    torch.testing.assert_close(z, plain.encode(x), rtol=1e-4, atol=1e-5)
    again = conditional.decode(z, labels)
    torch.testing.assert_close(again, plain.decode(z), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(again, conditional.decode(z, (labels + 1) % CLASSES))


def test_labels_are_needed_and_checked() -> None:
    model = model_of()
    x = torch.zeros(2, 1, 8, 8)
    with pytest.raises(DataError, match="conditional on 3 classes, got none"):
        model.encode(x)
    with pytest.raises(DataError, match="conditional on 3 classes, got none"):
        model.decode(torch.zeros(2, 2))
    pixels = torch.zeros(2, 8, 8, 1, dtype=torch.uint8).numpy()
    for wrong in (-1, 3):
        with pytest.raises(DataError, match="from 0 to 2"):
            encode(model, pixels, torch.tensor([0, wrong]).numpy())


@torch.no_grad()
def test_an_unconditional_model_ignores_labels() -> None:
    model = model_of(classes=0)
    x, labels = torch.rand(3, 1, 8, 8), torch.tensor([9, -1, 4])
    assert torch.equal(model.reconstruct(x, labels), model.reconstruct(x))
    z = model.encode(x).numpy()
    assert (decode(model, z, labels.numpy()) == decode(model, z)).all()
    assert not isinstance(model.encoder, ConditionalEncoder)


@torch.no_grad()
def test_a_vamp_prior_is_of_no_class() -> None:
    """Its pseudo-inputs pass the encoder's network: p(z) is the mixture of their posteriors."""
    model = model_of(prior=VampPriorOptions(components=5), **PARTS["mlp"])
    z = torch.randn(7, 2)
    inner = model.encoder.unconditional
    each = [
        model.posterior(inner(u[None].sigmoid())).rows(torch.zeros(7, dtype=torch.long)).log_prob(z)
        for u in model.prior.inputs
    ]
    expected = torch.stack(each).logsumexp(0) - torch.tensor(5.0).log()
    torch.testing.assert_close(model.prior.log_prob(z), expected)


def test_classes_follow_from_the_images() -> None:
    auto = ModelConfig(classes="auto")
    assert auto.for_classes(10) == ModelConfig(classes=10)
    assert ModelConfig().for_classes(10) == ModelConfig().for_classes(0) == ModelConfig()
    with pytest.raises(ConfigError, match="images without labels"):
        auto.for_classes(0)
    with pytest.raises(ConfigError, match=r"classes 4 .* got 10 classes"):
        ModelConfig(classes=4).for_classes(10)
    with pytest.raises(ConfigError, match="0 or more, got -1"):
        ModelConfig(classes=-1)
    with pytest.raises(ConfigError, match="must be a number where a model is built"):
        build_autoencoder(auto, SHAPE)


def test_the_table_of_layers_has_the_class_images() -> None:
    model = model_of()
    (row,) = [row for row in layer_table(model) if row.layer == "image of each class, 3"]
    assert row.parameters == CLASSES * 64
    total = sum(p.numel() for p in model.parameters())
    assert sum(parameter_counts(model).values()) == total
    assert from_bytes(torch.zeros(1, 8, 8, 1, dtype=torch.uint8)).shape == (1, 1, 8, 8)
