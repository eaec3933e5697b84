"""Combinations of p-values, and p-values beyond the highest good score."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import combine_pvalues, expon

from reparam.evaluation.anomaly import COMBINATIONS
from reparam.evaluation.anomaly.combining import (
    AT_ONCE,
    LEAST,
    TAIL,
    members_of,
    names_of,
    statistic,
    statistic_of,
    tail_p_values,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


def p_values(good, scores):
    return tail_p_values(good, torch.from_numpy(scores)).numpy()


def test_formulas():
    p = np.random.default_rng(3).uniform(0.01, 1, (5, 4))
    found = {name: combine(torch.from_numpy(p)).numpy() for name, combine in COMBINATIONS.items()}
    for row, fisher in zip(p, found["fisher"], strict=True):
        assert fisher == pytest.approx(combine_pvalues(row, "fisher").statistic)
    assert found["harmonic-mean"] == pytest.approx(-np.log(4 / (1 / p).sum(1)))
    assert found["min"] == pytest.approx(-np.log(p.min(1)))
    assert found["max"] == pytest.approx(-np.log(p.max(1)))


@pytest.mark.parametrize("name", COMBINATIONS)
@given(st.lists(st.floats(LEAST, 1), min_size=3, max_size=3), st.integers(0, 2), st.floats(0, 1))
def test_a_smaller_p_value_is_no_less_anomalous(name, p, which, share):
    less = list(p)
    less[which] = max(LEAST, p[which] * share)
    before, after = COMBINATIONS[name](torch.tensor([p, less], dtype=torch.float64))
    assert after >= before - 1e-9 * abs(before)


@given(NUMBERS, NUMBERS)
def test_p_falls_as_the_score_rises(good, scores):
    found = p_values(np.array(good), np.sort(np.array(scores)))
    assert (np.diff(found) <= 0).all()
    assert (found > 0).all()
    assert (found <= 1).all()


def test_an_exponential_tail_is_found_far_beyond_the_highest_good_score():
    """log p of 1e-20 to a tenth, where no picture of 20,000 is above 1e-5."""
    good = np.random.default_rng(0).exponential(size=20_000)
    scores = expon.isf([0.5, 0.2, 1e-3, 1e-6, 1e-20])
    found = p_values(good, scores)
    assert np.log(found) == pytest.approx(np.log([0.5, 0.2, 1e-3, 1e-6, 1e-20]), rel=0.1)


def test_below_the_threshold_p_is_the_share_of_good_pictures():
    """The other way round than the module counts: by the ranks of a sorted array."""
    rng = np.random.default_rng(1)
    good, scores = rng.normal(size=60), rng.normal(size=200)
    share = (1 + 60 - np.searchsorted(np.sort(good), scores, side="left")) / 61
    low = scores <= np.sort(good)[53]
    assert p_values(good, scores)[low] == pytest.approx(np.maximum(share, TAIL)[low], rel=1e-12)


def test_scores_without_a_tail_and_infinite_ones():
    assert p_values(np.zeros(9), np.array([-1.0, 0.0, 1.0])).tolist() == [1.0, 1.0, 0.1]
    good = np.append(np.arange(100.0), np.inf)
    assert p_values(good, np.array([np.inf, -np.inf])).tolist() == [LEAST, 1.0]
    assert p_values(np.array([np.inf]), np.array([1.0])).tolist() == [1.0]
    assert p_values(good, np.array([95.0]))[0] < TAIL


def test_what_decides_is_a_column_or_a_combination_of_all():
    few = {"a": np.arange(50.0), "b": np.arange(50.0)[::-1]}
    new = {"a": np.array([3.0, 90.0]), "b": np.array([7.0, 2.0]), "c": np.array([1.0, 2.0])}
    assert statistic("c", {}, new) is new["c"]
    p = np.stack([p_values(few[name], new[name]) for name in few], 1)
    expected = [combine_pvalues(row, "fisher").statistic for row in p]
    assert statistic("fisher", few, new) == pytest.approx(expected)
    assert names_of(["a"]) == ("a",)
    assert names_of(["a", "b"]) == ("a", "b", *COMBINATIONS)
    assert members_of("fisher", ["a", "b"]) == ("a", "b")
    assert members_of("a", ["a", "b"]) == ("a",)


def test_many_pictures_are_combined_in_parts_as_at_once() -> None:
    rng = np.random.default_rng(0)
    few = {name: rng.standard_normal(50) for name in "ab"}
    new = {name: torch.from_numpy(rng.standard_normal(2 * AT_ONCE + 1)) for name in "ab"}
    for name in COMBINATIONS:
        at_once = statistic_of(name, few, new).numpy()
        parts = statistic(name, few, {column: x.numpy() for column, x in new.items()})
        np.testing.assert_array_equal(parts, at_once)
