"""The terms of a regularised autoencoder: against formulas by hand and Jacobians in full."""

import math
from dataclasses import replace

import pytest
import torch

from reparam.data import Batch
from reparam.model import (
    Autoencoder,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    ResidualDecoderOptions,
    ResidualEncoderOptions,
    build_autoencoder,
)
from reparam.objective import (
    DecoderGradientOptions,
    DecoderNormOptions,
    LatentNormOptions,
    Loss,
    Losses,
    Reconstruction,
    TermOptions,
)

SHAPE = (8, 8, 1)
LINEAR = ModelConfig(
    latent_dim=3,
    encoder=MlpEncoderOptions(()),
    decoder=MlpDecoderOptions((), output_activation="linear"),
    posterior=DeltaOptions(),
)
CONVOLUTIONAL = replace(
    LINEAR,
    encoder=ConvolutionalEncoderOptions((4,), (3,), (2,), batch_norm=True),
    decoder=ConvolutionalDecoderOptions((4,), (3, 3), (1, 2), batch_norm=True),
)
RESIDUAL = replace(
    LINEAR, encoder=ResidualEncoderOptions((16, 16)), decoder=ResidualDecoderOptions((16, 16))
)


def model(config: ModelConfig = LINEAR) -> Autoencoder:
    torch.manual_seed(0)
    return build_autoencoder(config, SHAPE)


def losses(of: Autoencoder, term: TermOptions, n: int = 6, seed: int = 0) -> Losses:
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)).expand(n, -1, -1, -1)
    noise = torch.Generator().manual_seed(seed)
    return Loss(of, Reconstruction(), [term])(Batch(x, None, torch.arange(n)), noise=noise)


def test_the_norm_of_a_latent() -> None:
    found = losses(model(), LatentNormOptions(weight=2.0))
    z = found.drawn.z
    expected = 0.5 * z.square().sum(1) / 64
    torch.testing.assert_close(found.terms["latent_norm"], expected)
    torch.testing.assert_close(found.objective, found.terms["distortion"] + 2 * expected)


def test_the_norm_of_the_decoder() -> None:
    """Its gradient is that of weight decay: θ / D."""
    of = model()
    value = losses(of, DecoderNormOptions()).terms["decoder_norm"]
    flat = torch.nn.utils.parameters_to_vector(of.decoder.parameters())
    torch.testing.assert_close(value, (flat @ flat / 128).expand(6))
    value.mean().backward()
    for parameter in of.decoder.parameters():
        torch.testing.assert_close(parameter.grad, parameter.detach() / 64)
    assert all(p.grad is None for p in of.encoder.parameters())


def test_the_gradient_of_a_linear_decoder_is_the_norm_of_its_weights() -> None:
    of = model()
    found = losses(of, DecoderGradientOptions(), n=20_000).terms["decoder_gradient"]
    exact = of.decoder.pixels.weight.square().sum() / 64
    assert abs(found.mean() - exact) < 4.5 * found.std() / math.sqrt(len(found))


@pytest.mark.parametrize("config", [CONVOLUTIONAL, RESIDUAL])
def test_it_is_the_jacobian_of_any_decoder_in_mean(config: ModelConfig) -> None:
    of = model(config).eval()
    found = losses(of, DecoderGradientOptions(), n=3000)
    z = found.drawn.z[:1].detach()
    jacobian = torch.autograd.functional.jacobian(of.decode, z)
    exact, value = jacobian.square().sum() / 64, found.terms["decoder_gradient"]
    assert abs(value.mean() - exact) < 4.5 * value.std() / math.sqrt(len(value))


@pytest.mark.parametrize("config", [LINEAR, CONVOLUTIONAL, RESIDUAL])
def test_it_trains_the_decoder_alone(config: ModelConfig) -> None:
    of = model(config).train()
    terms = losses(of, DecoderGradientOptions()).terms
    terms["decoder_gradient"].mean().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in of.decoder.parameters())
    for half in (of.encoder, of.posterior):
        assert all(p.grad is None for p in half.parameters())


def test_its_gradient_is_that_of_the_norm() -> None:
    """2 W / D of a linear decoder, in mean: along the weights all of it, as ⟨∇‖W‖², W⟩ = 2 ‖W‖²."""
    of = model()
    losses(of, DecoderGradientOptions(), n=20_000).terms["decoder_gradient"].mean().backward()
    weight = of.decoder.pixels.weight
    along = (weight.grad * weight).sum() / (2 * weight.square().sum() / 64)
    assert along.item() == pytest.approx(1, abs=0.03)
    direction = torch.nn.functional.cosine_similarity(weight.grad.flatten(), weight.flatten(), 0)
    assert direction > 0.98


@torch.no_grad()
def test_without_gradients_it_is_the_same_number() -> None:
    of = model(CONVOLUTIONAL).eval()
    first = losses(of, DecoderGradientOptions()).terms["decoder_gradient"]
    with torch.enable_grad():
        second = losses(of, DecoderGradientOptions()).terms["decoder_gradient"]
    torch.testing.assert_close(first, second.detach())
    assert not first.requires_grad
    other = losses(of, DecoderGradientOptions(), seed=1).terms["decoder_gradient"]
    assert not torch.equal(first, other)
