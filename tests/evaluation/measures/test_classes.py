"""Class balance and areas: hand cases, false alarms, and effects that are found."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reparam.evaluation.measures.classes import class_area_gini, class_balance, gini


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


EVEN = np.full(4, 0.25)


def test_two_of_four_classes_by_hand() -> None:
    found = class_balance(np.array([0, 1] * 50), EVEN, rng=rng())
    assert found["class_tv"].value == 0.5
    assert found["class_entropy"].value == pytest.approx(math.log(2) / math.log(4))
    assert found["classes_missing"].value == 2
    assert found["class_tv"].p_value == 1 / 1000
    assert found["class_tv"].samples == 100


def test_the_datas_own_shares_are_the_ideal_also_where_they_are_uneven() -> None:
    shares = np.array([0.7, 0.2, 0.1, 0.0])
    found = class_balance(np.repeat([0, 1, 2], [70, 20, 10]), shares, rng=rng())
    assert found["class_tv"].value == pytest.approx(0)
    assert found["classes_missing"].value == 0  # a class without an image in the data misses none
    assert found["class_tv"].p_value == 1
    entropy = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1)) / math.log(3)
    assert found["class_entropy"].value == pytest.approx(entropy)
    assert found["class_entropy"].reference == pytest.approx(entropy, abs=0.02)


def test_a_stray_image_does_not_bring_a_missing_class_back() -> None:
    judged = np.repeat([0, 1, 2, 3], [400, 300, 295, 5])
    assert class_balance(judged, EVEN, rng=rng())["classes_missing"].value == 1


@pytest.mark.parametrize("errors", [0.0, 0.02, 0.1])
def test_labels_of_real_images_raise_no_alarm(errors: float) -> None:
    """At the 5 % level at most 21 of 200 trials do, which a true 5 % passes once in 1,000 times.

    Also where the judge takes some of one class for another, which the reference labels tell.
    """
    alarms = 0
    for seed in range(200):
        random = rng(seed)
        judged, reference = random.integers(0, 4, 500), np.arange(1000) % 4
        for labels in (judged, reference):
            labels[(labels == 1) & (random.uniform(size=len(labels)) < errors)] = 2
        found = class_balance(judged, EVEN, rng=random, reference_labels=reference)["class_tv"]
        assert found.p_value is not None
        alarms += found.p_value <= 0.05
    assert alarms <= 21


def test_with_a_perfect_judge_about_one_in_twenty_samples_is_an_alarm() -> None:
    """Between 2 and 21 of 200: outside of it a true 5 % falls twice in 1,000 times."""
    alarms = 0
    for seed in range(200):
        found = class_balance(rng(seed).integers(0, 4, 400), EVEN, rng=rng(seed))["class_tv"]
        assert found.p_value is not None
        alarms += found.p_value <= 0.05
    assert 2 <= alarms <= 21


def test_the_reference_is_what_real_images_score() -> None:
    values = [
        class_balance(rng(i).integers(0, 4, 400), EVEN, rng=rng(i))["class_tv"] for i in range(50)
    ]
    mean = np.mean([each.value for each in values])
    assert values[0].reference == pytest.approx(mean, rel=0.2)
    assert values[0].reference > 0  # of a finite sample, not of infinitely many images


def test_a_class_that_fades_is_found_the_more_the_further() -> None:
    distances, entropies, alarms = [], [], []
    for left in (1.0, 0.7, 0.4, 0.0):
        random = rng(1)
        labels = random.integers(0, 10, 5000)
        labels = labels[(labels != 3) | (random.uniform(size=5000) < left)]
        found = class_balance(labels, np.full(10, 0.1), rng=rng())
        distances.append(found["class_tv"].value)
        entropies.append(found["class_entropy"].value)
        alarms.append(found["class_tv"].p_value)
        assert found["classes_missing"].value == (left == 0)
    assert distances == sorted(distances)
    assert entropies == sorted(entropies, reverse=True)
    assert distances[-1] == pytest.approx(0.1, abs=0.02)
    assert alarms[0] is not None
    assert alarms[0] > 0.05
    assert alarms[1:] == [0.001] * 3


def test_the_interval_holds_the_true_distance() -> None:
    """True total variation 0.25; of 60 intervals at 95 % fewer than 50 hold it once in 10,000."""
    held = 0
    for seed in range(60):
        labels = rng(seed).choice(4, 600, p=[0.5, 0.25, 0.125, 0.125])
        found = class_balance(labels, EVEN, rng=rng(seed))["class_tv"]
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.25 <= found.high
    assert held >= 50


def test_the_interval_of_a_count_holds_the_count() -> None:
    """Class 3 is near the limit of a tenth: some resamplings have it, some miss it."""
    judged = np.repeat([0, 1, 2, 3], [400, 300, 277, 24])
    found = class_balance(judged, EVEN, rng=rng())["classes_missing"]
    assert (found.value, found.low, found.high) == (1, 0, 1)


def test_gini_by_hand() -> None:
    assert gini(np.array([1.0, 1.0, 1.0])) == 0
    assert gini(np.array([0.0, 0.0, 0.0, 7.0])) == pytest.approx(3 / 4)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(1 / 4)
    assert gini(np.zeros(3)) == 0
    found = class_area_gini(np.array([1] * 3 + [0]), np.array([0.5, 0.5]))
    assert (found.value, found.reference, found.samples) == (0.25, 0.0, 4)


@given(arrays(np.float64, 6, elements=st.floats(0.01, 100)), st.floats(0.1, 10))
def test_gini_has_no_unit_and_falls_when_the_rich_give_to_the_poor(
    amounts: np.ndarray, scale: float
) -> None:
    assert gini(scale * amounts) == pytest.approx(gini(amounts))
    given_away = amounts.copy()
    quarter = (amounts.max() - amounts.min()) / 4
    given_away[amounts.argmax()] -= quarter
    given_away[amounts.argmin()] += quarter
    assert gini(given_away) <= gini(amounts) + 1e-12
