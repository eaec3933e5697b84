"""Conformal p-values: their definition, ranks among equals, and the rate that they give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import combine_pvalues, kstest

from reparam.errors import ConfigError, DataError
from reparam.evaluation.anomaly import COMBINATIONS, check_rate, combined_p_values, pictures_needed
from reparam.evaluation.anomaly.conformal import conformal_p_values, fisher, harmonic

SMALL = st.integers(0, 5).map(float)
"""Scores with many ties."""


def by_definition(good: list[float], score: float) -> float:
    return (1 + sum(g >= score for g in good)) / (len(good) + 1)


@given(st.lists(SMALL, min_size=1, max_size=12), st.lists(SMALL, min_size=1, max_size=5))
def test_p_is_its_definition(good, scores):
    found = conformal_p_values(np.array(good), np.array(scores))
    assert found.tolist() == [by_definition(good, score) for score in scores]


def test_known_answers():
    good = np.arange(1.0, 10.0)
    assert conformal_p_values(good, np.array([100.0, 9.0, 0.0, np.inf, -np.inf])).tolist() == [
        0.1,
        0.2,
        1.0,
        0.1,
        1.0,
    ]


@given(st.lists(SMALL, min_size=2, max_size=10))
def test_no_rate_is_exceeded_over_all_orders_of_exchangeable_scores(values):
    """Each of n + 1 values in turn is the new one: P(p ≤ α) ≤ α for every α, ties or not; without
    ties the p-values are 1/(n+1), ..., 1 exactly.
    """
    everything = np.array(values)
    p = [
        conformal_p_values(np.delete(everything, i), everything[i : i + 1])[0]
        for i in range(len(everything))
    ]
    n = len(everything)
    for k in range(1, n + 1):
        assert np.mean(np.array(p) <= k / n + 1e-12) <= k / n + 1e-12
    if len(set(values)) == n:
        assert sorted(p) == pytest.approx(np.arange(1, n + 1) / n)


@pytest.mark.parametrize("name", COMBINATIONS)
@given(st.lists(st.tuples(SMALL, SMALL), min_size=2, max_size=9))
def test_no_rate_is_exceeded_by_a_combination_either(name, values):
    everything, combine = np.array(values), COMBINATIONS[name]
    p = [
        combined_p_values(np.delete(everything, i, 0), everything[i : i + 1], combine)[0][0]
        for i in range(len(everything))
    ]
    n = len(everything)
    for k in range(1, n + 1):
        assert np.mean(np.array(p) <= k / n + 1e-12) <= k / n + 1e-12


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_is_its_definition(name):
    """The n + 1 pictures put in one array, a picture at a time, ranked the slow way."""
    rng, combine = np.random.default_rng(0), COMBINATIONS[name]
    good, new = rng.integers(0, 9, (30, 3)).astype(float), rng.integers(0, 9, (7, 3)).astype(float)
    found, statistic = combined_p_values(good, new, combine)
    for i, row in enumerate(new):
        among = np.vstack([good, row])
        own = np.stack([[(c >= v).mean() for v in c] for c in among.T], 1)
        combined = np.array([combine(p[None])[0] for p in own])
        assert statistic[i] == pytest.approx(combined[-1])
        assert found[i] == pytest.approx((combined >= combined[-1] - 1e-12).mean())


@pytest.mark.parametrize("name", [*COMBINATIONS, "one"])
@pytest.mark.parametrize("rate", [0.05, 0.01])
def test_the_rate_that_is_asked_is_the_rate_that_is_had(name, rate):
    """Dependent scores of heavy tails, 400 good pictures at a time, 100 times, 100 new ones each.

    A single set of n has a rate of its own, whose deviation is about √(α (1 − α) / n).
    """
    rng, alarms = np.random.default_rng(1), []
    for _ in range(100):
        common = rng.standard_normal((500, 1))
        scores = np.exp(common + 0.5 * rng.standard_normal((500, 3)))
        good, new = scores[:400], scores[400:]
        if name == "one":
            p = conformal_p_values(good[:, 0], new[:, 0])
        else:
            p = combined_p_values(good, new, COMBINATIONS[name])[0]
        alarms.append((p <= rate).mean())
    # (n + 1) α is a whole number for neither, and p has steps of 1/401
    exact = np.floor(401 * rate) / 401
    error = np.std(alarms) / np.sqrt(100)
    low = exact - (0.5 * rate if name in ("min", "max") else 0)  # of few values: ties
    assert low - 4 * error <= np.mean(alarms) <= exact + 4 * error
    assert 0.8 * rate <= np.mean(alarms) <= 1.2 * rate or name in ("min", "max")


def test_p_values_of_continuous_scores_are_uniform():
    """Of one new picture for each set of good ones, as sets are not independent otherwise."""
    rng = np.random.default_rng(2)
    p = []
    for _ in range(2000):
        scores = rng.gumbel(size=100)
        p.append(conformal_p_values(scores[:99], scores[99:])[0])
    jittered = np.array(p) - rng.random(2000) / 100
    assert kstest(jittered, "uniform").pvalue > 0.01


def test_formulas_are_those_of_scipy():
    p = np.random.default_rng(3).uniform(0.01, 1, (5, 4))
    for row, found in zip(p, fisher(p), strict=True):
        assert found == pytest.approx(combine_pvalues(row, "fisher").statistic)
    assert harmonic(p) == pytest.approx(1 / (4 / (1 / p).sum(1)))
    assert COMBINATIONS["min"](p).tolist() == (-p.min(1)).tolist()
    assert COMBINATIONS["max"](p).tolist() == (-p.max(1)).tolist()


@pytest.mark.parametrize(
    ("rate", "needed"), [(0.05, 19), (0.01, 99), (0.001, 999), (0.5, 1), (0.3, 3), (0.9, 1)]
)
def test_how_many_pictures_a_rate_needs(rate, needed):
    """The smallest n with 1/(n + 1) ≤ rate: with it a picture can be called anomalous."""
    assert pictures_needed(rate) == needed
    assert conformal_p_values(np.zeros(needed), np.ones(1))[0] <= rate
    if needed > 1:
        assert conformal_p_values(np.zeros(needed - 1), np.ones(1))[0] > rate
        with pytest.raises(DataError, match=rf"needs {needed} held-out good pictures, got .* Fix:"):
            check_rate(rate, needed - 1)
    check_rate(rate, needed)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_that_is_none(rate):
    with pytest.raises(ConfigError, match="false_alarms must be above 0 and below 1"):
        check_rate(rate, 100)


@given(st.integers(1, 3000))
def test_the_rate_that_is_proposed_is_possible(count):
    """What the message says to raise --false-alarms to is enough."""
    with pytest.raises(DataError) as caught:
        check_rate(0.9 / (count + 1), count)
    proposed = float(str(caught.value).rsplit(" ", 1)[1])
    check_rate(proposed, count)
