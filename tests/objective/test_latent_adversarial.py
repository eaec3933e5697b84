"""Discriminators of latents: the density ratios that they learn, and who learns from whom."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    BoxOptions,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import (
    Elbo,
    FactorOptions,
    InputConfig,
    LatentAdversarialOptions,
    Loss,
    Losses,
    Reconstruction,
    TermOptions,
)
from reparam.objective.latent_adversarial import permuted
from reparam.objective.latent_discriminator import LatentDiscriminator, frozen_scores

SHAPE = (4, 4, 1)
VAE = ModelConfig(latent_dim=2, encoder=MlpEncoderOptions((8,)), decoder=MlpDecoderOptions((8,)))
AE = replace(VAE, posterior=DeltaOptions())
BOTH = [(AE, Reconstruction(), LatentAdversarialOptions()), (VAE, Elbo(), FactorOptions())]


def loss_of(config: ModelConfig, objective, term: TermOptions) -> Loss:
    torch.manual_seed(0)
    return Loss(build_autoencoder(config, SHAPE), objective, [term]).train()


def losses(loss: Loss, n: int = 16, seed: int = 0) -> Losses:
    x = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    noise = torch.Generator().manual_seed(seed)
    return loss(Batch(x, None, torch.arange(n)), noise=noise)


def network_of(loss: Loss) -> LatentDiscriminator:
    (term,) = loss.terms.values()
    return term.discriminator


def trained(first, second, steps: int = 1000) -> LatentDiscriminator:
    """A discriminator of draws of two functions of a generator, by the logistic loss."""
    torch.manual_seed(0)
    network, noise = LatentDiscriminator(2, (32, 32)), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        ours, theirs = network(first(512, noise)), network(second(512, noise))
        optimiser.zero_grad()
        (F.softplus(-ours) + F.softplus(theirs)).mean().backward()
        optimiser.step()
        schedule.step()
    return network


def normal(n: int, noise: torch.Generator) -> torch.Tensor:
    return torch.randn(n, 2, generator=noise)


@torch.no_grad()
def test_the_best_discriminator_is_the_log_density_ratio() -> None:
    """N(1, 1) against N(0, I) in the first dimension: z1 − ½."""
    shift = torch.tensor([1.0, 0.0])
    with torch.enable_grad():
        network = trained(lambda n, noise: normal(n, noise) + shift, normal, 600)
    z = normal(2000, torch.Generator().manual_seed(5)) + shift / 2
    assert (network(z) - (z[:, 0] - 0.5)).abs().mean() < 0.1


@torch.no_grad()
def test_of_permuted_dimensions_it_is_the_total_correlation() -> None:
    """Of a normal distribution of correlation ρ: −½ ln(1 − ρ²) nats."""
    rho = 0.8

    def correlated(n: int, noise: torch.Generator) -> torch.Tensor:
        z = normal(n, noise)
        return torch.stack([z[:, 0], rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]], 1)

    def independent(n: int, noise: torch.Generator) -> torch.Tensor:
        return permuted(correlated(n, noise), torch.rand(n, 2, generator=noise))

    with torch.enable_grad():
        network = trained(correlated, independent)
    found = network(correlated(20_000, torch.Generator().manual_seed(7))).mean()
    assert found.item() == pytest.approx(-0.5 * math.log(1 - rho**2), abs=0.06)


def test_permuted_dimensions_keep_their_values_and_lose_their_neighbours() -> None:
    z = torch.randn(200, 3)
    found = permuted(z, torch.rand(200, 3))
    assert torch.equal(found.sort(0).values, z.sort(0).values)
    assert (found == z).all(1).float().mean() < 0.1
    assert torch.equal(permuted(z, torch.arange(200.0)[:, None].expand(-1, 3)), z)


@pytest.mark.parametrize(("config", "objective", "term"), BOTH)
def test_each_player_learns_from_its_own_loss(config, objective, term) -> None:
    """The discriminator's gradient is that of its logistic loss, the model's has none of it."""
    loss = loss_of(config, objective, term)
    found = losses(loss)
    name = term.name
    plain = found.terms["distortion"].mean() + (found.terms["rate"].mean() if config is VAE else 0)
    mine = [p for p in loss.model.parameters() if p.requires_grad]
    theirs = list(network_of(loss).parameters())
    of_model = torch.autograd.grad(found.objective.mean(), mine, retain_graph=True)
    of_network = torch.autograd.grad(found.objective.mean(), theirs, retain_graph=True)
    (term_of,) = loss.terms.values()
    value = term.weight * term_of(loss.model, found.drawn).mean()
    expected = torch.autograd.grad(plain + value, mine, retain_graph=True)
    for got, wanted in zip(of_model, expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)
    drawn = losses(loss).drawn  # the same seed: the same draws of the other set
    ours = network_of(loss)(drawn.z.detach())
    others = network_of(loss)(_others(loss, objective))
    logistic = (F.softplus(-ours) + F.softplus(others)).mean()
    for got, wanted in zip(of_network, torch.autograd.grad(logistic, theirs), strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-6, rtol=1e-4)
    assert found.terms[f"{name}_discriminator"].mean().item() == pytest.approx(logistic.item())
    assert found.terms["loss"].mean().item() == pytest.approx(plain.item(), rel=1e-5)


def _others(loss: Loss, objective) -> torch.Tensor:
    """The second set, by the draws of the step in their order."""
    noise = torch.Generator().manual_seed(0)
    if isinstance(objective, Reconstruction):
        return loss.model.prior.sample(16, noise)
    z = losses(loss).drawn.z.detach()
    torch.randn(z.shape, generator=noise)
    return permuted(z, torch.rand(z.shape, generator=noise))


def test_the_encoder_moves_latents_towards_the_prior() -> None:
    """With a discriminator that knows the ratio of N(3, 1) and N(0, 1) the gradient points down."""
    loss = loss_of(AE, Reconstruction(), LatentAdversarialOptions(widths=()))
    with torch.no_grad():
        layer = network_of(loss).layers[-1]
        layer.weight.copy_(torch.tensor([[3.0, 0.0]]))
        layer.bias.fill_(-4.5)
    z = torch.tensor([[3.0, 1.0], [1.0, -1.0]], requires_grad=True)
    F.softplus(frozen_scores(network_of(loss), z)).sum().backward()
    assert (z.grad[:, 0] > 0).all()
    assert (z.grad[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("term", "config", "message"),
    [
        (LatentAdversarialOptions(), replace(AE, prior=BoxOptions()), "known in training"),
        (FactorOptions(), replace(VAE, latent_dim=1), "latent_dim must be 2 or more"),
    ],
)
def test_models_that_they_do_not_go_with(term, config, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        term.check(config, InputConfig())


@pytest.mark.parametrize("kind", [LatentAdversarialOptions, FactorOptions])
def test_networks_that_cannot_be(kind) -> None:
    with pytest.raises(ConfigError, match="_widths must be 1 or more"):
        kind(widths=(0,))
    with pytest.raises(ConfigError, match="_learning_rate must be above 0"):
        kind(learning_rate=0.0)
