"""How σ² moves: the formulas against calculus, and what their rests are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from reparam.model import GaussianLikelihood
from reparam.model.likelihoods.search import (
    HIGHEST,
    LOWEST,
    constraint,
    holding_mse,
    holding_rate,
    optimal_variance,
)

errors = st.floats(1e-4, 0.5)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=50)


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
        likelihood = GaussianLikelihood(35).double()
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
    likelihood = GaussianLikelihood(35).double()
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


SEARCHES = ("auto", "target_mse", "target_rate")


def searching(search: str, target: float = 0.0, dimensions: int = 10) -> GaussianLikelihood:
    return GaussianLikelihood(dimensions, 1.0, search, target)


def means(squared_error: float, rate: float = 0.0) -> dict[str, torch.Tensor]:
    """Of a batch: Σ over pixels, and nats."""
    return {"squared_error": torch.tensor(squared_error), "rate": torch.tensor(rate)}


@quick
@given(mse=errors, start=errors, rate=st.floats(0.1, 50), target=errors)
def test_a_step_moves_the_variance_as_the_formulas_say(mse, start, rate, target):
    of = means(10 * mse, rate)
    for search in SEARCHES:
        likelihood = searching(search, target)
        likelihood.init_scale(start)
        assert likelihood.variance.item() == pytest.approx(max(start, LOWEST), rel=1e-6)
        before = likelihood.variance.clone()
        likelihood.after_step(of)
        none = torch.tensor(0.0)
        expected = {
            "auto": optimal_variance(before, torch.tensor(mse)),
            "target_mse": holding_mse(before, constraint(none, torch.tensor(mse), target)),
            "target_rate": holding_rate(before, constraint(none, torch.tensor(rate), target)),
        }[search]
        torch.testing.assert_close(likelihood.variance, expected)
        assert likelihood.adapts
        assert likelihood.weight.variance == pytest.approx(expected.item(), rel=1e-6)


def test_the_variance_stays_within_what_means_anything():
    for search, low, high in (
        ("auto", means(0.0), means(1e9)),
        ("target_mse", means(1e-9), means(1e-9)),
        ("target_rate", means(1.0, 1e-9), means(1.0, 1e9)),
    ):
        likelihood = searching(search, 1.0)
        for _ in range(700):
            likelihood.after_step(low)
        assert LOWEST <= likelihood.variance.item() <= HIGHEST
        for _ in range(1000):
            likelihood.after_step(high)
        assert LOWEST <= likelihood.variance.item() <= HIGHEST
    likelihood = searching("auto")
    likelihood.init_scale(0.0)
    assert likelihood.variance.item() == pytest.approx(LOWEST)


@pytest.mark.parametrize("variance", [1e-9, 0.3, 1e9])
def test_a_variance_that_is_given_stays(variance):
    likelihood = GaussianLikelihood(10, variance)
    before = likelihood.variance.clone()
    likelihood.init_scale(0.5)
    likelihood.after_step(means(3.0, 4.0))
    assert torch.equal(likelihood.variance, before)
    assert not likelihood.adapts
    assert not likelihood.calibrates
    assert "average" not in likelihood.state_dict()


def test_only_auto_is_calibrated_by_the_training_images():
    likelihood = searching("auto")
    assert likelihood.calibrates
    likelihood.calibrate({"squared_error": 2.5})
    assert likelihood.variance.item() == 0.25
    assert not searching("target_mse", 1.0).calibrates


@pytest.mark.parametrize("search", ["target_mse", "target_rate"])
def test_the_moving_average_is_kept_with_the_weights(search):
    likelihood, other = searching(search, 0.2), searching(search, 0.2)
    for _ in range(5):
        likelihood.after_step(means(1.0, 3.0))
    other.load_state_dict(likelihood.state_dict())
    for one in (likelihood, other):
        one.after_step(means(1.5, 2.0))
    assert torch.equal(likelihood.variance, other.variance)
