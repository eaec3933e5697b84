import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.neighbours import neighbours as neighbours_of

from .planted import normal


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def neighbours(images: np.ndarray, *args, **options) -> dict[str, Measured]:
    return neighbours_of(lambda rows: images[rows], *args, **options)


@settings(max_examples=15)
@given(st.integers(24, 80), st.integers(1, 4), st.integers(1, 9), st.integers(0, 999))
def test_both_ways_are_scikit_learns(n: int, d: int, k: int, seed: int) -> None:
    images, z = normal(n, 12, seed), normal(n, d, seed + 1)
    found = neighbours(images, z, None, rng(), k=k)
    there = trustworthiness(images.astype(float), z.astype(float), n_neighbors=k)
    back = trustworthiness(z.astype(float), images.astype(float), n_neighbors=k)
    assert found["trustworthiness"].value == pytest.approx(there, abs=1e-9)
    assert found["continuity"].value == pytest.approx(back, abs=1e-9)


def test_a_hand_computed_intruder() -> None:
    """On a line 0, 1, 3, 7 … each point's nearest is known; z swaps two points far apart."""
    x = (2.0 ** np.arange(8) - 1)[:, None].astype(np.float32)
    z = x.copy()
    z[[0, 7]] = z[[7, 0]]
    # Nearest in z, k = 1: point 7 (at 0) finds 1, point 1 (at 1) finds 7, point 2 (at 3) finds 1,
    # …, point 0 (at 127) finds 6. Of 7 in x, 1 is the 6th nearest (6, 5, 4, 3, 2, 1): penalty 5.
    # Of 1, 7 is the 7th: penalty 6. Of 0, 6 is the 6th: penalty 5. All others are nearest in x too.
    penalty = 5 + 6 + 5
    expected = 1 - 2 / (8 * 1 * (16 - 3 - 1)) * penalty
    found = neighbours(x, z, None, rng(), k=1)["trustworthiness"]
    assert found.value == pytest.approx(expected)


def test_an_isometry_keeps_all_and_noise_keeps_nothing() -> None:
    images = normal(600, 5, 0)
    turn = np.linalg.qr(normal(5, 5, 1))[0]
    kept = neighbours(images, images @ turn, None, rng())
    lost = neighbours(images, normal(600, 5, 2), None, rng())
    values = [kept["trustworthiness"].value]
    for noise in (0.3, 1.0, 3.0):
        z = images + np.float32(noise) * normal(600, 5, 3)
        values.append(neighbours(images, z, None, rng())["trustworthiness"].value)
    assert values[0] == kept["continuity"].value == 1
    assert values == sorted(values, reverse=True)
    for measure in ("trustworthiness", "continuity"):
        assert lost[measure].value == pytest.approx(0.5, abs=0.05)


def test_a_fold_is_untrustworthy_and_a_tear_discontinuous() -> None:
    line = np.linspace(-1, 1, 400, dtype=np.float32)[:, None]
    folded = neighbours(line, np.abs(line) + 1e-4 * line, None, rng())
    torn = neighbours(np.abs(line) + 1e-4 * line, line, None, rng())
    assert (folded["trustworthiness"].value or 1) < (folded["continuity"].value or 0) - 0.1
    assert (torn["continuity"].value or 1) < (torn["trustworthiness"].value or 0) - 0.1


def test_classes_apart_and_classes_mixed() -> None:
    labels = np.arange(900) % 3
    corners = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    apart, train = (corners[labels] + normal(900, 2, s) for s in (0, 1))
    found = neighbours(normal(900, 4, 2), apart, labels, rng(), train, labels)
    assert found["knn_accuracy"].value == found["knn_accuracy"].high == 1
    assert found["knn_accuracy"].low == pytest.approx(900 / (900 + 1.96**2), abs=1e-4)  # Wilson's
    assert found["knn_accuracy"].reference is None  # chance is no ideal
    assert "chance is 0.333" in found["knn_accuracy"].note
    assert found["silhouette"].value == pytest.approx(silhouette_score(apart, labels), abs=1e-5)
    assert (found["silhouette"].value or 0) > 0.7
    mixed = neighbours(normal(900, 4, 2), normal(900, 2, 3), labels, rng(), train * 0, labels)
    assert mixed["knn_accuracy"].value == pytest.approx(1 / 3, abs=0.06)
    assert mixed["silhouette"].value == pytest.approx(0, abs=0.03)


def test_images_of_unknown_class_are_left_out_of_what_reads_classes() -> None:
    """Each figure is that of the images whose class is known, whatever the others are like."""
    labels, train_labels = (np.random.default_rng(s).integers(0, 3, 900) for s in (0, 1))
    corners = np.array([[0, 0], [2, 0], [0, 2]], np.float32)
    z, train = corners[labels] + normal(900, 2, 0), corners[train_labels] + normal(900, 2, 1)
    few, few_train = np.arange(900) % 3 > 0, np.arange(900) % 2 > 0
    x = normal(900, 4, 2)
    every = (np.where(few, labels, -1), rng(), train, np.where(few_train, train_labels, -1))
    found = neighbours(x, np.where(few[:, None], z, 99), *every)
    known = (labels[few], rng(), train[few_train], train_labels[few_train])
    alone = neighbours(x[few], z[few], *known)
    for name in ("knn_accuracy", "silhouette"):
        assert found[name].value == pytest.approx(alone[name].value, abs=1e-6)
        assert found[name].samples == alone[name].samples == few.sum()
    np.testing.assert_array_equal(found["knn_accuracy"].each.at, np.flatnonzero(few))
    none = neighbours(x, z, np.full(900, -1), rng(), train, train_labels)
    assert none["knn_accuracy"].value is none["silhouette"].value is None


def test_two_overlapping_normals_are_told_apart_as_well_as_theory_says() -> None:
    """Bayes' accuracy of N(±1, 1) is Φ(1) = 0.841; 10 neighbours among 4,000 come near it."""
    labels = np.arange(4000) % 2
    z, train = (normal(4000, 1, s) + (2 * labels - 1)[:, None] for s in (0, 1))
    z, train = z.astype(np.float32), train.astype(np.float32)
    found = neighbours(normal(4000, 2, 2), z, labels, rng(), train, labels)["knn_accuracy"]
    assert 0.80 < (found.value or 0) < 0.855


def test_what_is_missing_says_so_and_what_is_used_is_stated() -> None:
    found = neighbours(normal(2100, 3, 0), normal(2100, 2, 0), None, rng())
    assert found["knn_accuracy"].value is None
    assert "labels" in found["knn_accuracy"].note
    assert "labels" in found["silhouette"].note
    assert found["trustworthiness"].samples == 2000
    assert found["trustworthiness"].note == "k = 10; 2,000 of 2,100 images"
    few = neighbours(normal(10, 3, 0), normal(10, 2, 0), np.zeros(10, int), rng())
    assert few["continuity"].value is None
    assert "2 classes" in few["silhouette"].note
    labels = np.zeros(30, int)
    alone = neighbours(normal(30, 3, 0), normal(30, 2, 0), labels, rng(), None, labels)
    assert "training split" in alone["knn_accuracy"].note


def test_a_seed_repeats_everything() -> None:
    labels = np.arange(100) % 4
    images, z = normal(100, 3, 0), normal(100, 2, 1)
    first, second = (neighbours(images, z, labels, rng(), z, labels) for _ in range(2))
    assert first == second
