import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from reparam.evaluation.measures.aggregate import mixture_log_density, normal_log_density
from reparam.evaluation.measures.rate import (
    active_units,
    kl_per_dimension,
    rate_decomposition,
)

from .planted import normal

PARTS = ("rate", "mutual_information", "aggregate_kl")


def channel(
    n: int, d: int, spread: float, noise: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means N(0, spread²), posteriors of deviation ``noise``, and a draw from each."""
    mu = spread * normal(n, d, seed)
    log_var = np.full((n, d), 2 * np.log(noise), np.float32)
    return mu, log_var, mu + noise * normal(n, d, seed + 1)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.integers(0, 999))
def test_the_mixture_is_that_of_slow_loops(d: int, n: int, m: int, seed: int) -> None:
    mu, log_var, z = normal(n, d, seed) + 50, normal(n, d, seed + 1) - 6, normal(m, d, seed) + 50
    each = norm.logpdf(z[:, None].astype(float), mu, np.exp(log_var / 2)).sum(2)
    slow = logsumexp(each, 1) - np.log(n)
    np.testing.assert_allclose(mixture_log_density(z, mu, log_var), slow, rtol=1e-6, atol=1e-6)
    if n == m:
        own = normal_log_density(z, mu, log_var)
        np.testing.assert_allclose(own, each.diagonal(), rtol=1e-5, atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mu, log_var, z = channel(50, 3, 1, 0.3)
    whole = mixture_log_density(z, mu, log_var)
    monkeypatch.setattr("reparam.evaluation.measures.aggregate.BLOCK", 120)
    np.testing.assert_allclose(mixture_log_density(z, mu, log_var), whole, rtol=1e-12)


def test_posteriors_far_apart_and_very_narrow_stay_finite() -> None:
    mu, log_var, z = channel(200, 4, 1e4, 1e-4)
    found = rate_decomposition(mu, log_var, z, rng())
    assert all(np.isfinite(found[part].value or np.nan) for part in PARTS)


@pytest.mark.parametrize(("d", "spread", "noise"), [(1, 0.9, 0.4), (2, 0.8, 0.6), (2, 2.0, 1.0)])
def test_a_gaussian_channel_has_its_closed_forms(d: int, spread: float, noise: float) -> None:
    found = rate_decomposition(*channel(6000, d, spread, noise), rng())
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


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.floats(-8, 2), st.integers(0, 999))
def test_parts_sum_to_the_rate_and_keep_the_bound(
    n: int, d: int, log_var: float, seed: int
) -> None:
    mu, lv, z = channel(n, d, 1.5, float(np.exp(log_var / 2)), seed)

    def standard_normal(at: np.ndarray) -> np.ndarray:
        return norm.logpdf(at).sum(1)

    for prior in (None, standard_normal):
        found = {k: v.value or 0.0 for k, v in rate_decomposition(mu, lv, z, rng(), prior).items()}
        assert found["mutual_information"] + found["aggregate_kl"] == pytest.approx(
            found["rate"], rel=1e-9, abs=1e-9
        )
        assert found["mutual_information"] <= np.log(n) + 1e-9
    assert kl_per_dimension(mu, lv).sum() == pytest.approx(
        rate_decomposition(mu, lv, z, rng())["rate"].value
    )


def test_a_channel_that_tells_all_reads_ln_n_and_says_so() -> None:
    found = rate_decomposition(*channel(300, 3, 1, 1e-5), rng())
    assert found["mutual_information"].value == pytest.approx(np.log(300))
    for part in ("mutual_information", "aggregate_kl"):
        assert "ln N = 5.70" in found[part].note


def test_a_collapsed_encoder_carries_nothing() -> None:
    mu, log_var = np.zeros((400, 3), np.float32), np.zeros((400, 3), np.float32)
    found = rate_decomposition(mu, log_var, normal(400, 3, 0), rng())
    assert all(found[part].value == pytest.approx(0, abs=1e-9) for part in PARTS)


def test_another_prior_has_its_own_rate() -> None:
    mu, log_var, z = channel(5000, 2, 3.0, 0.8)
    total = 9 + 0.64

    def fitted(at: np.ndarray) -> np.ndarray:
        return norm.logpdf(at, 0, np.sqrt(total)).sum(1)

    found = rate_decomposition(mu, log_var, z, rng(), fitted)
    assert found["aggregate_kl"].value == pytest.approx(0, abs=0.05)
    assert found["rate"].value == pytest.approx(np.log(total / 0.64), abs=0.06)
    standard = rate_decomposition(mu, log_var, z, rng(), lambda at: norm.logpdf(at).sum(1))
    closed = rate_decomposition(mu, log_var, z, rng())
    assert standard["rate"].value == pytest.approx(closed["rate"].value, abs=0.15)


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


def test_kl_of_each_dimension_is_the_textbook_one() -> None:
    mu = np.array([[0.5, -1.0]], np.float32)
    log_var = np.log(np.array([[0.25, 4.0]], np.float32))
    closed = [0.5 * (0.25 + 0.25 - 1 - np.log(0.25)), 0.5 * (1 + 4 - 1 - np.log(4))]
    np.testing.assert_allclose(kl_per_dimension(mu, log_var), closed, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 128])
def test_ten_thousand_images_take_seconds(d: int) -> None:
    start = time.process_time()
    rate_decomposition(*channel(10_000, d, 1, 0.5), rng())
    assert time.process_time() - start < 30
