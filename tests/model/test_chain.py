"""Two stochastic layers: against joint normal distributions, quadrature, and networks by hand."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import distributions

from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    Chain,
    ChainPosteriorOptions,
    ChainPrior,
    ChainPriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
    posteriors_of,
    rate,
)
from reparam.objective import ImportanceWeighted, Loss, batches

SHAPE = (4, 4, 1)
SMALL = ModelConfig(
    latent_dim=3,
    latent_top=1,
    encoder=MlpEncoderOptions((9,)),
    decoder=MlpDecoderOptions((9,)),
    likelihood=BernoulliLikelihoodOptions(),
    posterior=ChainPosteriorOptions((5,)),
    prior=ChainPriorOptions((5,)),
)
LINEAR = replace(SMALL, posterior=ChainPosteriorOptions(()), prior=ChainPriorOptions(()))


def model(config: ModelConfig = SMALL, seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    built = build_autoencoder(config, SHAPE).eval()
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.startswith(("posterior", "prior")):
                parameter.add_(0.3 * torch.randn(parameter.shape))
    return built


def images(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(1)).round()


def chain_of(vae: Autoencoder, n: int = 4) -> Chain:
    q = vae.infer(images(n))
    assert isinstance(q, Chain)
    return q


def joint(
    lower: tuple[torch.Tensor, torch.Tensor], w: torch.Tensor, b: torch.Tensor, v: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of (y, W y + b + N(0, v)), y normal of this mean and covariance."""
    mean, covariance = lower
    cross = covariance @ w.T
    whole = torch.cat(
        [torch.cat([covariance, cross], 1), torch.cat([cross.T, w @ cross + v.diag()], 1)]
    )
    return torch.cat([mean, w @ mean + b]), whole


@torch.no_grad()
def test_linear_layers_are_joint_normal_distributions() -> None:
    """Log densities, draws, and the mean rate against the closed form of normal distributions."""
    vae = model(LINEAR)
    assert isinstance(vae.prior, ChainPrior)
    for network in (vae.posterior.upper, vae.prior.lower):
        network.log_var.weight.zero_()
    one = chain_of(vae, 1)
    upper, lower = vae.posterior.upper, vae.prior.lower
    q = distributions.MultivariateNormal(
        *joint(
            (one.lower.mu[0], one.lower.variance[0].diag()),
            upper.mean.weight,
            upper.mean.bias,
            upper.log_var.bias.exp(),
        )
    )
    mean, covariance = joint(
        (torch.zeros(1), torch.eye(1)),
        lower.mean.weight,
        lower.mean.bias,
        lower.log_var.bias.exp(),
    )
    swapped = torch.tensor([1, 2, 0])  # joint gives (z2, z1)
    p = distributions.MultivariateNormal(mean[swapped], covariance[swapped][:, swapped])
    z = 2 * torch.randn(50, 3)
    close = {"atol": 1e-3, "rtol": 1e-4}
    torch.testing.assert_close(vae.prior.log_prob(z), p.log_prob(z), **close)
    torch.testing.assert_close(one.repeated(50).log_prob(z), q.log_prob(z), **close)
    n = 40_000
    many = one.repeated(n)
    draws = many.rsample(torch.Generator().manual_seed(0))
    for found, exact in (
        (draws, q),
        (vae.prior.sample(n, torch.Generator().manual_seed(0)), p),
    ):
        error = (exact.variance / n).sqrt()
        assert ((found.mean(0) - exact.mean) / error).abs().max() < 4.5
        scale = exact.stddev[:, None] * exact.stddev
        assert ((found.T.cov() - exact.covariance_matrix) / scale).abs().max() < 0.03
    rates = rate(vae.prior, many, draws)
    exact_kl = distributions.kl_divergence(q, p)
    assert abs(rates.mean() - exact_kl) < 4.5 * rates.std() / math.sqrt(n)


@torch.no_grad()
@pytest.mark.parametrize("which", ["posterior", "prior"])
def test_densities_integrate_to_one(which: str) -> None:
    vae = model(replace(SMALL, latent_dim=2))
    line = torch.linspace(-14, 14, 700)
    points = torch.cartesian_prod(line, line)
    if which == "prior":
        densities = vae.prior.log_prob(points)
    else:
        densities = chain_of(vae, 1).repeated(len(points)).log_prob(points)
    total = densities.double().exp().sum() * (line[1] - line[0]) ** 2
    assert total.item() == pytest.approx(1, abs=1e-3)


@torch.no_grad()
def test_the_mixture_is_that_of_all_pairs() -> None:
    vae = model()
    q, z = chain_of(vae), torch.randn(6, 3)
    each = torch.stack([q.rows(slice(j, j + 1)).repeated(6).log_prob(z) for j in range(4)])
    expected = each.logsumexp(0) - math.log(4)
    torch.testing.assert_close(q.mixture_log_prob(z).float(), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_decoder_reads_the_first_layer_alone() -> None:
    vae = model()
    z = torch.randn(5, 3)
    other = z.clone()
    other[:, 2] += 3
    assert torch.equal(vae.decode(z), vae.decode(other))
    other[:, 1] += 3
    assert not torch.equal(vae.decode(z), vae.decode(other))


@torch.no_grad()
def test_posteriors_of_many_images_keep_the_network() -> None:
    vae = model()
    pixels = (images(7) * 255).byte().permute(0, 2, 3, 1).numpy()
    q, z = posteriors_of(vae, pixels), torch.randn(7, 3)
    direct = vae.infer(images(7))
    torch.testing.assert_close(q.log_prob(z), direct.log_prob(z))
    wide = q.double().log_prob(z.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), direct.log_prob(z), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(q.rows(slice(2, 4)).log_prob(z[2:4]), direct.log_prob(z)[2:4])
    assert q.mean.shape == (7, 3)
    torch.testing.assert_close(q.mean[:, 2:], vae.posterior.upper(q.mean[:, :2])[0])


def test_every_part_learns_and_detached_parameters_do_not() -> None:
    vae = model().train()
    images_at_rest = (images(6) * 255).byte().permute(0, 2, 3, 1).numpy()
    for batch in batches(images_at_rest):
        Loss(vae, ImportanceWeighted(4, "dreg"))(batch).objective.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in vae.parameters())
    assert all(p.grad.abs().max() > 0 for n, p in vae.named_parameters() if "upper" in n)
    q = vae.infer(images(6))
    z = torch.randn(6, 3, requires_grad=True)
    upper = list(vae.posterior.upper.parameters())
    fixed = torch.autograd.grad(q.detached().log_prob(z).sum(), [z, *upper], allow_unused=True)
    assert fixed[0] is not None
    assert all(g is None for g in fixed[1:])


@torch.no_grad()
def test_a_copy_has_a_network_of_its_own() -> None:
    vae = model()
    twin, z = copy.deepcopy(vae), torch.randn(4, 3)
    before = chain_of(vae).log_prob(z)
    twin.posterior.upper.mean.bias.add_(1.0)
    assert torch.equal(chain_of(vae).log_prob(z), before)
    assert not torch.equal(chain_of(twin).log_prob(z), before)


def test_the_second_layer_is_a_third_by_default() -> None:
    assert replace(SMALL, latent_dim=150, latent_top=None).latent((9,)).top == 50
    assert replace(SMALL, latent_top=None).latent((9,)).bottom.dim == 2
    assert ModelConfig().latent((9,)).top == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent_top": 3}, "latent_top must be from 1 to below latent_dim, 3, got 3"),
        ({"latent_top": 0}, "latent_top must be from 1"),
        ({"latent_dim": 1, "latent_top": None}, "below latent_dim, 1"),
        ({"latent_channels": 4}, "two stochastic layers need latents that are rows"),
    ],
)
def test_layers_that_cannot_be(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **change)


def test_one_layer_has_no_top() -> None:
    with pytest.raises(ConfigError, match="latent_top needs a posterior with two"):
        ModelConfig(latent_top=1)
