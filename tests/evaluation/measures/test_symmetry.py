import numpy as np
import pytest

from reparam.evaluation.measures.kernel import SCALES, inverse_multiquadratic
from reparam.evaluation.measures.squared_distance import Within, u_statistic
from reparam.evaluation.measures.symmetry import asymmetry

from .planted import (
    alarms,
    fewest_alarms,
    fewest_held,
    hollow,
    most_alarms,
    normal,
    shifted,
    skewed,
)


def slow_kernel(a: np.ndarray, b: np.ndarray) -> float:
    distance = float(np.square(a.astype(float) - b.astype(float)).sum())
    return sum(2 * len(a) * s / (2 * len(a) * s + distance) for s in SCALES)


def slow_asymmetry(z: np.ndarray) -> float:
    n = len(z)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    total = sum(slow_kernel(z[i], z[j]) - slow_kernel(z[i], -z[j]) for i, j in pairs)
    return 2 * total / (n * (n - 1))


def test_the_kernel_is_its_formula_far_from_the_origin_too() -> None:
    a, b = normal(7, 3, 0) + 1000, normal(5, 3, 1) + 1000
    slow = [[slow_kernel(x, y) for y in b] for x in a]
    np.testing.assert_allclose(inverse_multiquadratic(a, b), slow, rtol=1e-4)
    assert inverse_multiquadratic(a, a).diagonal() == pytest.approx(len(SCALES))


def test_value_and_interval_are_those_of_slow_loops() -> None:
    z = skewed(14, 2, 0)
    found = asymmetry(z, np.random.default_rng(0))
    assert found.value == pytest.approx(slow_asymmetry(z), abs=1e-5)
    # MMD² is the mean of twice k(z, z') − k(z, −z')
    kernel = [[2 * (slow_kernel(a, b) - slow_kernel(a, -b)) for b in z] for a in z]
    slow = u_statistic(Within.of(np.array(kernel) * (1 - np.eye(14))))
    assert (found.low, found.high) == pytest.approx(slow.interval, abs=1e-5)


def test_the_value_is_the_mmd_of_the_latents_and_their_mirror_image() -> None:
    """E k(z, z') + E k(−z, −z') − 2 E k(z, −z'), of two halves of very many latents."""
    z = skewed(4000, 2, 1)
    one, other = z[:2000], z[2000:]
    same, mirrored = (float(inverse_multiquadratic(one, s * other).mean()) for s in (1, -1))
    found = asymmetry(one, np.random.default_rng(0), 10)
    assert found.value == pytest.approx(2 * (same - mirrored), rel=0.15)


@pytest.mark.parametrize("make", [normal, skewed])
def test_the_interval_holds_the_truth_with_symmetry_and_without(make) -> None:  # type: ignore[no-untyped-def]
    """For skewed latents the truth is the mean over all of them, each estimate being unbiased."""
    found = [asymmetry(make(150, 2, seed), np.random.default_rng(0), 1) for seed in range(100)]
    values = [m.value for m in found if m.value is not None]
    truth = 0.0 if make is normal else float(np.mean(values))
    assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / 10)
    held = [m.low is not None and m.high is not None and m.low <= truth <= m.high for m in found]
    assert sum(held) >= fewest_held(100)


def test_every_flip_of_few_latents_is_as_likely() -> None:
    z = normal(6, 2, 3)
    every = np.array(np.meshgrid(*[[-1, 1]] * 6)).reshape(6, -1).T
    values = np.array([slow_asymmetry(z * s[:, None]) for s in every])
    exact = float((values >= slow_asymmetry(z) - 1e-6).mean())
    found = asymmetry(z, np.random.default_rng(0), permutations=20_000)
    assert found.p_value == pytest.approx(exact, abs=0.02)
    assert 0.05 < exact < 0.95
    assert found.reference == 0
    assert values.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("d", [2, 16, 128])
def test_symmetric_latents_raise_no_alarm(d: int) -> None:
    def p(seed: int) -> float | None:
        return asymmetry(normal(150, d, seed), np.random.default_rng(seed), 99).p_value

    assert alarms(p, 40) <= most_alarms(40)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 16, 128])
def test_symmetric_latents_raise_an_alarm_one_time_in_twenty(d: int) -> None:
    def p(seed: int) -> float | None:
        return asymmetry(normal(500, d, seed), np.random.default_rng(seed), 199).p_value

    assert fewest_alarms(200) <= alarms(p, 200) <= most_alarms(200)


def test_a_symmetric_fault_is_none_of_its_business() -> None:
    def p(seed: int) -> float | None:
        return asymmetry(hollow(200, 2, seed), np.random.default_rng(seed), 99).p_value

    assert alarms(p, 40) <= most_alarms(40)


@pytest.mark.parametrize("d", [2, 16])
def test_asymmetry_with_mean_zero_is_caught_and_grows(d: int) -> None:
    n = 2000
    found = [asymmetry(z, np.random.default_rng(0)) for z in _skewed_more_and_more(n, d)]
    values = [m.value for m in found]
    assert values == sorted(values)
    assert found[0].p_value is not None
    assert found[0].p_value > 0.01
    assert found[-1].p_value is not None
    assert found[-1].p_value < 0.005
    assert found[-1].low is not None
    assert found[-1].low > 0


def _skewed_more_and_more(n: int, d: int) -> list[np.ndarray]:
    """From the same latents, a growing part of them skewed: mean 0 all the way."""
    plain, skew = normal(n, d, 5), skewed(n, d, 6)
    return [np.concatenate([skew[: int(f * n)], plain[int(f * n) :]]) for f in (0, 0.5, 1.0)]


def test_a_shift_is_caught() -> None:
    for d in (2, 16, 128):
        values = [
            asymmetry(shifted(1000, d, 1, by), np.random.default_rng(0)) for by in (0.0, 0.6, 1.5)
        ]
        assert [m.value for m in values] == sorted(m.value or 0 for m in values)
        assert values[-1].p_value is not None
        assert values[-1].p_value < 0.005


def test_a_subset_is_stated_and_few_latents_are_refused() -> None:
    assert asymmetry(normal(3, 2, 0), np.random.default_rng(0)).value is None
    found = asymmetry(normal(2500, 2, 0), np.random.default_rng(0), 20)
    assert found.samples == 2000
    assert "2,000 of 2,500" in found.note


def test_a_seed_repeats_everything() -> None:
    z = normal(100, 2, 0)
    assert asymmetry(z, np.random.default_rng(1)) == asymmetry(z, np.random.default_rng(1))
