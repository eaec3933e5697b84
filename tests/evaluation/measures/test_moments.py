from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.moments import gaussian_kl, off_centre, radius_99

from .planted import (
    alarms,
    far_class,
    fewest_alarms,
    most_alarms,
    normal,
    scaled,
    shifted,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def slow_kl(z: np.ndarray) -> float:
    """The textbook formula: ½ (tr S + m·m − d − ln det S) / d."""
    z = z.astype(np.float64)
    s, m, d = np.cov(z.T, bias=True).reshape(z.shape[1], -1), z.mean(0), z.shape[1]
    return float(0.5 * (np.trace(s) + m @ m - d - np.log(np.linalg.det(s))) / d)


@settings(max_examples=20, deadline=None)
@given(d=st.integers(1, 6), n=st.integers(20, 60), seed=st.integers(0, 1000))
def test_values_are_the_formulas(d: int, n: int, seed: int) -> None:
    z = 2 * normal(n, d, seed) + 1
    assert off_centre(z, rng()).value == pytest.approx(
        np.square(z.astype(float).mean(0)).sum() / d, rel=1e-9
    )
    assert gaussian_kl(z, rng()).value == pytest.approx(slow_kl(z), rel=1e-6)
    radii = np.sort(np.linalg.norm(z.astype(float), axis=1))
    kth = radii[int(np.ceil(0.99 * n)) - 1] / np.sqrt(chi2.ppf(0.99, d))
    assert radius_99(z, rng()).value == pytest.approx(kth, rel=1e-6)


def test_kl_of_a_known_gaussian() -> None:
    z = 2 * normal(100_000, 2, 0) + np.float32(0.5)
    closed = 0.5 * (4 + 0.25 - 1 - np.log(4))
    assert gaussian_kl(z, rng()).value == pytest.approx(closed, rel=0.02)
    assert off_centre(z, rng()).value == pytest.approx(0.25, rel=0.05)
    assert radius_99(2 * normal(100_000, 16, 1), rng()).value == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("d", [2, 16, 128])
def test_references_are_those_of_samples_of_the_prior(d: int) -> None:
    n = 400
    found = [[f(normal(n, d, s), rng()) for s in range(40)] for f in (off_centre, gaussian_kl)]
    for family in found:
        values = np.array([m.value for m in family])
        error = values.std() / np.sqrt(40)
        assert family[0].reference == pytest.approx(values.mean(), abs=4 * error)
    radii = np.array([radius_99(normal(n, d, s), rng()).value for s in range(40)])
    reference = radius_99(normal(n, d, 0), rng()).reference
    assert reference == pytest.approx(radii.mean(), abs=4 * radii.std() / np.sqrt(40))


@pytest.mark.parametrize("d", [2, 16, 128])
def test_p_values_are_uniform_at_the_prior(d: int) -> None:
    for measure in (off_centre, gaussian_kl):
        p = [measure(normal(300, d, s), np.random.default_rng(s)).p_value for s in range(60)]
        assert kstest(p, "uniform").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 16, 128])
def test_the_prior_raises_an_alarm_one_time_in_twenty(d: int) -> None:
    for measure in (off_centre, gaussian_kl, radius_99):

        def p(seed: int, measure: Callable[..., Measured] = measure) -> float | None:
            return measure(normal(2000, d, seed), np.random.default_rng(seed)).p_value

        assert fewest_alarms(200) <= alarms(p, 200) <= most_alarms(200)


def test_few_tests_of_the_radius_raise_an_alarm() -> None:
    def p(seed: int) -> float | None:
        return radius_99(normal(500, 2, seed), rng()).p_value

    assert alarms(p, 100) <= most_alarms(100)


@pytest.mark.parametrize("d", [1, 3])
def test_intervals_hold_the_truth_about_nineteen_times_in_twenty(d: int) -> None:
    n, trials = 800, 120
    truth = {
        off_centre: 0.25 / d,
        gaussian_kl: 0.5 * (0.25 + 4 - 1 - np.log(4)) / d,
    }
    for measure, value in truth.items():
        held = 0
        for seed in range(trials):
            z = shifted(n, d, seed, 0.0)
            z[:, 0] = 2 * z[:, 0] + 0.5
            found = measure(z, np.random.default_rng(seed))
            assert found.low is not None
            assert found.high is not None
            bias = found.reference if measure is gaussian_kl else 4 / n / d
            held += found.low <= value + bias <= found.high
        assert held >= 105  # below it with probability 0.0005 at a level of 95 %


def test_the_interval_of_the_radius_is_exact() -> None:
    held = 0
    for seed in range(200):
        found = radius_99(normal(1000, 2, seed), np.random.default_rng(seed))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1 <= found.high
    assert held >= 180


def test_faults_are_caught_and_grow_with_their_size() -> None:
    for d in (2, 16, 128):
        for measure, fault, sizes in (
            (off_centre, shifted, (0.3, 0.6, 1.2)),
            (gaussian_kl, scaled, (1.3, 1.7, 2.5)),
            (gaussian_kl, scaled, (0.7, 0.5, 0.2)),
            (gaussian_kl, shifted, (0.5, 1.0, 2.0)),
            (radius_99, far_class, (3.0, 5.0, 20.0)),
        ):
            found = [measure(fault(2000, d, 3, size), rng()) for size in (*sizes,)]
            values = [m.value for m in found]
            assert values == sorted(values), (measure, fault, d)
            assert found[1].p_value is not None
            assert found[1].p_value < 0.01, (measure, fault, d)
            assert found[2].p_value is not None
            assert found[2].p_value < 0.002


def test_what_has_no_gaussian_says_so() -> None:
    few = gaussian_kl(normal(5, 8, 0), rng())
    assert few.value is None
    assert "more than 8" in few.note
    flat = np.repeat(normal(50, 1, 0), 2, axis=1)
    assert gaussian_kl(flat, rng()).value is None
    assert off_centre(normal(1, 3, 0), rng()).low is None


def test_few_latents_have_no_upper_end_of_the_radius() -> None:
    found = radius_99(normal(100, 2, 0), rng())
    assert "too few" in found.note
    assert found.value is not None
    assert found.high is not None
    assert found.high >= found.value
    assert radius_99(normal(1000, 2, 0), rng()).note == ""


def test_a_seed_repeats_everything() -> None:
    z = normal(200, 4, 0)
    for measure in (off_centre, gaussian_kl, radius_99):
        first, second = (measure(z, rng()) for _ in range(2))
        assert isinstance(first, Measured)
        assert first == second


def test_no_covariance_is_fitted_in_very_many_dimensions() -> None:
    found = gaussian_kl(normal(600, 513, 0), rng())
    assert found.value is None
    assert "up to 512 latent dimensions, this model has 513" in found.note
