"""Fréchet and kernel distance: closed forms, second implementations, and cases of known answer."""

import warnings

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
    frechet_distance,
    gaussian_distance,
    kernel_distance,
    moments,
)


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
    found = frechet_distance(real, fake, rng=rng()).value
    assert found == pytest.approx(metric.compute().item(), rel=1e-6)


def test_weighted_moments_are_those_of_repeated_rows() -> None:
    x, counts = rng().normal(size=(20, 3)), rng(1).integers(0, 4, 20)
    mean, covariance = moments(np.repeat(x, counts, axis=0))
    weighted = moments(x, counts.astype(np.float64))
    np.testing.assert_allclose(weighted[0], mean)
    np.testing.assert_allclose(weighted[1], covariance)
    np.testing.assert_allclose(covariance, np.cov(np.repeat(x, counts, axis=0).T))


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
def test_real_against_real_is_within_sampling_error_of_its_reference(measure) -> None:  # type: ignore[no-untyped-def]
    """Value and reference are two draws of one number: of 40 either is the larger in about half."""
    above = 0
    for seed in range(40):
        real, fake, other = rng(seed).normal(size=(3, 150, 6))
        found = measure(real, fake, other, rng=rng(seed))
        above += found.value > found.reference
    assert 8 <= above <= 32  # a fair coin falls outside once in 20,000 times


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_the_interval_holds_the_true_distance_nineteen_times_in_twenty(measure) -> None:  # type: ignore[no-untyped-def]
    """Shift of 1.5 in one of 3 dimensions; the truth from very many samples."""

    def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        real, fake = rng(seed).normal(size=(2, n, 3))
        fake[:, 0] += 1.5
        return real, fake

    truth = 1.5**2
    if measure is kernel_distance:
        truth = measure(*sample(3000, 999), rng=rng(0)).value
    held = 0
    for seed in range(40):
        found = measure(*sample(300, seed), rng=rng(seed))
        held += found.low <= truth <= found.high
    assert held >= 32  # of 40 intervals at 95 %: fewer once in 10,000 times


def slow_kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Bińkowski et al. 2018, equation 4, as it is written."""
    d, m, n = x.shape[1], len(x), len(y)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / d + 1) ** 3)

    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j)
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    between = sum(k(a, b) for a in x for b in y)
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)


@settings(max_examples=20, deadline=None)
@given(
    x=arrays(np.float64, (7, 3), elements=st.floats(-2, 2)),
    y=arrays(np.float64, (5, 3), elements=st.floats(-2, 2)),
)
def test_kernel_distance_is_the_papers_double_loop(x: np.ndarray, y: np.ndarray) -> None:
    found = kernel_distance(x, y, rng=rng())
    assert found.value == pytest.approx(slow_kernel_distance(x, y), abs=1e-9)


def test_parts_of_the_kernel_matrix_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, z = rng().normal(size=(3, 37, 4))
    whole = kernel_distance(x, y, z, rng=rng())
    monkeypatch.setattr(fidelity, "ROWS", 5)
    parts = kernel_distance(x, y, z, rng=rng())
    assert parts.value == pytest.approx(whole.value)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high))
    assert parts.reference == pytest.approx(slow_kernel_distance(x, z))


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
def test_value_and_reference_are_of_one_sample_size(measure) -> None:  # type: ignore[no-untyped-def]
    real, fake = rng().normal(size=(2, 500, 4))
    found = measure(real, fake, rng(1).normal(size=(60, 4)), rng=rng())
    assert found.samples == 60
    assert found == measure(real, fake, rng(1).normal(size=(60, 4)), rng=rng())
