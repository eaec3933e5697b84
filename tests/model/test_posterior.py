"""q(z|x): samples, entropy, gradients, mixtures, and what a distribution of one's own gets."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from reparam.errors import ConfigError
from reparam.model import Delta, DiagonalNormal, Distribution, Noise, uniform

SAMPLES = 40_000
means = st.floats(-5, 5)
log_vars = st.floats(-4, 2)
seeds = st.integers(0, 2**31)


def normal(seed: int, images: int = 4, latent_dim: int = 3) -> DiagonalNormal:
    generator = torch.Generator().manual_seed(seed)
    mu, log_var = torch.randn(2, images, latent_dim, generator=generator, dtype=torch.float64)
    return DiagonalNormal(mu, log_var)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(seed=seeds)
def test_log_prob_is_torchs(seed):
    q = normal(seed)
    z = q.rsample(generator(seed)) * 2
    theirs = distributions.Normal(q.mu, (q.log_var / 2).exp()).log_prob(z).sum(1)
    torch.testing.assert_close(q.log_prob(z), theirs)


def test_both_are_distributions_and_one_is_a_point():
    point, q = Delta(torch.zeros(1, 2)), normal(0)
    assert isinstance(point, Distribution)
    assert isinstance(q, Distribution)
    assert point.is_point
    assert not q.is_point
    assert point.variance is None
    torch.testing.assert_close(q.variance, q.log_var.exp())


@given(seed=seeds)
def test_the_mean_is_mu(seed):
    q = normal(seed)
    assert torch.equal(q.mean, q.mu)
    assert torch.equal(Delta(q.mu).mean, q.mu)


@given(seed=seeds)
def test_a_point_samples_itself_and_has_no_entropy(seed):
    q = Delta(normal(seed).mu)
    assert torch.equal(q.rsample(generator(seed)), q.mu)
    assert q.entropies() is None
    with pytest.raises(ConfigError, match=r"got an AE, .* Fix: take a VAE"):
        q.log_prob(q.mean)


@given(seed=seeds)
def test_the_same_seed_gives_the_same_sample(seed):
    q = normal(0)
    assert torch.equal(q.rsample(generator(seed)), q.rsample(generator(seed)))
    assert not torch.equal(q.rsample(generator(seed)), q.rsample(generator(seed + 1)))


def test_without_a_generator_torchs_global_seed_holds():
    q = normal(0)
    samples = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        samples.append(q.rsample())
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])


@settings(max_examples=15)
@given(mu=means, log_var=log_vars, seed=seeds)
def test_samples_have_the_mean_and_variance_of_the_normal(mu, log_var, seed):
    """Within 6 standard errors: σ/√n of the mean, σ²·√(2/n) of the variance."""
    full = torch.full((SAMPLES, 2), 0.0, dtype=torch.float64)
    z = DiagonalNormal(full + mu, full + log_var).rsample(generator(seed))
    variance = torch.tensor(log_var, dtype=torch.float64).exp()
    assert ((z.mean(0) - mu).abs() < 6 * (variance / SAMPLES).sqrt()).all()
    assert ((z.var(0) - variance).abs() < 6 * variance * (2 / SAMPLES) ** 0.5).all()
    # the two dimensions are independent: their correlation's standard error is 1/√n
    assert torch.corrcoef(z.T)[0, 1].abs() < 6 / SAMPLES**0.5


@given(seed=seeds)
def test_a_sample_is_mu_plus_sigma_epsilon(seed):
    q = normal(seed)
    epsilon = torch.randn(q.mu.shape, generator=generator(seed), dtype=torch.float64)
    torch.testing.assert_close(q.rsample(generator(seed)), q.mu + q.log_var.exp().sqrt() * epsilon)


def test_a_sample_is_differentiable_in_both_parameters():
    """∂z/∂mu = 1 and ∂z/∂log_var = (z − mu) / 2."""
    start = normal(1)
    mu, log_var = start.mu.requires_grad_(), start.log_var.requires_grad_()
    z = DiagonalNormal(mu, log_var).rsample(generator(2))
    z.sum().backward()
    torch.testing.assert_close(mu.grad, torch.ones_like(mu))
    torch.testing.assert_close(log_var.grad, ((z - mu) / 2).detach())


@given(seed=seeds)
def test_entropy_is_torchs(seed):
    q = normal(seed)
    theirs = distributions.Normal(q.mu, (q.log_var / 2).exp()).entropy()
    torch.testing.assert_close(q.entropies(), theirs, rtol=1e-6, atol=1e-6)


def test_entropy_of_a_float32_posterior_stays_float32():
    q = DiagonalNormal(torch.zeros(2, 3), torch.zeros(2, 3))
    assert q.entropies().dtype == torch.float32
    assert q.entropies()[0].tolist() == pytest.approx(3 * [1.4189385], rel=1e-6)  # ½ log 2πe


@dataclass(frozen=True)
class Generic(Distribution):
    """The same normal distribution with what every distribution inherits."""

    mu: torch.Tensor
    log_var: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        return self.mu

    @property
    def variance(self) -> torch.Tensor:
        return self.log_var.exp()

    def rsample(self, noise: Noise = None) -> torch.Tensor:
        return self.mu + (uniform(self.mu.shape, noise, self.mu) - 0.5)

    def entropies(self) -> None:
        return None

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        return DiagonalNormal(self.mu, self.log_var).log_prob(z)


@settings(max_examples=25)
@given(
    seed=seeds,
    images=st.integers(1, 9),
    points=st.integers(1, 12),
    latent_dim=st.integers(1, 4),
    offset=st.sampled_from([0.0, 30.0]),
)
def test_a_mixtures_density_is_the_same_by_pairs_by_products_and_by_torch(
    seed, images, points, latent_dim, offset
):
    q = normal(seed, images, latent_dim)
    q = DiagonalNormal(q.mu + offset, q.log_var)
    z = torch.randn(points, latent_dim, generator=generator(seed), dtype=torch.float64) + offset
    by_products = q.mixture_log_prob(z)
    by_pairs = Generic(q.mu, q.log_var).mixture_log_prob(z)
    theirs = distributions.MixtureSameFamily(
        distributions.Categorical(torch.ones(images, dtype=torch.float64)),
        distributions.Independent(distributions.Normal(q.mu, (q.log_var / 2).exp()), 1),
    ).log_prob(z)
    assert by_pairs.shape == (points,)
    torch.testing.assert_close(by_products, theirs)
    torch.testing.assert_close(by_pairs, theirs)


def test_a_mixtures_density_does_not_depend_on_the_parts_it_is_computed_in(monkeypatch):
    q, z = normal(3, images=7), normal(4, images=50).mu
    whole = [q.mixture_log_prob(z), Generic(q.mu, q.log_var).mixture_log_prob(z)]
    monkeypatch.setattr("reparam.model.posteriors.base.PAIRS", 16)  # 2 points at a time
    monkeypatch.setattr("reparam.model.posteriors.diagonal_normal.BLOCK", 30)
    parts = [q.mixture_log_prob(z), Generic(q.mu, q.log_var).mixture_log_prob(z)]
    torch.testing.assert_close(parts, whole)


def test_a_mixture_of_one_is_the_distribution_itself():
    q = normal(5, images=1)
    z = normal(6, images=8).mu
    torch.testing.assert_close(q.mixture_log_prob(z), q.repeated(8).log_prob(z))


def test_rows_and_repetitions_keep_every_parameter():
    q = normal(7, images=5)
    assert q.names() == ("mu", "log_var")
    assert q.tensors() == {"mu": q.mu, "log_var": q.log_var}
    two = q.rows(slice(1, 3))
    assert torch.equal(two.mu, q.mu[1:3])
    assert torch.equal(two.log_var, q.log_var[1:3])
    assert torch.equal(q.rows(torch.tensor([4, 0])).mu, q.mu[[4, 0]])
    wide = q.repeated(3)
    assert isinstance(wide, DiagonalNormal)
    assert wide.mu.shape == (15, 3)
    # each image's three in a row
    assert torch.equal(wide.mu.view(5, 3, 3), q.mu[:, None].expand(5, 3, 3))
    assert torch.equal(wide.log_var.view(5, 3, 3), q.log_var[:, None].expand(5, 3, 3))
    point = Delta(q.mu).repeated(2)
    assert torch.equal(point.rows(slice(0, 2)).mu, q.mu[[0, 0]])


def test_noise_is_carried_to_where_a_sample_with_it_is():
    q = normal(8)
    epsilon = torch.randn(q.mu.shape, generator=generator(9), dtype=torch.float64)
    assert torch.equal(q.at(epsilon), q.rsample(generator(9)))
    assert torch.equal(q.at(torch.zeros_like(epsilon)), q.mu)
    assert math.isfinite(q.log_prob(q.at(epsilon)).sum().item())
