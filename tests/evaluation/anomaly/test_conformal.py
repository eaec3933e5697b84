"""Conformal p-values: their definition, ranks among equals, and the rate that they give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from reparam.errors import ConfigError, DataError
from reparam.evaluation.anomaly import (
    COMBINATIONS,
    check_rate,
    conformal_p_values,
    pictures_needed,
    usual_rate,
)
from reparam.evaluation.anomaly.combining import statistic

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


@pytest.mark.parametrize("name", [*COMBINATIONS, "b"])
def test_the_rate_that_is_asked_is_the_rate_that_is_had(name):
    """Three dependent scores of heavy tails, 400 good pictures, 100 new ones, 400 times: 5 % and
    1 % give ⌊401 α⌋ / 401 on average, whatever the reference is that a combination weighs by.
    """
    rng = np.random.default_rng(1)
    alarms: dict[float, list[float]] = {0.05: [], 0.01: []}
    for _ in range(400):
        scores = np.exp(rng.standard_normal((540, 1)) + 0.5 * rng.standard_normal((540, 3)))
        parts = (scores[:40], scores[40:440], scores[440:])
        few, good, new = (dict(zip("abc", part.T, strict=True)) for part in parts)
        p = conformal_p_values(statistic(name, few, good), statistic(name, few, new))
        for rate, found in alarms.items():
            found.append((p <= rate).mean())
    for rate, found in alarms.items():
        error = np.std(found) / np.sqrt(400)
        assert np.mean(found) == pytest.approx(np.floor(401 * rate) / 401, abs=4 * error)
        assert 0.8 * rate <= np.mean(found) <= 1.2 * rate


def test_p_values_of_continuous_scores_are_uniform():
    """Of one new picture for each set of good ones, as sets are not independent otherwise."""
    rng = np.random.default_rng(2)
    p = []
    for _ in range(1000):
        scores = rng.gumbel(size=100)
        p.append(conformal_p_values(scores[:99], scores[99:])[0])
    jittered = np.array(p) - rng.random(1000) / 100
    assert kstest(jittered, "uniform").pvalue > 0.01


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


@given(st.integers(1, 3000))
def test_the_usual_rate_is_one_that_so_many_pictures_can_tell(count):
    """And no higher than it must be: 1 % from 99 pictures on."""
    rate = usual_rate(count)
    check_rate(rate, count)
    assert conformal_p_values(np.zeros(count), np.ones(1))[0] <= rate
    assert rate == (0.01 if count >= 99 else 1 / (count + 1))


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
