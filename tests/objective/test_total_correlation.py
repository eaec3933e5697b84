"""The total-correlation term: against a double loop, and closed forms of normal aggregates."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from reparam.errors import ConfigError
from reparam.model import Delta, DeltaOptions, DiagonalNormal, ModelConfig
from reparam.objective import InputConfig, TotalCorrelationOptions, total_correlation
from reparam.registry import Registry

seeds = st.integers(0, 2**31)
quick = settings(max_examples=15)


def posteriors(n: int, d: int, seed: int) -> tuple[DiagonalNormal, torch.Tensor]:
    noise = torch.Generator().manual_seed(seed)
    mu, log_var = torch.randn(2, n, d, generator=noise)
    q = DiagonalNormal(mu, log_var - 1)
    return q, q.rsample(noise)


def double_loop(q: DiagonalNormal, z: torch.Tensor) -> list[float]:
    """log 1/M Σ_k Π_j q(z_ij|x_k) − Σ_j log 1/M Σ_k q(z_ij|x_k), by SciPy."""
    mu, std, at = (t.double().numpy() for t in (q.mu, torch.exp(q.log_var / 2), z))
    found = []
    for point in at:
        densities = np.array(
            [[norm.pdf(point[j], m[j], s[j]) for j in range(len(m))]
             for m, s in zip(mu, std, strict=True)]
        )  # fmt: skip
        found.append(np.log(densities.prod(1).mean()) - np.log(densities.mean(0)).sum())
    return found


@quick
@given(seed=seeds, n=st.integers(1, 8), d=st.integers(1, 4))
def test_it_is_the_double_loop(seed: int, n: int, d: int) -> None:
    q, z = posteriors(n, d, seed)
    expected = double_loop(q, z)
    assert total_correlation(q, z).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-4)


@quick
@given(seed=seeds, n=st.integers(1, 8), d=st.integers(1, 4))
def test_with_the_papers_normaliser_it_differs_by_a_constant(seed: int, n: int, d: int) -> None:
    """1/(NM) of eq. S5 in place of 1/M."""
    q, z = posteriors(n, d, seed)
    each = torch.stack([torch.distributions.Normal(q.mu, torch.exp(q.log_var / 2)).log_prob(one)
                        for one in z])  # fmt: skip
    data = 1000
    joint = each.sum(2).logsumexp(1) - math.log(data * n)
    marginals = each.logsumexp(1) - math.log(data * n)
    paper = joint - marginals.sum(1)
    ours = total_correlation(q, z) + (d - 1) * math.log(data)
    torch.testing.assert_close(ours, paper, atol=1e-3, rtol=1e-4)


def estimate(covariance: torch.Tensor, variance: float, n: int, seed: int = 0) -> float:
    """Of posteriors N(μ, variance · I) whose means are drawn from N(0, covariance)."""
    noise = torch.Generator().manual_seed(seed)
    mu = torch.randn(n, len(covariance), generator=noise) @ torch.linalg.cholesky(covariance).T
    q = DiagonalNormal(mu, torch.full_like(mu, math.log(variance)))
    return total_correlation(q, q.rsample(noise)).mean().item()


def closed_form(covariance: torch.Tensor) -> float:
    """−½ log det of the correlations."""
    std = covariance.diagonal().sqrt()
    return -0.5 * torch.logdet(covariance / (std[:, None] * std)).item()


@torch.no_grad()
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_a_normal_aggregate_has_its_closed_form(correlation: float) -> None:
    """0 where dimensions are independent, as the batch grows; with narrow posteriors."""
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]])
    variance = 0.02
    exact = closed_form(covariance + variance * torch.eye(2))
    few, many = (estimate(covariance, variance, n) for n in (100, 3000))
    assert many == pytest.approx(exact, abs=0.06)
    assert abs(many - exact) < abs(few - exact)


def test_narrow_posteriors_far_apart_have_the_largest_value() -> None:
    q, _ = posteriors(50, 4, 1)
    apart = DiagonalNormal(1e3 * torch.arange(50.0)[:, None] + q.mu, q.log_var)
    found = total_correlation(apart, apart.mu)
    torch.testing.assert_close(found, torch.full((50,), 3 * math.log(50)), atol=1e-2, rtol=0)


def test_one_image_has_0_and_gradients_are_finite() -> None:
    alone, z = posteriors(1, 3, 0)
    assert total_correlation(alone, z).item() == pytest.approx(0, abs=1e-5)
    mu = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    q = DiagonalNormal(mu, torch.full((6, 3), -30.0))  # tiny variances
    total_correlation(q, q.rsample()).mean().backward()
    assert mu.grad.isfinite().all()


@quick
@given(seed=seeds, n=st.integers(1, 8), d=st.integers(1, 4))
def test_densities_of_dimensions_add_up(seed: int, n: int, d: int) -> None:
    q, z = posteriors(n, d, seed)
    torch.testing.assert_close(q.log_prob_by_dimension(z).sum(1), q.log_prob(z))
    one = posteriors(n, 1, seed)
    torch.testing.assert_close(
        one[0].mixture_log_prob_by_dimension(one[1])[:, 0].double(),
        one[0].mixture_log_prob(one[1]),
        atol=1e-5,
        rtol=1e-4,
    )


def test_a_posterior_without_them_is_refused() -> None:
    assert isinstance(TotalCorrelationOptions.registry, Registry)
    point = ModelConfig(posterior=DeltaOptions())
    with pytest.raises(ConfigError, match="posterior must have a density of each dimension"):
        TotalCorrelationOptions().check(point, InputConfig())
    z = torch.zeros(2, 3)
    with pytest.raises(ConfigError, match="independent dimensions, got Delta"):
        Delta(z).mixture_log_prob_by_dimension(z)
