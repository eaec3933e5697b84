import numpy as np
import pytest

from reparam.evaluation.measures.measured import (
    Measured,
    absent,
    bootstrap,
    centred_interval,
    mean_of,
    percentile_interval,
)


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    found = mean_of(values, np.random.default_rng(1))
    half = 1.96 * values.std() / np.sqrt(4000)
    assert found.low is not None
    assert found.high is not None
    assert found.low == pytest.approx(values.mean() - half, abs=0.35 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.35 * half)
    assert found.samples == 4000


def test_intervals_of_a_mean_hold_the_truth_about_nineteen_times_in_twenty() -> None:
    held = 0
    for seed in range(200):
        found = mean_of(np.random.default_rng(seed).normal(0, 1, 300), np.random.default_rng(seed))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 199


def test_a_centred_interval_holds_its_value_however_biased_the_replicates_are() -> None:
    replicates = np.random.default_rng(0).normal(10, 1, 500)
    low, high = centred_interval(2.0, replicates)
    assert low < 2 < high
    assert high - low == pytest.approx(np.subtract(*percentile_interval(replicates)[::-1]))


def test_a_seed_gives_the_same_interval() -> None:
    values = np.arange(50.0)
    first, second = (mean_of(values, np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_bootstrap_draws_with_repetition() -> None:
    shares = bootstrap(
        lambda i: len(set(i.tolist())) / 1000, 1000, np.random.default_rng(0), repeats=20
    )
    assert shares.mean() == pytest.approx(1 - 1 / np.e, abs=0.01)


def test_a_single_value_has_no_interval_and_an_absent_one_says_why() -> None:
    assert mean_of(np.array([2.0]), np.random.default_rng(0)) == Measured(2.0, samples=1)
    assert absent("no labels").note == "no labels"
    assert absent("no labels").value is None
