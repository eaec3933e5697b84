import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from reparam.evaluation.measures.roc import auc


@settings(max_examples=40)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 10_000))
def test_it_is_the_share_of_ordered_pairs(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, n).astype(float), rng.integers(0, 6, m).astype(float)  # with ties
    slow = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    value, low, high = auc(a, b)
    assert value == pytest.approx(slow)
    assert 0 <= low <= value <= high <= 1
    assert auc(b, a)[0] == pytest.approx(1 - slow)


@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0, 2.0])
def test_two_shifted_normals_have_their_closed_form_and_coverage(delta: float) -> None:
    truth, held = norm.cdf(delta / np.sqrt(2)), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        value, low, high = auc(rng.normal(delta, 1, 400), rng.normal(0, 1, 300))
        assert value == pytest.approx(truth, abs=0.1)
        held += low <= truth <= high
    assert held >= 178  # below it with probability 0.0002 at a level of 95 %


def test_scores_that_do_not_overlap_still_leave_doubt() -> None:
    value, low, high = auc(np.arange(100.0) + 200, np.arange(100.0))
    assert (value, high) == (1, 1)
    assert low == pytest.approx(1 - 3 / 100, abs=0.002)  # the rule of three
    assert auc(np.arange(100.0), np.arange(100.0) + 200)[2] == pytest.approx(0.03, abs=0.002)
