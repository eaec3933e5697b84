"""Fréchet and kernel distance: closed forms, second implementations, and cases of known answer."""

import warnings
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import sqrtm
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from reparam.evaluation.measures import fidelity
from reparam.evaluation.measures.fidelity import (
    HALVINGS,
    _null_variance,
    _potential,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
    moments,
)
from reparam.evaluation.measures.squared_distance import Across, Within, unbiased_mmd

from .planted import fewest_held


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


VECTORS = arrays(np.float64, 4, elements=st.floats(-5, 5))
VARIANCES = arrays(np.float64, 4, elements=st.floats(0, 9))


@given(a=VECTORS, b=VECTORS, s=VARIANCES, t=VARIANCES)
def test_gaussians_with_independent_dimensions_have_a_closed_form(
    a: np.ndarray, b: np.ndarray, s: np.ndarray, t: np.ndarray
) -> None:
    """‖a − b‖² + Σ (√s − √t)²."""
    expected = np.square(a - b).sum() + np.square(np.sqrt(s) - np.sqrt(t)).sum()
    found = gaussian_distance((a, np.diag(s)), (b, np.diag(t)))
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_trace_of_the_root_agrees_with_scipys_matrix_root() -> None:
    x, y = rng().normal(size=(50, 8)), rng(1).normal(size=(60, 8)) @ rng(2).normal(size=(8, 8))
    (m, s), (n, t) = moments(x), moments(y)
    expected = np.square(m - n).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert gaussian_distance((m, s), (n, t)) == pytest.approx(expected, rel=1e-9)


class Flat(nn.Module):
    """The image itself as features, for torchmetrics."""

    num_features = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :16].double()


def test_frechet_distance_agrees_with_torchmetrics() -> None:
    real, fake = rng().normal(size=(300, 16)), rng(1).normal(0.3, 1.4, size=(200, 16))
    metric = FrechetInceptionDistance(feature=Flat(), input_img_size=(1, 4, 4)).set_dtype(
        torch.float64
    )
    for x, is_real in ((real, True), (fake, False)):
        metric.update(torch.from_numpy(x).view(-1, 1, 4, 4), real=is_real)
    found = gaussian_distance(moments(real), moments(fake))
    assert found == pytest.approx(metric.compute().item(), rel=1e-6)


def test_moments_are_numpys() -> None:
    x = rng().normal(size=(20, 3))
    mean, covariance = moments(x)
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(covariance, np.cov(x.T))


def test_it_is_twice_the_whole_less_the_halves() -> None:
    """Over every way to halve 8 images of either: the mean over random ways is about that."""
    real, fake = rng().normal(size=(8, 2)), rng(1).normal(1, 2, size=(8, 2))

    def halves(x: np.ndarray) -> list[np.ndarray]:
        return [x[list(chosen)] for chosen in combinations(range(8), 4)]

    between = np.mean(
        [gaussian_distance(moments(a), moments(b)) for a, b in product(halves(real), halves(fake))]
    )
    expected = 2 * gaussian_distance(moments(real), moments(fake)) - between
    values = np.array([frechet_distance(real, fake, rng=rng(s)).value for s in range(60)])
    assert values.mean() == pytest.approx(expected, abs=5 * values.std() / np.sqrt(60))


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_few_images_add_nothing_to_the_frechet_distance(scale: float) -> None:
    """N(0, I) against N(0, s² I) in 16 dimensions: 16 (1 − s)², of 500 images within its error."""
    truth, found, plain = 16 * (1 - scale) ** 2, [], []
    for seed in range(40):
        real, fake = rng(seed).normal(size=(2, 500, 16))
        fake *= scale
        found.append(frechet_distance(real, fake, rng=rng(seed)).value)
        plain.append(gaussian_distance(moments(real), moments(fake)))
    values = np.array(found, np.float64)
    error = values.std() / np.sqrt(40)
    assert values.mean() == pytest.approx(truth, abs=4 * error)
    assert np.mean(plain) > truth + 8 * error


def test_its_variance_of_one_distribution_is_the_second_order_one() -> None:
    deviations = np.array([1.0, 0.5, 2.0])
    plain = [
        gaussian_distance(*(moments(deviations * x) for x in rng(s).normal(size=(2, 400, 3))))
        for s in range(1500)
    ]
    found = _null_variance(np.diag(deviations**2), 400, 400)
    assert found == pytest.approx(np.var(plain), rel=0.15)


def test_the_extrapolation_adds_the_variance_of_its_halves() -> None:
    deviations = np.array([1.0, 0.5, 2.0])
    values = []
    for seed in range(1500):
        real, fake = deviations * rng(seed).normal(size=(2, 200, 3))
        values.append(frechet_distance(real, fake, rng=rng(seed)).value)
    found = _null_variance(np.diag(deviations**2), 200, 200) * (1 + 1 / HALVINGS)
    assert found == pytest.approx(np.var(values), rel=0.15)


def test_the_potential_is_the_distances_influence() -> None:
    """Its slope as one image's weight grows, of the maximum-likelihood covariance."""
    x, y = rng().normal(0.5, 1, size=(30, 3)), rng(1).normal(0, 1.5, size=(40, 3))
    y_moments = y.mean(0), np.cov(y.T, bias=True)

    def weighted(i: int, by: float) -> float:
        weights = np.full(30, 1 / 30) * (1 - by)
        weights[i] += by
        covariance = np.cov(x.T, bias=True, aweights=weights)
        return gaussian_distance((weights @ x, covariance), y_moments)

    slopes = np.array([(weighted(i, 1e-5) - weighted(i, -1e-5)) / 2e-5 for i in range(30)])
    found = _potential(x, (x.mean(0), np.cov(x.T, bias=True)), y_moments)
    np.testing.assert_allclose(found - found.mean(), slopes, atol=1e-5)


def test_frechet_distance_finds_that_of_the_distributions_it_is_given_samples_of() -> None:
    """N(0, I) and N(m, 4 I) in 8 dimensions: ‖m‖² + 8."""
    real, fake = rng().normal(size=(20_000, 8)), rng(1).normal(0.5, 2, size=(20_000, 8))
    found = frechet_distance(real, fake, rng=rng(2))
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(0.25 * 8 + 8, rel=0.02)
    assert found.low < 10 < found.high
    assert found.high - found.low < 1


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.5])
def test_the_interval_holds_the_true_distance_nineteen_times_in_twenty(measure, shift) -> None:  # type: ignore[no-untyped-def]
    """A shift in one of 3 dimensions, or none; the kernel distance is right on average."""
    found = []
    for seed in range(100):
        real, fake = rng(seed).normal(size=(2, 200, 3))
        fake[:, 0] += shift
        found.append(measure(real, fake, rng=rng(seed)))
    assert {m.reference for m in found} == {0}
    truth = shift**2
    if measure is kernel_distance and shift:
        truth = np.mean([m.value for m in found])
    held = sum(m.low <= truth <= m.high for m in found)
    assert held >= fewest_held(100, 0.94)


def test_without_bias_the_frechet_distance_is_below_its_reference_about_half_the_time() -> None:
    below = 0
    for seed in range(60):
        real, fake = rng(seed).normal(size=(2, 150, 6))
        found = frechet_distance(real, fake, rng=rng(seed))
        below += found.value < found.reference
    assert 15 <= below <= 45  # its distribution leans to the right: a little more than half


def slow_kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Bińkowski et al. 2018, equation 4, as it is written."""
    d, m, n = x.shape[1], len(x), len(y)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / d + 1) ** 3)

    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j)
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    between = sum(k(a, b) for a in x for b in y)
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)


@settings(max_examples=10)
@given(
    x=arrays(np.float64, (9, 3), elements=st.floats(-2, 2)),
    y=arrays(np.float64, (8, 3), elements=st.floats(-2, 2)),
)
def test_kernel_distance_is_the_papers_double_loop(x: np.ndarray, y: np.ndarray) -> None:
    found = kernel_distance(x, y, rng=rng())
    assert found.value == pytest.approx(slow_kernel_distance(x, y), abs=1e-9)


def test_parts_of_the_kernel_matrix_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rng().normal(size=(2, 37, 4))
    whole = kernel_distance(x, y, rng=rng())
    monkeypatch.setattr(fidelity, "ROWS", 5)
    parts = kernel_distance(x, y, rng=rng())
    assert parts.value == pytest.approx(whole.value)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high))
    own, others = ((x @ x.T / 4 + 1) ** 3, (y @ y.T / 4 + 1) ** 3)
    apart = 1 - np.eye(37)
    across = Across.of((x @ y.T / 4 + 1) ** 3)
    slow = unbiased_mmd(Within.of(own * apart), Within.of(others * apart), across)
    assert (parts.low, parts.high) == pytest.approx(slow.interval)


def test_kernel_distance_agrees_with_torchmetrics() -> None:
    real, fake = rng().normal(size=(200, 16)), rng(1).normal(0.3, 1.4, size=(200, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=200)
    for x, is_real in ((real, True), (fake, False)):
        metric.update(torch.from_numpy(x).view(-1, 1, 4, 4), real=is_real)
    found = kernel_distance(real, fake, rng=rng()).value
    assert found == pytest.approx(metric.compute()[0].item(), rel=1e-6)


def test_without_bias_kernel_distance_is_0_on_average() -> None:
    values = [kernel_distance(*rng(i).normal(size=(2, 40, 4)), rng=rng()).value for i in range(100)]
    found = np.array(values, np.float64)
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_a_larger_shift_or_fewer_modes_are_further_away(measure) -> None:  # type: ignore[no-untyped-def]
    centres = 4 * np.eye(5)
    real = centres[rng().integers(0, 5, 800)] + 0.3 * rng(1).normal(size=(800, 5))
    for effect in (
        [real + shift for shift in (0.0, 0.2, 0.5, 1.0)],
        [centres[np.arange(800) % k] + 0.3 * rng(2).normal(size=(800, 5)) for k in (5, 4, 3, 1)],
    ):
        values = [measure(real, fake, rng=rng()).value for fake in effect]
        assert values == sorted(values)
        assert values[1] > values[0]


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_sets_may_differ_in_size_and_few_images_are_refused(measure) -> None:  # type: ignore[no-untyped-def]
    real, fake = rng().normal(size=(500, 4)), rng(1).normal(size=(60, 4))
    found = measure(real, fake, rng=rng(), note="so")
    assert (found.samples, found.note) == (60, "so; 500 real and 60 decoded images")
    assert found == measure(real, fake, rng=rng(), note="so")
    few = measure(real, fake[:7], rng=rng())
    assert few.value is None
    assert "at least" in few.note
    assert "got 7" in few.note


def test_the_frechet_distance_of_fewer_images_than_it_can_correct_is_refused() -> None:
    """With fewer than three images a feature its bias is not proportional to 1/N."""
    real, fake = rng().normal(size=(500, 64)), rng(1).normal(size=(150, 64))
    found = frechet_distance(real, fake, rng=rng())
    assert found.value is None
    assert "at least 192 images of either set, got 150" in found.note
