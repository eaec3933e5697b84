import numpy as np
import pytest

from reparam.evaluation.measures.measured import (
    Measured,
    absent,
    bootstrap,
    mean_of,
    mean_with_control,
    share_of,
)

from .planted import fewest_held


def test_the_interval_of_a_mean_is_that_of_the_central_limit_theorem() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    found = mean_of(values)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert found.low is not None
    assert found.high is not None
    assert found.low == pytest.approx(values.mean() - half, abs=0.002 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.002 * half)
    assert found.samples == 4000


def test_intervals_of_a_mean_hold_the_truth_about_nineteen_times_in_twenty() -> None:
    held = 0
    for seed in range(200):
        found = mean_of(np.random.default_rng(seed).normal(0, 1, 300))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 180 <= held <= 199


@pytest.mark.parametrize("n", [3, 10, 30])
def test_few_values_too(n: int) -> None:
    """Student's t is exact for normal values; a bootstrap of ten holds 88 in 100."""
    found = [mean_of(np.random.default_rng(seed).normal(0, 1, n)) for seed in range(400)]
    held = sum(each.low <= 0 <= each.high for each in found)
    assert 365 <= held <= 393


@pytest.mark.parametrize("hits", [0, 1, 7, 40])
def test_the_interval_of_a_share_is_wilsons(hits: int) -> None:
    """The shares q with |hits / n − q| ≤ 1.96 √(q (1 − q) / n)."""
    found = share_of(np.arange(40) < hits, reference=0.5, note="so")
    assert (found.value, found.reference, found.samples, found.note) == (hits / 40, 0.5, 40, "so")
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= hits / 40 <= found.high <= 1
    assert found.high - found.low > 0.05
    for end in (found.low, found.high):
        if 0 < end < 1:
            off = abs(hits / 40 - end)
            assert off == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / 40), rel=1e-5)


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5, 0.99])
def test_intervals_of_a_share_hold_it_about_nineteen_times_in_twenty(share: float) -> None:
    draws = np.random.default_rng(3).uniform(size=(300, 200)) < share
    found = [share_of(row) for row in draws]
    held = [f.low is not None and f.high is not None and f.low <= share <= f.high for f in found]
    assert sum(held) >= fewest_held(300)


def two_samples(rng: np.random.Generator, n: int, m: int, gap: float) -> tuple[np.ndarray, ...]:
    """A costly figure of mean 3, which a cheap one explains but for ``gap``."""
    cheap = rng.normal(0, 10, n + m)
    return cheap[:n] + 3 + rng.normal(0, gap, n), cheap[:n], cheap[n:]


def test_a_control_takes_the_spread_that_the_cheap_figure_explains() -> None:
    """Two-phase sampling: all n + m images' spread for what is explained, n for the rest."""
    values, own, others = two_samples(np.random.default_rng(0), 400, 3600, gap=1.0)
    found = mean_with_control(values, own, others)
    assert found.value == pytest.approx(3, abs=0.8)
    assert found.low is not None
    assert found.high is not None
    error = np.sqrt(1 / 400 + 100 / 4000)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(error, rel=0.1)
    alone = mean_with_control(values, own, others[:0])
    assert alone.value == values.mean()
    assert alone.high is not None
    assert alone.high - values.mean() == pytest.approx(1.96 * 10 / 20, rel=0.1)


@pytest.mark.parametrize(("n", "m"), [(5, 50), (30, 300), (30, 0)])
def test_an_interval_with_a_control_holds_the_truth_about_nineteen_times_in_twenty(
    n: int, m: int
) -> None:
    rng = np.random.default_rng(1)
    found = [mean_with_control(*two_samples(rng, n, m, gap=3.0)) for _ in range(600)]
    held = [f.low is not None and f.high is not None and f.low <= 3 <= f.high for f in found]
    assert 0.92 < np.mean(held) < 0.995  # a little wide for few: two degrees of freedom less


def test_a_control_that_explains_nothing_does_no_harm() -> None:
    rng = np.random.default_rng(2)
    values, own, others = rng.normal(size=200), rng.normal(size=200), rng.normal(size=2000)
    found, alone = (mean_with_control(values, own, x) for x in (others, others[:0]))
    assert found.value == pytest.approx(alone.value, abs=0.02)
    flat = mean_with_control(values, np.ones(200), np.ones(2000))
    assert flat.value == pytest.approx(values.mean())
    few = mean_with_control(values[:2], own[:2], others)
    assert (few.value, few.low, few.high) == (values[:2].mean(), None, None)


def test_bootstrap_draws_with_repetition() -> None:
    shares = bootstrap(
        lambda i: len(set(i.tolist())) / 1000, 1000, np.random.default_rng(0), repeats=20
    )
    assert shares.mean() == pytest.approx(1 - 1 / np.e, abs=0.01)


def test_a_single_value_has_no_interval_and_an_absent_one_says_why() -> None:
    assert mean_of(np.array([2.0])) == Measured(2.0, samples=1)
    assert absent("no labels").note == "no labels"
    assert absent("no labels").value is None
