import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import psi
from scipy.stats import chi2, kstest

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.moments import (
    _quantile_bound,
    gaussian_kl,
    off_centre,
    radius_99,
)
from reparam.evaluation.measures.squared_distance import Within, u_statistic
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.deciding import gained

from .planted import (
    alarms,
    far_class,
    fewest_alarms,
    fewest_held,
    most_alarms,
    normal,
    scaled,
    shifted,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def plain_kl(z: np.ndarray) -> float:
    """The textbook formula: ½ (tr S + m·m − d − ln det S) / d."""
    z = z.astype(np.float64)
    s, m, d = np.cov(z.T, bias=True).reshape(z.shape[1], -1), z.mean(0), z.shape[1]
    return float(0.5 * (np.trace(s) + m @ m - d - np.log(np.linalg.det(s))) / d)


def centre(z: np.ndarray, _: np.random.Generator) -> Measured:
    """With the arguments of the others."""
    return off_centre(z)


def slow_kl(z: np.ndarray) -> float:
    """Less its bias of normal latents, and of their fourth moments."""
    n, d = z.shape
    bias = 0.5 * sum(np.log(n / 2) - psi((n - j) / 2) for j in range(1, d + 1))
    centred = z.astype(np.float64) - z.astype(np.float64).mean(0)
    inverse = np.linalg.inv(np.cov(centred.T, bias=True).reshape(d, d))
    squares = [(row @ inverse @ row) ** 2 for row in centred]
    return float(plain_kl(z) - (bias + (np.mean(squares) - d * (d + 2)) / (4 * n)) / d)


@settings(max_examples=20)
@given(d=st.integers(1, 6), n=st.integers(20, 60), seed=st.integers(0, 1000))
def test_values_are_the_formulas(d: int, n: int, seed: int) -> None:
    z = 2 * normal(n, d, seed) + 1
    rows = z.astype(np.float64)
    products = [rows[i] @ rows[j] / d for i in range(n) for j in range(n) if i != j]
    assert off_centre(z).value == pytest.approx(np.mean(products), rel=1e-9, abs=1e-12)
    assert gaussian_kl(z, rng()).value == pytest.approx(slow_kl(z), rel=1e-6)
    radii = np.sort(np.linalg.norm(rows, axis=1))
    kth = radii[int(np.ceil(0.99 * n)) - 1] / np.sqrt(chi2.ppf(0.99, d))
    assert radius_99(z, rng()).value == pytest.approx(kth, rel=1e-6)


@pytest.mark.parametrize("d", [3, 200_000])
def test_the_interval_of_the_centre_is_that_of_its_kernel(d: int) -> None:
    """Also where a matrix of d × d numbers would be 320 GB."""
    z = normal(12, d, 0) + 1
    kernel = z.astype(np.float64) @ z.T.astype(np.float64) / d
    np.fill_diagonal(kernel, 0)
    found = off_centre(z)
    assert (found.low, found.high) == pytest.approx(u_statistic(Within.of(kernel)).interval)


def test_kl_of_a_known_gaussian() -> None:
    z = 2 * normal(100_000, 2, 0) + np.float32(0.5)
    closed = 0.5 * (4 + 0.25 - 1 - np.log(4))
    assert gaussian_kl(z, rng()).value == pytest.approx(closed, rel=0.02)
    assert off_centre(z).value == pytest.approx(0.25, rel=0.05)
    assert radius_99(2 * normal(100_000, 16, 1), rng()).value == pytest.approx(2, rel=0.01)


def means(values: list[float | None]) -> tuple[float, float]:
    """Their mean, and four times its standard error."""
    found = np.array(values, np.float64)
    return float(found.mean()), 4 * float(found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize("d", [2, 16, 128])
def test_the_prior_scores_the_reference_on_average(d: int) -> None:
    n = 400
    for measure in (centre, gaussian_kl):
        found = [measure(normal(n, d, s), rng()) for s in range(40)]
        mean, error = means([m.value for m in found])
        assert {m.reference for m in found} == {0}
        assert mean == pytest.approx(0, abs=error)
    mean, error = means([radius_99(normal(n, d, s), rng()).value for s in range(40)])
    assert radius_99(normal(n, d, 0), rng()).reference == pytest.approx(mean, abs=error)


@pytest.mark.parametrize(("d", "n"), [(2, 100), (16, 100), (16, 400)])
def test_few_latents_add_nothing_to_the_centre_and_the_kl(d: int, n: int) -> None:
    """The plain estimates are too high: by more than three standard errors."""
    latents = [1.3 * normal(n, d, s) + np.float32(0.2) for s in range(200)]
    closed = 0.5 * (1.69 + 0.04 - 1 - np.log(1.69))
    for truth, found, plain in (
        (0.04, [off_centre(z).value for z in latents], [np.mean(z.mean(0) ** 2) for z in latents]),
        (closed, [gaussian_kl(z, rng()).value for z in latents], [plain_kl(z) for z in latents]),
    ):
        mean, error = means(found)
        assert mean == pytest.approx(truth, abs=error)
        assert np.mean(plain) > truth + 0.75 * error


def test_latents_that_are_not_normal_add_little_to_the_kl() -> None:
    """Student's t with 12 degrees of freedom and a variance of 1, of independent dimensions."""
    tails = [np.random.default_rng(s).standard_t(12, (200, 4)) / np.sqrt(1.2) for s in range(300)]
    found = [gaussian_kl(z.astype(np.float32), rng()).value for z in tails]
    mean, error = means(found)
    assert mean == pytest.approx(0, abs=error)
    assert np.mean([plain_kl(z) for z in tails]) > 3 * error


@pytest.mark.parametrize("d", [2, 16, 128])
def test_p_values_are_uniform_at_the_prior(d: int) -> None:
    for measure in (centre, gaussian_kl):
        p = [measure(normal(300, d, s), np.random.default_rng(s)).p_value for s in range(60)]
        assert kstest(p, "uniform").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 16, 128])
def test_the_prior_raises_an_alarm_one_time_in_twenty(d: int) -> None:
    for measure in (centre, gaussian_kl, radius_99):

        def p(seed: int, measure: Callable[..., Measured] = measure) -> float | None:
            return measure(normal(2000, d, seed), np.random.default_rng(seed)).p_value

        assert fewest_alarms(200) <= alarms(p, 200) <= most_alarms(200)


def test_few_tests_of_the_radius_raise_an_alarm() -> None:
    def p(seed: int) -> float | None:
        return radius_99(normal(500, 2, seed), rng()).p_value

    assert alarms(p, 100) <= most_alarms(100)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.1, 1.1), (0.5, 2.0)])
@pytest.mark.parametrize("d", [1, 3])
def test_intervals_hold_the_truth_about_nineteen_times_in_twenty(
    d: int, shift: float, scale: float
) -> None:
    """At 0, where an estimate's variance is of the second order, near it, and far from it."""
    truth = {
        centre: shift**2 / d,
        gaussian_kl: 0.5 * (shift**2 + scale**2 - 1 - 2 * np.log(scale)) / d,
    }
    for measure, value in truth.items():
        held = 0
        for seed in range(120):
            z = scaled(400, d, seed, scale)
            z[:, 0] += shift
            found = measure(z, rng())
            assert found.low is not None
            assert found.high is not None
            held += found.low <= value <= found.high
        # in one dimension: see `test_squared_distance`
        assert held >= fewest_held(120, 0.95 if d > 1 else 0.92), measure


def test_the_interval_of_the_radius_holds_as_often_as_it_says_and_not_more() -> None:
    """Whole ranks of 1,000 radii would hold in 97.4 %."""
    repeats, true = 4000, math.sqrt(-2 * math.log(0.01))
    missed = np.zeros(2)
    for seed in range(repeats):
        radii = np.sort(np.random.default_rng(seed).rayleigh(size=1000))  # of N(0, I) in 2-D
        missed += (
            _quantile_bound(radii, 0.99, 0.025) > true,
            _quantile_bound(radii, 0.99, 0.975) < true,
        )
    assert np.abs(missed / repeats - 0.025).max() < 4 * math.sqrt(0.025 * 0.975 / repeats)


def test_the_bound_of_a_median_is_the_known_one() -> None:
    """n = 10: the interpolation of Hettmansperger & Sheather (1986), by hand."""
    ordered = np.arange(1.0, 11.0)
    missed = [math.comb(10, r) / 2**10 for r in range(11)]
    wanted = (0.025 - sum(missed[:2])) / missed[2]
    share = (10 - 2) * wanted / (2 + (10 - 2 * 2) * wanted)
    assert _quantile_bound(ordered, 0.5, 0.025) == pytest.approx(2 + share)
    assert _quantile_bound(ordered, 0.5, 0.975) == pytest.approx(9 - share)


def test_faults_are_caught_and_grow_with_their_size() -> None:
    for d in (2, 16, 128):
        for measure, fault, sizes in (
            (centre, shifted, (0.3, 0.6, 1.2)),
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
    assert off_centre(normal(1, 3, 0)).low is None


def test_few_latents_have_no_interval_of_the_radius() -> None:
    """One that ends at the largest radius decided what nobody knows."""
    for n, bounded in ((12, False), (367, False), (368, True), (1000, True)):
        found = radius_99(normal(n, 2, 0), rng())
        assert found.value is not None
        assert found.p_value is not None
        assert ((found.low, found.high) != (None, None)) == bounded
        assert found.note == ("" if bounded else "an interval needs at least 368 latents")
    few = [radius_99(normal(12, 2, seed), rng()) for seed in (0, 1)]
    assert gained(*few, MEASURES["radius_99"]) is None


def test_a_seed_repeats_everything() -> None:
    z = normal(200, 4, 0)
    for measure in (gaussian_kl, radius_99):
        first, second = (measure(z, rng()) for _ in range(2))
        assert isinstance(first, Measured)
        assert first == second


def test_no_covariance_is_fitted_in_very_many_dimensions() -> None:
    found = gaussian_kl(normal(600, 513, 0), rng())
    assert found.value is None
    assert "up to 512 latent dimensions, this model has 513" in found.note
