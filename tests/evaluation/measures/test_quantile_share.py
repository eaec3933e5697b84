"""The share beyond a quantile: every order of few values, a plain bootstrap, simulated nulls."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from reparam.evaluation.measures.quantile_share import share_beyond

from .planted import alarms, fewest_alarms, fewest_held, most_alarms


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=10)
@given(n=st.integers(2, 5), m=st.integers(1, 4), level=st.floats(0.05, 0.9))
def test_expectation_and_p_value_are_those_over_every_order(n: int, m: int, level: float) -> None:
    ranks = np.arange(n + m, dtype=float)
    found = []
    for known in combinations(range(n + m), n):
        asked = np.setdiff1d(np.arange(n + m), known)
        found.append(share_beyond(ranks[list(known)], ranks[asked], level, rng()))
    shares = np.array([each.share for each in found])
    assert shares.mean() == pytest.approx(found[0].expected)
    for each in found:
        assert each.p_value == pytest.approx((shares >= each.share - 1e-12).mean())


def test_a_case_by_hand() -> None:
    known, asked = np.arange(1.0, 11.0), np.array([0.0, 8.0, 8.5, 9.0, 20.0])
    found = share_beyond(known, asked, 0.3, rng())
    assert found.limit == 8  # the third largest of ten
    assert found.share == 3 / 5
    assert found.expected == 3 / 11
    assert share_beyond(known, asked, 0.001, rng()).limit == 10  # at least the largest


def test_the_interval_is_that_of_a_bootstrap_of_both_samples() -> None:
    known, asked = rng(1).normal(size=1000), rng(2).normal(0.8, 1, size=700)
    k, random, shares = 100, rng(3), []
    for _ in range(4000):
        limit = np.sort(random.choice(known, 1000))[-k]
        shares.append((random.choice(asked, 700) > limit).mean())
    ends = [share_beyond(known, asked, 0.1, rng(s)) for s in range(40)]
    low, high = np.quantile(shares, (0.025, 0.975))
    assert np.mean([each.low for each in ends]) == pytest.approx(low, abs=0.004)
    assert np.mean([each.high for each in ends]) == pytest.approx(high, abs=0.004)


@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.0, 4.0])
def test_the_interval_holds_the_share_beyond_the_true_quantile(shift: float) -> None:
    truth, held = norm.sf(norm.ppf(0.95) - shift), 0
    for seed in range(200):
        random = rng(seed)
        known, asked = random.normal(size=400), random.normal(shift, 1, size=300)
        found = share_beyond(known, asked, 0.05, random)
        held += found.low <= truth <= found.high
    assert held >= fewest_held(200, 0.93)  # a percentile bootstrap's level is not exact


@pytest.mark.parametrize("shift", [0.0, 1.0])
@pytest.mark.parametrize(("n", "level"), [(72, 0.05), (110, 0.05), (368, 0.01)])
def test_few_values_beyond_the_quantile_leave_neither_end_too_near(
    n: int, level: float, shift: float
) -> None:
    """A bootstrap of the few largest has too high a lower end: in 8 % in place of 2.5 %."""
    truth, above, below = norm.sf(norm.ppf(1 - level) - shift), 0, 0
    for seed in range(600):
        random = rng(seed)
        found = share_beyond(random.normal(size=n), random.normal(shift, 1, 2000), level, random)
        above += found.low > truth
        below += found.high < truth
    assert 600 - above >= fewest_held(600, 0.975)
    assert 600 - below >= fewest_held(600, 0.975)


def test_none_and_all_leave_a_doubt() -> None:
    known = rng().normal(size=300)
    none, every = (share_beyond(known, known + by, 0.05, rng()) for by in (-50, 50))
    assert (none.share, none.low, none.p_value) == (0, 0, 1)
    assert 0 < none.high < 0.02
    assert (every.share, every.high) == (1, 1)
    assert 0.98 < every.low < 1
    assert every.p_value < 1e-100


def test_one_distribution_raises_an_alarm_one_time_in_twenty() -> None:
    def p(seed: int) -> float:
        random = rng(seed)
        return share_beyond(random.normal(size=900), random.normal(size=700), 0.1, random).p_value

    assert fewest_alarms(300) <= alarms(p, 300) <= most_alarms(300)
