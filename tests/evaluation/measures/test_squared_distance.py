"""Unbiased squared distances: sums by explicit matrices, variances by simulation, intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.evaluation.measures.measured import QUANTILE
from reparam.evaluation.measures.squared_distance import (
    Across,
    SquaredDistance,
    Within,
    u_statistic,
    unbiased_mmd,
)

from .planted import fewest_held


def linear(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """E x·y of independent points is ‖μ‖², and of two samples MMD² is ‖μ − μ'‖²."""
    return x @ y.T


def pairs(x: np.ndarray) -> Within:
    kernel = linear(x, x)
    np.fill_diagonal(kernel, 0)
    return Within.of(kernel)


def two_samples(x: np.ndarray, y: np.ndarray) -> SquaredDistance:
    return unbiased_mmd(pairs(x), pairs(y), Across.of(linear(x, y)))


def test_a_symmetric_kernel_is_centred_as_szekely_and_rizzo_write_it() -> None:
    x = np.random.default_rng(0).normal(1, 2, (9, 3))
    kernel, n = linear(x, x), 9
    np.fill_diagonal(kernel, 0)
    centred = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                centred[i, j] = kernel[i, j] + kernel.sum() / ((n - 1) * (n - 2))
                centred[i, j] -= (kernel[i].sum() + kernel[:, j].sum()) / (n - 2)
    expected = np.square(centred).sum() / (n * (n - 3))
    assert pairs(x).centred_square == pytest.approx(expected)


def test_a_kernel_across_is_centred_by_rows_and_columns() -> None:
    kernel = np.random.default_rng(1).normal(3, 1, (6, 4))
    centred = kernel - kernel.mean(1, keepdims=True) - kernel.mean(0) + kernel.mean()
    expected = np.square(centred).sum() / (5 * 3)
    assert Across.of(kernel).centred_square == pytest.approx(expected)
    assert Across.of(kernel).mean == pytest.approx(kernel.mean())


def test_the_mean_over_pairs_and_its_first_order_variance_by_loops() -> None:
    x = np.random.default_rng(2).normal(1, 1, (7, 2))
    others = [[x[i] @ x[j] for j in range(7) if j != i] for i in range(7)]
    found = u_statistic(pairs(x))
    assert found.value == pytest.approx(np.mean(others))
    assert found.first == pytest.approx(4 * np.var(np.mean(others, axis=1), ddof=1) / 7)


def test_the_distance_of_two_samples_and_its_first_order_variance_by_loops() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(1, 1, (6, 2)), rng.normal(0, 2, (8, 2))
    found = two_samples(x, y)
    own = [[a @ b for j, b in enumerate(x) if j != i] for i, a in enumerate(x)]
    others = [[a @ b for j, b in enumerate(y) if j != i] for i, a in enumerate(y)]
    across = np.array([[a @ b for b in y] for a in x])
    assert found.value == pytest.approx(np.mean(own) + np.mean(others) - 2 * np.mean(across))
    of_x = np.mean(own, axis=1) - across.mean(1)
    of_y = np.mean(others, axis=1) - across.mean(0)
    expected = 4 * of_x.var(ddof=1) / 6 + 4 * of_y.var(ddof=1) / 8
    assert found.first == pytest.approx(expected)


def simulated(shift: float, n: int, m: int, d: int, trials: int) -> list[list[SquaredDistance]]:
    """Of one sample and of two, at a true distance of ``shift``²."""
    rng = np.random.default_rng(4)
    one, two = [], []
    for _ in range(trials):
        x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        x[:, 0] += shift
        one.append(u_statistic(pairs(x)))
        two.append(two_samples(x, y))
    return [one, two]


def test_at_0_the_variance_is_the_second_order_one() -> None:
    """Of N(0, I) and x·y: 2 d / n (n − 1), and of two samples also 2 d / m (m − 1) + 4 d / n m."""
    n, m, d = 30, 20, 3
    of_one = 2 * d / (n * (n - 1))
    of_two = of_one + 2 * d / (m * (m - 1)) + 4 * d / (n * m)
    for found, truth in zip(simulated(0.0, n, m, d, 1500), (of_one, of_two), strict=True):
        values = np.array([each.value for each in found])
        assert np.mean([each.null for each in found]) == pytest.approx(truth, rel=0.05)
        assert values.var() == pytest.approx(truth, rel=0.2)
        assert values.mean() == pytest.approx(0, abs=4 * np.sqrt(truth / 1500))
        assert np.mean([each.first for each in found]) == pytest.approx(2 * truth, rel=0.1)


def test_far_from_0_the_variance_is_the_first_order_one() -> None:
    """4 μᵀΣμ / n, and as much over m, with 2 · null more by the noise of the influence values."""
    n, m, shift = 100, 50, 3.0
    for found, over in zip(simulated(shift, n, m, 1, 800), (1 / n, 1 / n + 1 / m), strict=True):
        values = np.array([each.value for each in found])
        first = np.mean([each.first - 2 * each.null for each in found])
        assert first == pytest.approx(4 * shift**2 * over, rel=0.05)
        assert values.var() == pytest.approx(4 * shift**2 * over, rel=0.2)
        assert values.mean() == pytest.approx(shift**2, abs=4 * values.std() / np.sqrt(800))


@pytest.mark.parametrize(("d", "level"), [(1, 0.91), (5, 0.94), (20, 0.95)])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.4, 1.0])
def test_intervals_hold_the_truth_at_0_near_0_and_far_from_it(
    shift: float, d: int, level: float
) -> None:
    """In one dimension an estimate is a noncentral χ²(1), which no normal interval fits well."""
    for found in simulated(shift, 100, 80, d, 300):
        held = sum(low <= shift**2 <= high for low, high in (each.interval for each in found))
        assert held >= fewest_held(300, level)


AMOUNTS = st.one_of(st.just(0.0), st.floats(1e-12, 1e6))


@given(value=st.floats(-1e3, 1e3), first=AMOUNTS, null=AMOUNTS)
def test_an_interval_holds_its_value_and_0_where_that_is_not_ruled_out(
    value: float, first: float, null: float
) -> None:
    low, high = SquaredDistance(value, first, null).interval
    rounding = 1e-9 * (abs(value) + high - low)
    assert low <= value + rounding
    assert value <= high + rounding
    if null > 0 and value < 0.999 * QUANTILE * np.sqrt(null):
        assert low <= rounding
        assert high > 0


def test_a_value_far_below_0_is_no_finding() -> None:
    """With the equation alone, −2 s gave [0.04 s, 3.64 s], and −3 s the point 0.84 s."""
    for value in (-2.0, -3.0, -30.0):
        low, high = SquaredDistance(value, first=2.0, null=1.0).interval
        assert low == value
        assert 1 < high < 10


def test_the_interval_solves_its_equation() -> None:
    found = SquaredDistance(1.0, first=0.09, null=0.01)
    c = max((0.09 - 2 * 0.01) / 1.0, 0.09 / 1.3)
    for end in found.interval:
        assert (1 - end) ** 2 == pytest.approx(QUANTILE**2 * (c * end + 0.01))


def test_more_of_the_second_order_is_in_its_equation() -> None:
    found = SquaredDistance(1.0, first=0.09, null=0.01, more=0.25)
    c = max((0.09 - 2 * 0.01) / 1.0, 0.09 / (1 + 3 * np.sqrt(0.0125)))
    for end in found.interval:
        assert (1 - end) ** 2 == pytest.approx(QUANTILE**2 * (c * end + 0.0125))


def test_points_that_are_all_the_same_have_no_width() -> None:
    found = u_statistic(pairs(np.ones((5, 2))))
    assert found.value == 2
    assert found.interval == pytest.approx((2, 2))
