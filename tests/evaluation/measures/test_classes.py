"""Class balance and areas: hand cases, false alarms, and effects that are found."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reparam.evaluation.measures.classes import (
    UNEVENNESS,
    class_accuracy,
    class_balance,
    gini,
    in_groups,
    relative_entropy,
    total_variation,
)

from .planted import fewest_held


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


EVEN = np.full(4, 0.25)


def test_figures_by_hand() -> None:
    assert total_variation(np.array([0.5, 0.5, 0, 0]), EVEN) == 0.5
    assert relative_entropy(np.array([0.5, 0.5, 0, 0]), EVEN) == pytest.approx(0.5)
    assert relative_entropy(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 1
    thirds = np.ones(3) / 3
    assert gini(thirds, thirds) == 0
    assert gini(np.array([0.0, 0.0, 0.0, 1.0]), EVEN) == pytest.approx(3 / 4)
    assert gini(np.array([0.25, 0.75]), np.ones(2) / 2) == pytest.approx(1 / 4)
    without = np.array([0.5, 0.5, 0.0])  # a class without an image in the data has no part in it
    assert gini(np.array([0.25, 0.75, 0.0]), without) == pytest.approx(1 / 4)


def test_gini_and_entropy_are_relative_to_the_datas_shares() -> None:
    """Draws that are as uneven as the data are ideal, and even ones are not."""
    shares = np.array([0.6, 0.2, 0.1, 0.1])
    assert gini(shares, shares) == 0
    assert relative_entropy(shares, shares) == 1
    ratios = EVEN / shares
    pairs = np.abs(ratios[:, None] - ratios) * shares * shares[:, None]
    assert gini(EVEN, shares) == pytest.approx(pairs.sum() / 2)
    assert relative_entropy(EVEN, shares) < 0.9
    rarest = np.array([0.0, 0.0, 0.0, 1.0])
    assert relative_entropy(rarest, shares) == pytest.approx(0)
    assert gini(rarest, shares) == pytest.approx(0.9)


def test_draws_of_their_class_are_counted_and_real_images_of_a_known_one() -> None:
    found = class_accuracy(
        np.array([0, 1, 2, 2]),
        np.array([0, 1, 2, 0]),
        reference_judged=np.array([0, 1, 1, 2]),
        reference_labels=np.array([0, 1, 2, -1]),
    )
    assert (found.value, found.reference, found.samples) == (3 / 4, 2 / 3, 4)
    none = class_accuracy(
        np.array([0]),
        np.array([0]),
        reference_judged=np.array([1, 2]),
        reference_labels=np.array([-1, -1]),
    )
    assert none.value == 1
    assert none.reference is None


def test_two_of_four_classes() -> None:
    found = class_balance(np.array([0, 1] * 50), EVEN, rng=rng())
    assert found["class_tv"].value == pytest.approx(0.5, abs=0.01)
    assert found["class_gini"].value == pytest.approx(0.5, abs=0.04)
    assert found["class_entropy"].value == pytest.approx(math.log(2) / math.log(4), abs=0.01)
    assert found["classes_missing"].value == 2
    assert found["class_tv"].p_value == 1 / 1000
    assert {each.samples for each in found.values()} == {100}


def test_the_datas_own_shares_are_the_ideal_also_where_they_are_uneven() -> None:
    shares = np.array([0.7, 0.2, 0.1, 0.0])
    found = class_balance(np.repeat([0, 1, 2], [70, 20, 10]), shares, rng=rng())
    assert found["class_tv"].value == pytest.approx(0)
    assert found["class_tv"].reference == 0
    assert found["classes_missing"].value == 0  # a class without an image in the data misses none
    assert found["class_tv"].p_value == 1
    assert found["class_entropy"].value == pytest.approx(1)
    assert found["class_entropy"].reference == 1
    assert found["class_gini"].value == pytest.approx(0)
    assert found["class_gini"].reference == 0


IDEAL = {"class_tv": 0.0, "class_gini": 0.0, "class_entropy": 1.0}


@pytest.mark.parametrize("classes", [4, 10])
def test_a_perfect_sample_scores_the_ideal_and_its_interval_ends_there(classes: int) -> None:
    """Chance would make each of them worse, so a sample without any of it is the ideal."""
    shares = np.full(classes, 1 / classes)
    found = class_balance(np.arange(500) % classes, shares, rng=rng())
    for name, ideal in IDEAL.items():
        each = found[name]
        assert each.value == pytest.approx(ideal)
        assert ideal in (pytest.approx(each.low), pytest.approx(each.high))
        assert each.high is not None
        assert each.low is not None
        assert each.high - each.low < 0.08


def test_a_few_draws_that_are_even_may_be_of_uneven_shares() -> None:
    """Twenty draws, half of each of two classes: 0.4 and 0.6 give that in 12 % of cases."""
    for draws, least in ((20, 0.1), (50, 0.05)):
        found = class_balance(np.arange(draws) % 2, np.array([0.5, 0.5]), rng=rng())
        for name, ideal in IDEAL.items():
            each = found[name]
            assert each.value == pytest.approx(ideal)
            assert each.low is not None
            assert each.high is not None
            assert each.high - each.low > (least**2 if name == "class_entropy" else least)


@pytest.mark.parametrize("name", IDEAL)
def test_even_shares_score_the_ideal_as_often_as_not_and_intervals_hold_it(name: str) -> None:
    """The median of the sampled figure is the ideal's own: half of all samples are as even."""
    ideal, held = 0, 0
    for seed in range(60):
        counts = np.bincount(rng(seed).integers(0, 4, 400), minlength=4)
        value, low, high = UNEVENNESS[name].without_chance(counts, EVEN, rng(seed))
        ideal += value == pytest.approx(IDEAL[name], abs=1e-9)
        held += low - 1e-9 <= IDEAL[name] <= high + 1e-9
    assert 17 <= ideal <= 43  # a fair coin falls outside once in 2,000 times
    assert held >= fewest_held(60)


UNEVEN = np.array([0.3, 0.3, 0.2, 0.2])


@pytest.mark.parametrize("shares", [UNEVEN, np.array([0.5, 0.25, 0.125, 0.125])])
@pytest.mark.parametrize("name", IDEAL)
def test_of_uneven_shares_the_value_is_right_in_the_median_and_intervals_hold_it(
    name: str, shares: np.ndarray
) -> None:
    truth = float(UNEVENNESS[name].figure(shares, EVEN))
    above, held, plain = 0, 0, 0
    for seed in range(40):
        counts = rng(seed).multinomial(150, shares)
        value, low, high = UNEVENNESS[name].without_chance(counts, EVEN, rng(seed))
        assert 0 <= low <= value <= high <= 1
        above += value > truth
        plain += UNEVENNESS[name].figure(counts / 150, EVEN) > truth
        held += low <= truth <= high
    assert held >= fewest_held(40)
    assert 10 <= above <= 30  # a fair coin falls outside once in 1,000 times
    worse = plain if UNEVENNESS[name].rises else 40 - plain
    if shares is UNEVEN:
        assert worse > 22  # the plain figure is worse than the truth more often than not


def test_groups_are_those_that_chance_does_not_make() -> None:
    """A class that is missing, a pair that is twice as frequent, and the others: three ratios."""
    data = np.array([0.2, 0.2, 0.1, 0.1, 0.2, 0.2])
    counts = np.array([0, 203, 199, 210, 196, 192])
    grouped = in_groups(counts, data)
    ratios = grouped / data
    assert grouped.sum() == pytest.approx(1)
    assert ratios[0] == 0
    np.testing.assert_allclose(ratios[[1, 4, 5]], (203 + 196 + 192) / 1000 / 0.6)
    np.testing.assert_allclose(ratios[[2, 3]], (199 + 210) / 1000 / 0.2)
    even = rng(0).multinomial(1000, np.full(10, 0.1))
    np.testing.assert_allclose(in_groups(even, np.full(10, 0.1)), 0.1)
    strange = in_groups(np.array([0, 0, 7, 3]), np.array([0.5, 0.5, 0, 0]))
    np.testing.assert_allclose(strange, [0, 0, 0.7, 0.3])  # classes that the data has not
    apart = np.array([100, 200, 300, 400]) * 100
    np.testing.assert_allclose(in_groups(apart, EVEN), apart / apart.sum())


def test_classes_that_are_even_beside_one_that_is_missing_are_not_uneven_by_chance() -> None:
    """The found shares alone have intervals that hold this truth in seven of ten samples."""
    shares, even = np.r_[0, np.full(9, 1 / 9)], np.full(10, 0.1)
    held, values = 0, []
    for seed in range(40):
        counts = rng(seed).multinomial(1000, shares)
        value, low, high = UNEVENNESS["class_gini"].without_chance(counts, even, rng(seed))
        held += low <= 0.1 <= high
        values.append(value)
    assert held >= fewest_held(40)
    assert np.mean(values) == pytest.approx(0.11, abs=0.01)  # of found shares alone: 0.12


def test_shares_at_the_end_of_the_range_have_intervals_within_it() -> None:
    found = class_balance(np.zeros(50, int), EVEN, rng=rng())
    for name, worst in {"class_tv": 0.75, "class_gini": 0.75, "class_entropy": 0.0}.items():
        each = found[name]
        assert each.value == pytest.approx(worst)
        assert each.low is not None
        assert each.high is not None
        assert 0 <= each.low <= each.high <= 1
        assert each.high - each.low < 0.2


def test_a_stray_image_does_not_bring_a_missing_class_back() -> None:
    judged = np.repeat([0, 1, 2, 3], [400, 300, 295, 5])
    assert class_balance(judged, EVEN, rng=rng())["classes_missing"].value == 1


@pytest.fixture
def no_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take nearly all of the time, and the p-value does not need them."""
    monkeypatch.setattr("reparam.evaluation.measures.classes.REPEATS", 1)
    monkeypatch.setattr("reparam.evaluation.measures.classes.STEPS", np.array([0.0, 1.0]))


@pytest.mark.usefixtures("no_intervals")
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


@pytest.mark.usefixtures("no_intervals")
def test_with_a_perfect_judge_about_one_in_twenty_samples_is_an_alarm() -> None:
    """Between 2 and 21 of 200: outside of it a true 5 % falls twice in 1,000 times."""
    alarms = 0
    for seed in range(200):
        found = class_balance(rng(seed).integers(0, 4, 400), EVEN, rng=rng(seed))["class_tv"]
        assert found.p_value is not None
        alarms += found.p_value <= 0.05
    assert 2 <= alarms <= 21


def test_the_reference_is_what_real_images_score() -> None:
    """Of a judge that takes a fifth of class 1 for class 2, on as many real images as it is."""
    reference = np.arange(4000) % 4
    reference[(reference == 1) & (rng().uniform(size=4000) < 0.2)] = 2
    found = class_balance(reference, EVEN, rng=rng(), reference_labels=reference)
    for name, expected in {"class_tv": 0.05, "class_gini": 0.075}.items():
        assert found[name].reference == pytest.approx(expected, abs=0.012), name
        assert found[name].value == pytest.approx(found[name].reference, abs=0.005), name
    perfect = class_balance(reference, EVEN, rng=rng())
    assert {name: perfect[name].reference for name in IDEAL} == pytest.approx(IDEAL)


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


def test_the_interval_of_a_count_holds_the_count() -> None:
    """Class 3 is near the limit of a tenth: some resamplings have it, some miss it."""
    judged = np.repeat([0, 1, 2, 3], [400, 300, 277, 24])
    found = class_balance(judged, EVEN, rng=rng())["classes_missing"]
    assert (found.value, found.low, found.high) == (1, 0, 1)


@given(arrays(np.float64, 6, elements=st.floats(0.01, 100)), st.floats(0.1, 10))
def test_gini_has_no_unit_and_falls_when_the_rich_give_to_the_poor(
    amounts: np.ndarray, scale: float
) -> None:
    six = np.ones(6)
    assert gini(scale * amounts, six) == pytest.approx(gini(amounts, six))
    given_away = amounts.copy()
    quarter = (amounts.max() - amounts.min()) / 4
    given_away[amounts.argmax()] -= quarter
    given_away[amounts.argmin()] += quarter
    assert gini(given_away, six) <= gini(amounts, six) + 1e-12
