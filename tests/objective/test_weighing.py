"""How σ² moves: the formulas against calculus, and what their rests are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from reparam.model import GaussianLikelihood
from reparam.objective import free_bits
from reparam.objective.weighing import constraint, holding_mse, holding_rate, optimal_variance

errors = st.floats(1e-4, 0.5)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=50, deadline=None)


def pictures(seed: int, n: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.rand(2, n, 1, 5, 7, generator=generator, dtype=torch.float64)
    return x, y


@quick
@given(seed=seeds)
def test_the_mean_squared_error_is_the_likeliest_variance(seed):
    """For fixed decodings −log p(x|z) is least in σ² at σ² = MSE: found by search."""
    x, y = pictures(seed)

    def minus_log_p(log_variance: float) -> float:
        likelihood = GaussianLikelihood(1.0).double()
        likelihood.variance.fill_(math.exp(log_variance))
        return -likelihood(y).log_prob(x).mean().item()

    found = minimize_scalar(minus_log_p, bounds=(-12, 3), method="bounded", options={"xatol": 1e-8})
    mse = (x - y).square().mean().item()
    assert math.exp(found.x) == pytest.approx(mse, rel=1e-4)
    rest = optimal_variance(torch.tensor(mse), torch.tensor(mse))
    assert rest.item() == pytest.approx(mse, rel=1e-6)


@quick
@given(seed=seeds)
def test_with_the_batchs_own_error_the_gradient_is_that_of_its_logarithm(seed):
    """Rybkin et al. 2021: the optimal σ-VAE has the distortion D/2 · ln MSE."""
    x, y = pictures(seed)
    dimensions = x[0].numel()
    y.requires_grad_()
    likelihood = GaussianLikelihood(1.0).double()
    likelihood.variance.copy_((x - y).detach().square().mean())
    (auto,) = torch.autograd.grad(likelihood(y).distortion(x).mean(), y)
    mse = (x - y).square().mean()
    (published,) = torch.autograd.grad(dimensions / 2 * mse.log(), y)
    torch.testing.assert_close(auto, published)


@quick
@given(mse=errors, start=errors)
def test_the_running_estimate_comes_to_the_error(mse, start):
    variance = torch.tensor(start, dtype=torch.float64)
    for _ in range(400):
        variance = optimal_variance(variance, torch.tensor(mse, dtype=torch.float64))
    assert variance.item() == pytest.approx(mse, rel=1e-5)


def test_the_running_estimate_has_no_gradient():
    mse = torch.tensor(0.1, requires_grad=True)
    assert not optimal_variance(torch.tensor(0.2), mse).requires_grad
    assert not constraint(torch.tensor(0.0), mse, 0.2).requires_grad


@quick
@given(target=errors, share=st.floats(1.01, 100))
def test_a_target_moves_the_weight_the_right_way_and_rests_where_it_is_met(target, share):
    start, rest = torch.tensor(0.3), torch.tensor(0.0)
    above, below, at = (
        constraint(rest, torch.tensor(target * factor), target) for factor in (share, 1 / share, 1)
    )
    # An error above its target weighs more: a smaller σ². A rate above: a larger one.
    assert holding_mse(start, above) < start < holding_mse(start, below)
    assert holding_rate(start, below) < start < holding_rate(start, above)
    assert holding_mse(start, at).item() == pytest.approx(0.3)
    assert -1 <= below <= above <= 1


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
