"""Precision, recall, density, coverage, unlikely decodes: hand-counted and known cases."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from reparam.evaluation.measures import support
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share

from .planted import alarms, fewest_held, most_alarms


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


REAL = np.array([[0.0], [1.0], [2.0], [10.0]])
FAKE = np.array([[0.5], [5.0], [-3.0], [30.0]])
"""With k = 1 the balls of the real ones are [-1, 1], [0, 2], [1, 3], [2, 18], those of the fakes
[-3, 4], [0.5, 9.5], [-6.5, 0.5], [5, 55]."""


def test_a_case_counted_by_hand() -> None:
    found = precision_recall(REAL, FAKE, k=1, rng=rng())
    found |= density_coverage(REAL, FAKE, k=1, rng=rng())
    assert found["precision"].value == 2 / 4  # 0.5 and 5
    assert found["recall"].value == 4 / 4
    assert found["density"].value == 3 / 4  # 0.5 lies in two balls, 5 in one
    assert found["coverage"].value == 3 / 4  # nothing in [1, 3]


def test_an_outlier_raises_precision_and_recall_but_not_density_or_coverage() -> None:
    """Naeem et al. 2020, figure 1: one real image far off has a ball that holds everything."""
    real = np.vstack([rng().normal(size=(200, 2)), [[0, 90.0]]])
    fake = np.array([0, 45.0]) + rng(1).normal(size=(201, 2))
    found = precision_recall(real, fake, rng=rng()) | density_coverage(real, fake, rng=rng())
    assert found["precision"].value == 1.0
    assert found["density"].value == pytest.approx(0.2)  # one ball, over k = 5
    assert found["coverage"].value == pytest.approx(1 / 201)


@pytest.mark.parametrize("repeated", [0.0, 0.1])
def test_the_reference_of_density_is_what_real_images_have(repeated: float) -> None:
    """Also where some of them are all the same one, which lie in each other's balls."""
    draws = []
    for seed in range(20):
        both = rng(seed).normal(size=(2, 300, 4))
        both[:, : int(300 * repeated)] = 0.0
        draws.append(density_coverage(*both, rng=rng())["density"])
    references = [each.reference for each in draws]
    if repeated:
        assert min(references) > 1.3
    else:
        assert references == [pytest.approx(1.0)] * 20
    assert np.mean([each.value for each in draws]) == pytest.approx(np.mean(references), rel=0.04)


@pytest.mark.parametrize("repeated", [0.0, 0.1, 0.5])
def test_the_reference_of_coverage_is_what_real_images_have(repeated: float) -> None:
    """Also where some of them are all the same one: their balls hold more than k others."""
    draws = []
    for seed in range(40):
        both = rng(seed).normal(size=(2, 300, 4))
        both[:, : int(300 * repeated)] = 0.0
        draws.append(density_coverage(*both, rng=rng())["coverage"])
    mean = np.mean([each.reference for each in draws])
    assert np.mean([each.value for each in draws]) == pytest.approx(mean, abs=0.005)
    assert mean == pytest.approx(1 - (1 - repeated) / 2**5, abs=0.003)


def slow_precision(real: np.ndarray, fake: np.ndarray, k: int) -> float:
    radii = NearestNeighbors().fit(real).kneighbors(n_neighbors=k)[0][:, -1]
    return float(
        np.mean(
            [
                any(np.linalg.norm(f - r) <= radius for r, radius in zip(real, radii, strict=True))
                for f in fake
            ]
        )
    )


def test_parts_and_roles_agree_with_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = rng().normal(size=(60, 5)), rng(1).normal(0.5, 1, size=(60, 5))
    monkeypatch.setattr(support, "ROWS", 7)
    found = precision_recall(real, fake, k=2, rng=rng())
    assert found["precision"].value == pytest.approx(slow_precision(real, fake, 2))
    assert found["recall"].value == pytest.approx(slow_precision(fake, real, 2))


def test_copies_of_the_real_images_are_perfect() -> None:
    real = rng().normal(size=(100, 8))
    found = precision_recall(real, real, rng=rng()) | density_coverage(real, real, rng=rng())
    assert found["precision"].value == found["recall"].value == found["coverage"].value == 1.0


def test_density_and_coverage_of_real_images_are_what_the_paper_says() -> None:
    """E density = 1; E coverage = 1 − ((N − k) … )/(…) → 1 − 2^−k for equal sizes (section 3.2)."""
    real, fake = rng().normal(size=(2, 3000, 8))
    found = density_coverage(real, fake, k=5, rng=rng())
    assert found["density"].value == pytest.approx(1, abs=0.06)
    assert found["coverage"].value == pytest.approx(1 - 2**-5, abs=0.012)


def test_fresh_real_images_score_the_references_on_average() -> None:
    """Which for precision and recall leave one real image out, for the others are exact."""
    found = []
    for seed in range(40):
        real, fake = rng(seed).normal(size=(2, 200, 4))
        random = rng(seed)
        found.append(
            precision_recall(real, fake, rng=random) | density_coverage(real, fake, rng=random)
        )
    for name in ("precision", "recall", "density", "coverage"):
        values = np.array([each[name].value for each in found], np.float64)
        references = np.array([each[name].reference for each in found], np.float64)
        error = (values - references).std() / np.sqrt(40)
        assert values.mean() == pytest.approx(references.mean(), abs=4 * error), name
        assert error < 0.01
        assert found[0][name].samples == 200


def test_the_reference_of_precision_is_each_real_image_against_the_others() -> None:
    real = rng().normal(size=(40, 3))
    within = []
    for i in range(40):
        others = np.delete(real, i, 0)
        within.append(slow_precision(others, real[i : i + 1], 3))
    found = precision_recall(real, rng(1).normal(size=(40, 3)), rng=rng())
    assert found["precision"].reference == pytest.approx(np.mean(within))
    assert found["recall"].reference == found["precision"].reference


def test_the_reference_of_coverage_is_that_of_every_order() -> None:
    """A ball to the k-th of n − 1 others misses all n fresh images if the k nearest are others."""
    n, k = 5, 2
    missed = [
        min(fresh) >= k for fresh in combinations(range(2 * n - 1), n)
    ]  # the places of the fresh images among all, by distance from the centre
    found = density_coverage(rng().normal(size=(n, 2)), rng(1).normal(size=(n, 2)), k=k, rng=rng())
    assert found["coverage"].reference == pytest.approx(1 - np.mean(missed))
    assert found["density"].reference == 1


def test_no_image_and_every_image_leave_a_doubt() -> None:
    real = rng().normal(size=(100, 3))
    for fake, value in ((real + 100, 0.0), (real, 1.0)):
        found = precision_recall(real, fake, rng=rng()) | density_coverage(real, fake, rng=rng())
        for name in ("precision", "recall", "coverage"):
            each = found[name]
            assert each.value == value
            assert each.low is not None
            assert each.high is not None
            assert each.high - each.low == pytest.approx(3.84 / 103.84, rel=1e-3)  # Wilson's


def test_real_and_fake_are_cut_to_one_size() -> None:
    real, fake = rng().normal(size=(300, 3)), rng(1).normal(size=(40, 3))
    found = precision_recall(real, fake, rng=rng()) | density_coverage(real, fake, rng=rng())
    assert {each.samples for each in found.values()} == {40}


def test_collapse_lowers_recall_and_coverage_step_by_step_and_leaves_precision() -> None:
    real = 5 * np.eye(4)[np.arange(800) % 4] + rng().normal(size=(800, 4))
    recalls, coverages = [], []
    for modes in (4, 3, 2, 1):
        fake = 5 * np.eye(4)[np.arange(800) % modes] + rng(1).normal(size=(800, 4))
        found = precision_recall(real, fake, rng=rng())
        assert found["precision"].value is not None
        assert found["precision"].value > 0.9
        recalls.append(found["recall"].value)
        coverages.append(density_coverage(real, fake, rng=rng())["coverage"].value)
    for values in (recalls, coverages):
        assert values == sorted(values, reverse=True)
        assert values[-1] == pytest.approx(values[0] / 4, abs=0.08)


def test_one_decode_repeated_has_no_recall() -> None:
    real = rng().normal(size=(300, 5))
    fake = np.tile(real[:1], (300, 1))
    found = precision_recall(real, fake, rng=rng()) | density_coverage(real, fake, rng=rng())
    assert found["precision"].value == 1.0
    assert found["recall"].value == pytest.approx(1 / 300)
    assert found["coverage"].value is not None
    assert found["coverage"].value < 0.1


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_junk_lowers_precision_and_density_by_its_share_and_counts_as_unlikely(
    share: float,
) -> None:
    train, held_out, fake, real = rng().normal(size=(4, 2000, 6))
    junk = int(share * 2000)
    fake[:junk] += 50
    precision = precision_recall(real, fake, rng=rng())["precision"].value
    density = density_coverage(real, fake, rng=rng())["density"].value
    unlikely = unlikely_share(train, held_out, fake, rng=rng()).value
    assert precision == pytest.approx(0.96 * (1 - share), abs=0.05)
    assert density == pytest.approx(1 - share, abs=0.08)
    assert unlikely == pytest.approx(0.05 + 0.95 * share, abs=0.02)


def test_unlikely_by_hand() -> None:
    """Held-out images at distances 1 to 40 from the only training image: two are beyond 38, the
    limit is the nearer of them."""
    train, held_out = np.zeros((1, 1)), np.arange(1.0, 41.0)[:, None]
    fake = np.array([[0.0], [39.0], [-39.1], [55.0], [-3.0]])
    found = unlikely_share(train, held_out, fake, rng=rng())
    assert found.value == 2 / 5
    assert found.reference == pytest.approx(2 / 41)
    assert found.samples == 5


def test_real_images_are_unlikely_five_times_in_a_hundred() -> None:
    """The interval holds 5 % nearly as often as it says, and an alarm is one time in twenty."""
    found = []
    for seed in range(200):
        train, held_out, fake = rng(seed).normal(size=(3, 300, 4))
        found.append(unlikely_share(train, held_out, fake, rng=rng(seed)))
    held = [m.low is not None and m.high is not None and m.low <= 0.05 <= m.high for m in found]
    assert sum(held) >= fewest_held(200, 0.93)
    assert np.mean([m.value for m in found]) == pytest.approx(15 / 301, abs=0.006)
    assert alarms(lambda seed: found[seed].p_value, 200) <= most_alarms(200)


def test_a_seed_gives_the_same_figures() -> None:
    real, fake = rng().normal(size=(2, 100, 3))
    first, second = (precision_recall(real, fake[:80], rng=rng(4)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("n", [10, 20, 50])
def test_few_real_images_leave_the_lower_end_of_the_unlikely_share_open(n: int) -> None:
    """The limit may lie beyond all of them: an interval above 0 would miss the truth, 5 %."""
    held = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        train, real, fake = (random.normal(size=(m, 3)) for m in (300, n, 2000))
        found = unlikely_share(train, real, fake, rng=random)
        assert found.low == 0
        assert "too few" in found.note
        assert found.high is not None
        held += found.high >= 0.05
    assert held >= 90
