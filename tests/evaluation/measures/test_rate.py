import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.rate import active_units, rate_decomposition, rates
from reparam.model import DiagonalNormal, GaussianPrior, MixturePrior, Prior, StandardNormal

from .planted import normal

PARTS = ("rate", "mutual_information", "aggregate_kl")


def posteriors(mu: np.ndarray, log_var: np.ndarray) -> DiagonalNormal:
    return DiagonalNormal(torch.from_numpy(mu), torch.from_numpy(log_var))


def channel(
    n: int, d: int, spread: float, noise: float, seed: int = 0
) -> tuple[DiagonalNormal, np.ndarray]:
    """Posteriors of means N(0, spread²) and deviation ``noise``, and a draw from each."""
    mu = np.float32(spread) * normal(n, d, seed)
    log_var = np.full((n, d), 2 * np.log(noise), np.float32)
    return posteriors(mu, log_var), mu + np.float32(noise) * normal(n, d, seed + 1)


def decomposed(q: DiagonalNormal, z: np.ndarray, prior: Prior | None = None) -> dict[str, Measured]:
    return rate_decomposition(q, z, prior or StandardNormal(z.shape[1]))


def mixture(weights: list[float], means: np.ndarray, factors: np.ndarray) -> MixturePrior:
    """A prior without a closed form of the KL."""
    prior = MixturePrior(means.shape[1], len(weights))
    prior.take(torch.tensor(weights), torch.from_numpy(means), torch.from_numpy(factors))
    return prior


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_the_mixture_is_that_of_slow_loops(d: int, n: int, m: int, seed: int) -> None:
    mu, log_var, z = normal(n, d, seed) + 50, normal(n, d, seed + 1) - 6, normal(m, d, seed) + 50
    each = norm.logpdf(z[:, None].astype(float), mu, np.exp(log_var / 2)).sum(2)
    slow = logsumexp(each, 1) - np.log(n)
    q, at = posteriors(mu, log_var).double(), torch.from_numpy(z).double()
    np.testing.assert_allclose(q.mixture_log_prob(at), slow, rtol=1e-6, atol=1e-6)
    if n == m:
        np.testing.assert_allclose(q.log_prob(at), each.diagonal(), rtol=1e-5, atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    q, z = channel(50, 3, 1, 0.3)
    whole = q.mixture_log_prob(torch.from_numpy(z))
    monkeypatch.setattr("reparam.model.posteriors.diagonal_normal.BLOCK", 120)
    np.testing.assert_allclose(q.mixture_log_prob(torch.from_numpy(z)), whole, rtol=1e-12)


def test_posteriors_far_apart_and_very_narrow_stay_finite() -> None:
    found = decomposed(*channel(200, 4, 1e4, 1e-4))
    assert all(np.isfinite(found[part].value or np.nan) for part in PARTS)


@pytest.mark.parametrize(("d", "spread", "noise"), [(1, 0.9, 0.4), (2, 0.8, 0.6), (2, 2.0, 1.0)])
def test_a_gaussian_channel_has_its_closed_forms(d: int, spread: float, noise: float) -> None:
    found = decomposed(*channel(6000, d, spread, noise))
    total = spread**2 + noise**2
    information = d / 2 * np.log(total / noise**2)
    divergence = d / 2 * (total - 1 - np.log(total))
    truth = dict(zip(PARTS, (information + divergence, information, divergence), strict=True))
    for part in PARTS:
        assert found[part].value == pytest.approx(truth[part], abs=0.06), part
        low, high = found[part].low, found[part].high
        assert low is not None
        assert high is not None
        assert low - 0.01 <= truth[part] <= high + 0.01, part  # + the bias of 6,000 posteriors


@settings(max_examples=25)
@given(st.integers(2, 40), st.integers(1, 6), st.floats(-8, 2), st.integers(0, 999))
def test_parts_sum_to_the_rate_and_keep_the_bound(
    n: int, d: int, log_var: float, seed: int
) -> None:
    q, z = channel(n, d, 1.5, float(np.exp(log_var / 2)), seed)
    single = mixture([1.0], np.zeros((1, d)), np.eye(d)[None])
    for prior in (StandardNormal(d), single):
        found = {k: v.value or 0.0 for k, v in decomposed(q, z, prior).items()}
        assert found["mutual_information"] + found["aggregate_kl"] == pytest.approx(
            found["rate"], rel=1e-9, abs=1e-9
        )
        assert found["mutual_information"] <= np.log(n) + 1e-9
    by_dimension = StandardNormal(d).kl_by_dimension(q.double())
    assert by_dimension is not None
    assert by_dimension.mean(0).sum().item() == pytest.approx(decomposed(q, z)["rate"].value)


def test_a_channel_that_tells_all_reads_ln_n_and_says_so() -> None:
    found = decomposed(*channel(300, 3, 1, 1e-5))
    assert found["mutual_information"].value == pytest.approx(np.log(300))
    for part in ("mutual_information", "aggregate_kl"):
        assert "ln N = 5.70" in found[part].note


def test_a_collapsed_encoder_carries_nothing() -> None:
    q = posteriors(np.zeros((400, 3), np.float32), np.zeros((400, 3), np.float32))
    found = decomposed(q, normal(400, 3, 0))
    assert all(found[part].value == pytest.approx(0, abs=1e-9) for part in PARTS)


@pytest.mark.parametrize("closed", [True, False])
def test_another_prior_has_its_own_rate(closed: bool) -> None:
    """A Gaussian prior has a closed form of the KL, a mixture of one Gaussian an estimate."""
    q, z = channel(5000, 2, 3.0, 0.8)
    total = 9 + 0.64
    factor = np.sqrt(total) * np.eye(2)
    fitted: Prior = mixture([1.0], np.zeros((1, 2)), factor[None])
    if closed:
        fitted = GaussianPrior(2)
        torch.nn.init.zeros_(fitted.mean)
        fitted.raw.data = torch.from_numpy(np.log(total) / 2 * np.eye(2)).float()
    found = decomposed(q, z, fitted)
    assert found["rate"].note == ("closed form" if closed else "one draw an image")
    assert found["aggregate_kl"].value == pytest.approx(0, abs=0.05)
    assert found["rate"].value == pytest.approx(np.log(total / 0.64), abs=0.06)
    standard = decomposed(q, z, mixture([1.0], np.zeros((1, 2)), np.eye(2)[None]))
    exact = decomposed(q, z)
    assert standard["rate"].value == pytest.approx(exact["rate"].value, abs=0.15)


def test_the_rate_of_each_image_is_the_closed_form_or_an_estimate_without_bias() -> None:
    q, z = channel(5000, 2, 1.0, 0.5)
    exact = rates(q, z, StandardNormal(2))
    mu, variance = q.mu.double().numpy(), 0.25
    textbook = 0.5 * (np.square(mu) + variance - 1 - np.log(variance)).sum(1)
    np.testing.assert_allclose(exact, textbook, rtol=1e-6)
    estimated = rates(q, z, mixture([1.0], np.zeros((1, 2)), np.eye(2)[None]))
    error = (estimated - exact).std() / np.sqrt(len(z))
    assert abs((estimated - exact).mean()) < 4 * error


def test_active_units_are_counted() -> None:
    mu = normal(4000, 5, 0) * np.array([1.0, 0.5, 0.11, 0.09, 0.0], np.float32) + 3
    found = active_units(mu)
    assert found["active_units"].value == 3
    assert found["active_share"].value == pytest.approx(0.6)
    assert found["active_units"].low is None
    interval = active_units(mu, rng())["active_units"]
    assert interval.low == interval.high == 3
    near = active_units(normal(400, 6, 0) * np.float32(0.1), rng())["active_units"]
    assert near.low is not None
    assert near.value is not None
    assert near.high is not None
    assert near.low < near.high


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 128])
def test_ten_thousand_images_take_seconds(d: int) -> None:
    start = time.process_time()
    decomposed(*channel(10_000, d, 1, 0.5))
    assert time.process_time() - start < 30
