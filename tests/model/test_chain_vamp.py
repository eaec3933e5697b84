"""Two stochastic layers with a VampPrior for the upper one: against torch.distributions."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributions

from reparam.errors import ConfigError
from reparam.evaluation import noise_to_latents
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    ChainPosteriorOptions,
    ChainPrior,
    ChainPriorOptions,
    DiagonalNormalOptions,
    FlowPosteriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    NoiseMap,
    VampPrior,
    build_autoencoder,
    rate,
)
from reparam.objective import Elbo, ImportanceWeighted, Loss, batches

SHAPE = (4, 4, 1)
K, BELOW, TOP = 5, 2, 1
SMALL = ModelConfig(
    latent_dim=BELOW + TOP,
    latent_top=TOP,
    encoder=MlpEncoderOptions((9,), "gated"),
    decoder=MlpDecoderOptions((9,), "gated"),
    likelihood=BernoulliLikelihoodOptions(),
    posterior=ChainPosteriorOptions((5,), "gated"),
    prior=ChainPriorOptions((5,), "gated", components=K),
)


def model(config: ModelConfig = SMALL, spread: float = 0.4) -> Autoencoder:
    torch.manual_seed(0)
    vae = build_autoencoder(config, SHAPE).eval()
    with torch.no_grad():
        for name, parameter in vae.named_parameters():
            if name.startswith(("posterior", "prior")):
                parameter.add_(spread * torch.randn(parameter.shape))
        upper_of(vae).inputs.copy_(3 * torch.randn(K, 1, 4, 4))
    return vae


def upper_of(vae: Autoencoder) -> VampPrior:
    assert isinstance(vae.prior, ChainPrior)
    assert isinstance(vae.prior.upper, VampPrior)
    return vae.prior.upper


def normal(mean: torch.Tensor, log_var: torch.Tensor) -> distributions.Distribution:
    scale = (log_var.double() / 2).exp()
    return distributions.Independent(distributions.Normal(mean.double(), scale), 1)


def top_by_hand(vae: Autoencoder) -> distributions.Distribution:
    """1/K Σ q(z2|z1 = the mean of q(z1|u_k)), network by network."""
    heads = vae.posterior.heads(vae.encoder(upper_of(vae).inputs.sigmoid()))
    each = normal(*vae.posterior.upper(heads["mu"]))
    return distributions.MixtureSameFamily(distributions.Categorical(torch.ones(K)), each)


def lower_by_hand(vae: Autoencoder, z2: torch.Tensor) -> distributions.Distribution:
    return normal(*vae.prior.lower(z2.float()))


def prior_by_hand(vae: Autoencoder, z: torch.Tensor) -> torch.Tensor:
    z1, z2 = z[:, :BELOW], z[:, BELOW:]
    return top_by_hand(vae).log_prob(z2.double()) + lower_by_hand(vae, z2).log_prob(z1.double())


@torch.no_grad()
def test_the_density_is_the_mixture_times_the_lower_layer() -> None:
    vae = model()
    z = 3 * torch.randn(60, 3)
    found = vae.prior.log_prob(z)
    torch.testing.assert_close(found, prior_by_hand(vae, z).float(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_density_integrates_to_one() -> None:
    vae = model(replace(SMALL, latent_dim=2))
    line = torch.linspace(-14, 14, 700)
    densities = vae.prior.log_prob(torch.cartesian_prod(line, line)).double().exp()
    assert (densities.sum() * (line[1] - line[0]) ** 2).item() == pytest.approx(1, abs=1e-3)


@torch.no_grad()
def test_draws_are_those_of_the_two_factors() -> None:
    """Mean, variance and mean log density, against draws by torch.distributions."""
    vae, n = model(), 40_000
    z = vae.prior.sample(n, torch.Generator().manual_seed(0)).double()
    z2 = top_by_hand(vae).sample((n,))
    other = torch.cat([lower_by_hand(vae, z2).sample(), z2], 1)
    for statistic in (lambda x: x, torch.square, lambda x: prior_by_hand(vae, x)[:, None]):
        one, two = statistic(z), statistic(other)
        error = ((one.var(0) + two.var(0)) / n).sqrt()
        assert ((one.mean(0) - two.mean(0)).abs() / error).max() < 4.5


@torch.no_grad()
def test_the_mean_rate_is_the_kl() -> None:
    """Against a larger estimate with draws and densities by torch.distributions."""
    vae, n = model(spread=0.15), 20_000
    x = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(1)).round()
    many = vae.infer(x).repeated(n)
    rates = rate(vae.prior, many, many.rsample(torch.Generator().manual_seed(0)))
    heads = vae.posterior.heads(vae.encoder(x))
    first = normal(heads["mu"].expand(5 * n, -1), heads["log_var"].expand(5 * n, -1))
    z1 = first.sample()
    second = normal(*vae.posterior.upper(z1.float()))
    z2 = second.sample()
    log_q = first.log_prob(z1) + second.log_prob(z2)
    other = log_q - prior_by_hand(vae, torch.cat([z1, z2], 1))
    spread = math.hypot(rates.std() / n**0.5, other.std() / (5 * n) ** 0.5)
    assert abs(rates.mean() - other.mean()) < 4.5 * spread
    assert other.mean() > 10 * spread


@pytest.mark.parametrize("objective", [Elbo(), ImportanceWeighted(4, "dreg")])
def test_pseudo_inputs_and_every_network_learn(objective: Elbo | ImportanceWeighted) -> None:
    vae = model().train()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), np.uint8)
    for batch in batches(pixels):
        Loss(vae, objective)(batch).objective.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in vae.parameters())
    assert upper_of(vae).inputs.grad.abs().amax((1, 2, 3)).min() > 0


def test_the_prior_alone_moves_pseudo_inputs_through_the_encoder() -> None:
    vae = model()
    z = torch.randn(6, 3)
    inputs = upper_of(vae).inputs
    (found,) = torch.autograd.grad(vae.prior.log_prob(z).sum(), inputs)
    (expected,) = torch.autograd.grad(prior_by_hand(vae, z).sum(), inputs)
    assert expected.abs().max() > 0.001
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-3)


@torch.no_grad()
def test_with_one_layer_below_the_posterior_it_is_a_marginal() -> None:
    """Where z1 and z2 are independent given the image, q(z2|u_k) is exact."""
    vae = model(replace(SMALL, posterior=DiagonalNormalOptions()))
    q = vae.infer(upper_of(vae).inputs.sigmoid())
    each = normal(q.mean[:, BELOW:], q.variance[:, BELOW:].log())
    even = distributions.Categorical(torch.ones(K))
    z2 = torch.randn(20, TOP)
    expected = distributions.MixtureSameFamily(even, each).log_prob(z2.double()).float()
    torch.testing.assert_close(upper_of(vae).log_prob(z2), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_copy_reads_its_own_encoder() -> None:
    vae = model()
    twin, z = copy.deepcopy(vae), torch.randn(4, 3)
    before = vae.prior.log_prob(z)
    twin.encoder.get_parameter("blocks.0.dense.bias").add_(1.0)
    assert torch.equal(vae.prior.log_prob(z), before)
    assert not torch.equal(twin.prior.log_prob(z), before)
    wide = copy.deepcopy(vae.prior).double().log_prob(z.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), before, atol=1e-4, rtol=1e-4)


def test_noise_is_mapped_to_the_chain_with_a_normal_prior_alone() -> None:
    vae = model()
    assert not isinstance(vae.prior, NoiseMap)
    with pytest.raises(ConfigError, match="must have a map from noise"):
        noise_to_latents(vae, np.zeros((2, 3), np.float32))
    plain = build_autoencoder(replace(SMALL, prior=ChainPriorOptions()), SHAPE)
    assert isinstance(plain.prior, NoiseMap)


def test_a_posterior_without_variances_is_refused() -> None:
    torch.manual_seed(0)
    vae = build_autoencoder(replace(SMALL, posterior=FlowPosteriorOptions()), SHAPE)
    with pytest.raises(ConfigError, match="needs a posterior with variances, got FlowDistrib"):
        vae.prior.log_prob(torch.zeros(1, 3))
    with pytest.raises(ConfigError, match="prior_components must be 0 or more"):
        ChainPriorOptions(components=-1)
