"""Free bits: the paper's formula and its gradient, alone and in the loss of a model."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DiagonalNormal,
    GaussianPriorOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import Elbo, Loss, Phase, free_bits

SMALL = ModelConfig(
    latent_dim=5,
    encoder=ConvolutionalEncoderOptions((6,), (3,), (2,)),
    decoder=ConvolutionalDecoderOptions((), (3,), (2,)),
)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=50)


@quick
@given(seed=seeds, free=st.floats(0, 2))
def test_free_bits_are_the_papers_formula_and_its_gradient(seed, free):
    """Kingma et al. 2016, eq. 15: Σ_j max(λ, mean_x KL_j)."""
    generator = torch.Generator().manual_seed(seed)
    rates = 2 * torch.rand(6, 5, generator=generator, dtype=torch.float64)
    rates.requires_grad_()
    cost = free_bits(rates, rates.detach().mean(0), free).mean()
    published = rates.mean(0).clamp(min=free).sum()
    torch.testing.assert_close(cost, published)
    if cost.requires_grad:
        (gradient,) = torch.autograd.grad(cost, rates)
        spent = rates.detach().mean(0) > free
        torch.testing.assert_close(gradient, spent.double().expand(6, 5) / 6)


def test_without_free_bits_the_cost_is_the_rate():
    rates = torch.rand(4, 3)
    assert torch.equal(free_bits(rates, rates.mean(0), 0.0), rates.sum(1))


def batch(n: int = 4) -> Batch:
    x = torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return Batch(x, None, torch.arange(n))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def test_a_loss_has_them_in_its_objective_and_not_in_its_terms():
    torch.manual_seed(0)
    model = build_autoencoder(SMALL, (8, 8, 1))
    plain = Loss(model, Elbo())(batch(), noise=noise())
    rates = plain.rates
    limit = rates.mean(0).sort().values[2].item()  # the third of five
    free = Loss(model, Elbo(free_bits=limit))(batch(), noise=noise())
    for name, values in plain.terms.items():
        assert torch.equal(free.terms[name], values), name
    cost = free.objective - free.terms["distortion"]
    paid = rates.mean(0) > limit
    assert paid.sum() == 2
    torch.testing.assert_close(cost, rates[:, paid].sum(1) + 3 * limit)
    torch.testing.assert_close(cost.mean(), rates.mean(0).clamp(min=limit).sum())
    weights = torch.autograd.grad(cost.mean(), model.posterior.heads["mu"].weight)[0]
    assert not weights[~paid].any()
    assert weights[paid].any()


def test_the_mean_is_over_the_whole_batch_of_all_processes():
    """``Phase.mean`` gives it: an image's cost is the same in whatever part it lies."""
    torch.manual_seed(0)
    model = build_autoencoder(SMALL, (8, 8, 1))
    loss, whole = Loss(model, Elbo(free_bits=0.02)), batch(6)
    together = loss(whole)
    mean = together.rates.mean(0).detach()
    assert 0 < (mean > 0.02).sum() < 5
    phase = Phase(mean=lambda _values: mean)
    parts = [
        loss(Batch(whole.images[half], None, whole.index[half]), phase)
        for half in (slice(0, 2), slice(2, 6))
    ]
    costs = [part.objective - part.terms["distortion"] for part in parts]
    expected = together.objective - together.terms["distortion"]
    torch.testing.assert_close(torch.cat(costs), expected, rtol=1e-4, atol=1e-4)


def test_they_need_the_rate_of_each_dimension():
    config = replace(SMALL, prior=GaussianPriorOptions())
    with pytest.raises(ConfigError, match="independent dimensions for free_bits, got gaussian"):
        Elbo(free_bits=0.1).check(config)
    Elbo().check(config)
    loss = Loss(build_autoencoder(config, (8, 8, 1)), Elbo(free_bits=0.1))
    with pytest.raises(ConfigError, match=r"rate of each latent dimension .* got prior gaussian"):
        loss(batch())


def test_they_need_a_posterior_with_an_entropy(monkeypatch):
    Elbo(free_bits=0.1).check(SMALL)
    monkeypatch.delattr(DiagonalNormal, "entropies")
    with pytest.raises(ConfigError, match="entropy in closed form for free_bits, got diagonal"):
        Elbo(free_bits=0.1).check(SMALL)
    Elbo().check(SMALL)


@pytest.mark.parametrize("free", [-0.1, float("inf"), float("nan")])
def test_they_are_a_finite_number_of_nats(free):
    with pytest.raises(ConfigError, match=f"free_bits must be 0 or more, got {free}"):
        Elbo(free_bits=free)
