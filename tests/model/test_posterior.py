"""q(z|x): samples, entropy, gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from reparam.model import Delta, DiagonalNormal, Posterior

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


@settings(deadline=None)
@given(seed=seeds)
def test_log_prob_is_torchs(seed):
    q = normal(seed)
    z = q.rsample(generator(seed)) * 2
    theirs = distributions.Normal(q.mu, (q.log_var / 2).exp()).log_prob(z).sum(1)
    torch.testing.assert_close(q.log_prob(z), theirs)


def test_both_are_posteriors():
    assert isinstance(Delta(torch.zeros(1, 2)), Posterior)
    assert isinstance(normal(0), Posterior)


@given(seed=seeds)
def test_the_mean_is_mu(seed):
    q = normal(seed)
    assert torch.equal(q.mean, q.mu)
    assert torch.equal(Delta(q.mu).mean, q.mu)


@given(seed=seeds)
def test_a_point_samples_itself_and_has_no_entropy(seed):
    q = Delta(normal(seed).mu)
    assert torch.equal(q.rsample(generator(seed)), q.mu)
    assert q.entropy() is None


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


@settings(max_examples=15, deadline=None)
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
    theirs = distributions.Normal(q.mu, (q.log_var / 2).exp()).entropy().sum(1)
    torch.testing.assert_close(q.entropy(), theirs, rtol=1e-6, atol=1e-6)


def test_entropy_of_a_float32_posterior_stays_float32():
    q = DiagonalNormal(torch.zeros(2, 3), torch.zeros(2, 3))
    assert q.entropy().dtype == torch.float32
    assert q.entropy()[0].item() == pytest.approx(3 * 1.4189385, rel=1e-6)  # ½ log 2πe each
