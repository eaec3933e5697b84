"""Precision, recall, density, coverage, unlikely decodes: hand-counted and known cases."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from reparam.evaluation.measures import support
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share


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


def test_real_against_real_agrees_with_the_reference() -> None:
    real, fake, other = rng(3).normal(size=(3, 1500, 6))
    found = precision_recall(real, fake, other, rng=rng())
    found |= density_coverage(real, fake, other, rng=rng())
    for name, each in found.items():
        assert each.value == pytest.approx(each.reference, abs=0.06), name
        assert each.samples == 1500


def test_all_are_cut_to_one_size() -> None:
    real, fake = rng().normal(size=(2, 300, 3))
    found = precision_recall(real, fake, rng(1).normal(size=(40, 3)), rng=rng())
    assert found["recall"].samples == found["precision"].samples == 40


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
    """Held-out images at distances 1 to 20 from the only training image: 95 % are within 19.05."""
    train, held_out = np.zeros((1, 1)), np.arange(1.0, 21.0)[:, None]
    fake = np.array([[0.0], [19.0], [-19.1], [25.0], [-3.0]])
    found = unlikely_share(train, held_out, fake, rng=rng())
    assert found.value == 2 / 5
    assert found.reference == pytest.approx(0.05)


def test_real_images_are_unlikely_five_times_in_a_hundred() -> None:
    """The interval holds 5 % in at least 85 of 100 trials (fewer once in 20,000 times)."""
    held = 0
    for seed in range(100):
        train, held_out, fake = rng(seed).normal(size=(3, 300, 4))
        found = unlikely_share(train, held_out, fake, rng=rng(seed))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.05 <= found.high
    assert held >= 85


def test_a_seed_gives_the_same_figures() -> None:
    real, fake = rng().normal(size=(2, 100, 3))
    first, second = (precision_recall(real, fake[:80], rng=rng(4)) for _ in range(2))
    assert first == second
