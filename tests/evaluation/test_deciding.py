"""Tests of differences: p-values, Holm's correction, pairs of seeds, the values that can be."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.deciding import (
    Interval,
    decide,
    holm,
    paired_shares,
    student,
    welch,
)
from reparam.evaluation.scoring.groups import Group, excess, improvement, trends
from reparam.evaluation.scoring.verdicts import verdicts
from reparam.evaluation.scoring.words import (
    figure_text,
    ideal_text,
    interval_text,
    measured_text,
    p_values_text,
    pairing_text,
    value_text,
)

from .test_claims import around, card

AE = [0.61, 0.74, 0.55, 0.68, 0.6]
VAE = [0.52, 0.66, 0.44, 0.6, 0.5]
"""Every seed's VAE is better by about 0.09, while seeds differ by more."""


def group(values: Sequence[float], name: str = "class_tv", seeds: Sequence[int] = ()) -> Group:
    cards = tuple(card({}, {name: around(value)}) for value in values)
    return Group("a", cards, {}, tuple(seeds))


finite = st.floats(-5, 5)


@given(finite, st.floats(1e-3, 3), st.floats(1e-3, 3), finite, st.sampled_from([1, 4, math.inf]))
def test_a_p_value_says_what_its_interval_says(
    value: float, down: float, up: float, bound: float, freedom: float
) -> None:
    found = Interval(value, value - down, value + up, freedom)
    close = min(abs(found.low - bound), abs(found.high - bound)) < 1e-9
    assert close or (found.p_above(bound) < 0.025) == (found.low > bound)
    assert close or (found.p_below(bound) < 0.025) == (found.high < bound)
    assert found.p_above(bound) + found.p_below(bound) == pytest.approx(1)
    assert (-found).p_above(-bound) == found.p_below(bound)


def test_p_values_over_seeds_are_those_of_t_tests() -> None:
    rest = {"popmean": 0.58, "alternative": "greater"}
    assert student(AE).p_above(0.58) == pytest.approx(stats.ttest_1samp(AE, **rest).pvalue)
    expected = stats.ttest_ind(AE, VAE, equal_var=False, alternative="greater").pvalue
    assert welch(AE, VAE).p_above(0.0) == pytest.approx(expected)
    pairs = student(np.subtract(AE, VAE).tolist())
    expected = stats.ttest_rel(AE, VAE, alternative="greater").pvalue
    assert pairs.p_above(0.0) == pytest.approx(expected)


def test_holms_correction_of_known_p_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_correction_lowers_no_p_value_and_keeps_their_order(p: list[float]) -> None:
    corrected = holm(p)
    assert all(raw <= after <= 1 for raw, after in zip(p, corrected, strict=True))
    assert min(corrected) == pytest.approx(min(1.0, len(p) * min(p)))
    by_raw = [after for _, after in sorted(zip(p, corrected, strict=True))]
    assert by_raw == sorted(by_raw)


def test_a_table_without_differences_seldom_confirms_any() -> None:
    """15 differences that are exactly what matters, over 3 seeds with a common part: at most 2.5 %
    of tables may confirm one. 300 tables: more than 15 would come of that once in 250 times.
    """
    rng = np.random.default_rng(0)
    corrected = plain = 0
    for _ in range(300):
        seeds = 1.0 + rng.normal(size=(3, 1)) + rng.normal(size=(3, 15))
        table = [(student(column), 1.0) for column in seeds.T.tolist()]
        corrected += any(decision.word == "confirmed" for decision in decide(table))
        plain += any(found.low > 1.0 for found, _ in table)
    assert corrected <= 15
    assert plain > 40


def test_one_table_is_one_family_and_what_is_exact_is_no_test() -> None:
    """0.04 alone is enough, and in a table of two it is not, unless the other one is decided."""
    close = Interval(2.06, 0.1, 4.02)  # p = 0.039
    assert decide([(close, 0.0)])[0].word == "confirmed"
    two = decide([(close, 0.0), (Interval(0.0, -1.0, 1.0), 0.0)])
    assert [decision.word for decision in two] == ["undecided", "undecided"]
    assert two[0].p == pytest.approx(0.0394, abs=1e-3)
    assert two[0].holm == pytest.approx(2 * 0.0394, abs=1e-3)
    sure = decide([(close, 0.0), (Interval(9.0, 8.0, 10.0), 0.0)])
    assert [decision.word for decision in sure] == ["confirmed", "confirmed"]
    exact = decide([(close, 0.0), (Interval(0.3, 0.3, 0.3), 0.1), (None, 0.1)])
    assert [decision.word for decision in exact] == ["confirmed", "confirmed", "absent"]
    assert exact[1].p is None
    assert p_values_text(exact[1]) == ""
    assert p_values_text(exact[0]) == "0.039 / 0.039"


def test_pairs_that_are_all_equal_do_not_show_that_all_others_are() -> None:
    """Of twelve images that two models both get right: a difference of 20 % is not excluded."""
    found = paired_shares(np.ones(12), np.ones(12))
    assert found.value == 0
    assert found.low == -found.high == pytest.approx(-1.96 / 14, abs=1e-4)
    tests = {"better": Interval.p_above, "same": lambda it, m: max(it.p_below(m), (-it).p_below(m))}
    assert decide([(found, 0.02)], tests)[0].word == "undecided"
    many = paired_shares(np.ones(20_000), np.ones(20_000))
    assert decide([(many, 0.02)], tests)[0].word == "same"


def test_a_difference_of_paired_shares_by_hand() -> None:
    """Agresti & Min 2005: 10 pairs for the first and 4 for the other, of 100."""
    ours = [1.0] * 10 + [0.0] * 4 + [1.0] * 86
    theirs = [0.0] * 10 + [1.0] * 4 + [1.0] * 86
    found = paired_shares(np.array(ours), np.array(theirs))
    assert found.value == pytest.approx(0.06)
    centre, half = 6 / 102, 1.959964 * math.sqrt((15 / 102 - (6 / 102) ** 2) / 102)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_intervals_of_paired_shares_hold_the_difference() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        kinds = rng.choice(4, 30, p=[0.85, 0.1, 0.02, 0.03])
        found = paired_shares((kinds < 2) * 1.0, (kinds % 2 == 0) * 1.0)
        held += found.low <= 0.08 <= found.high
    assert held > 930


def test_a_side_without_width_is_no_certainty() -> None:
    """Of an interval with a width on its other side: nothing is known of this one."""
    found = Interval(1.0, 0.2, 1.0)
    assert found.p_below(1.5) == 0.5
    assert found.p_above(0.5) < 0.2


def test_equal_seeds_on_equal_images_are_compared_seed_by_seed() -> None:
    """Welch's interval holds 0; the paired one does not, also where the order is another."""
    order = [3, 0, 4, 1, 2]
    before = group(AE, seeds=range(5))
    after = group([VAE[i] for i in order], seeds=order)
    gain = improvement(before, after, "class_tv")
    assert gain is not None
    assert gain.pairing == "paired by seed"
    expected = stats.ttest_rel(AE, VAE).confidence_interval()
    assert (gain.low, gain.high) == pytest.approx(tuple(expected))
    assert gain.low > 0
    unpaired = improvement(group(AE), group(VAE), "class_tv")
    assert unpaired is not None
    assert unpaired.low < 0
    assert (gain.value, unpaired.value) == pytest.approx((0.092, 0.092))


def test_other_seeds_or_images_are_no_pairs() -> None:
    before, after = group(AE, seeds=range(5)), group(VAE, seeds=range(5))
    others = [
        replace(after, seeds=(0, 1, 2, 3, 5)),
        replace(after, seeds=()),
        replace(after, seeds=(0, 1, 2, 3, 3)),
        replace(after, cards=after.cards[:4], seeds=(0, 1, 2, 3)),
        replace(after, cards=(replace(after.cards[0], subject={"images": "x"}), *after.cards[1:])),
    ]
    for other in others:
        gain = improvement(before, other, "class_tv")
        assert gain is not None
        assert gain.pairing == "unpaired"
    twice = replace(before, seeds=(0, 1, 2, 3, 3))
    gain = improvement(twice, replace(after, seeds=(0, 1, 2, 3, 3)), "class_tv")
    assert gain is not None
    assert gain.pairing == "unpaired"


def test_the_reference_of_each_seed_is_its_own() -> None:
    """Figures and references that vary together are above ideal for sure."""
    cards = tuple(
        card({}, {"sliced_wasserstein": around(2 * i + 1 + 0.01 * i, reference=2.0 * i)})
        for i in range(4)
    )
    found = verdicts_of("sliced_wasserstein", Group("a", cards, {}, tuple(range(4))))
    assert (found.low, found.high) == pytest.approx((1.0, 1.03), abs=0.01)


def verdicts_of(name: str, ae: Group) -> Interval:
    found = excess(ae, name)
    assert found is not None
    return found


def test_all_verdicts_of_a_table_are_one_family() -> None:
    """A claim that its own interval confirms, and the table of fifteen does not."""
    close, unsure = Measured(0.1, 0.035, 0.17), Measured(0.5, -1.0, 2.0)
    rest = dict.fromkeys(("asymmetry", "radius_99"), unsure)
    by_prior = dict.fromkeys(("class_gini", "class_tv", "unlikely_share", "prior_gaps"), unsure)
    alone = Group("a", (card({"centre": close}),), {})
    whole = Group("a", (card({"centre": close, **rest}, by_prior),), {})
    assert verdicts(alone, alone)[0].holds.word == "confirmed"
    found = verdicts(whole, whole)[0].holds
    assert found.word == "undecided"
    assert found.p == verdicts(alone, alone)[0].holds.p
    tests = [v.holds.p for v in verdicts(whole, whole)] + [
        v.fixed.p for v in verdicts(whole, whole) if v.fixed is not None
    ]
    family = sum(p is not None for p in tests)
    assert family == 14
    assert found.holm == pytest.approx(family * (found.p or 0))


def test_the_measures_of_a_trend_are_one_family() -> None:
    close, unsure = Measured(0.15, 0.04, 0.24), Measured(0.5, -1.0, 2.0)
    names = ("kid", "recall", "density", "coverage", "precision")
    first = card({}, {"class_tv": Measured(0.0, 0.0, 0.0), **dict.fromkeys(names, unsure)})
    last = card({}, {"class_tv": close, **dict.fromkeys(names, unsure)})
    found = trends([Group("a", (first,), {}), Group("b", (last,), {})])
    (trend,) = [trend for trend in found if trend.measure == "class_tv"]
    assert trend.change.low > MEASURES["class_tv"].matters
    assert trend.worse.word == "undecided"
    assert trend.worse.holm == pytest.approx(6 * (trend.worse.p or 0))


def test_an_interval_over_seeds_has_only_possible_values() -> None:
    """A share's interval is cut at 0 and 1, its mean and its test are not."""
    shares = group([0.02, 0.5, 0.24], seeds=range(3))
    whole = student([0.02, 0.5, 0.24])
    assert whole.low < -0.3
    found = shares.find("class_tv")
    assert (found.low, found.high) == (0.0, pytest.approx(whole.high))
    assert found.value == pytest.approx(0.76 / 3)
    assert group([0.9, 0.99]).find("class_tv").high == 1.0
    scores = Group("a", tuple(card({"psnr": around(v)}) for v in (1.0, 90.0)), {})
    assert (scores.find("psnr").low or 0) < 0, "a PSNR may have any sign"
    one = group([0.3])
    assert one.find("class_tv") == around(0.3), "a measure's own interval is its own matter"
    gain = improvement(one, shares, "class_tv")
    assert gain is not None
    assert gain.high > 0.3 - whole.low - 0.01, "cut for the reader alone"


@pytest.mark.filterwarnings("error")
def test_over_seeds_of_which_one_is_infinite_there_is_no_interval() -> None:
    """A PSNR is infinite where a single image is drawn perfectly."""

    def psnr(*values: float) -> Group:
        found = [around(v) if math.isfinite(v) else Measured(v) for v in values]
        return Group("a", tuple(card({"psnr": m}) for m in found), {}, tuple(range(len(values))))

    finite, one = psnr(30.0, 31.0, 32.0), psnr(30.0, math.inf, 32.0)
    found = one.find("psnr")
    assert (found.value, found.low, found.high) == (math.inf, None, None)
    assert figure_text(found, MEASURES["psnr"]) == "∞"
    assert excess(one, "psnr") is None
    for before, after in ((finite, one), (one, finite), (one, one)):
        assert improvement(before, after, "psnr") is None
        assert improvement(before, replace(after, seeds=()), "psnr") is None
    assert value_text(math.nan, MEASURES["psnr"]) == "–"


def test_the_reader_sees_possible_values() -> None:
    entry = MEASURES["mmd"]
    found = Measured(-0.0012, -0.003, 0.0004, reference=-0.0001)
    assert figure_text(found, entry) == "0 (0 to 0.000400)"
    assert measured_text(found, entry) == "0"
    assert interval_text(found, entry) == "0 to 0.000400"
    assert interval_text(Measured(-0.02, -0.03, -0.01), entry) == ""
    assert ideal_text([found], entry) == "0"
    assert card({}, {"mmd": found}).to_mapping() == card({}, {"mmd": found}).to_mapping()
    assert card({}, {"mmd": found}).find("mmd").value == -0.0012
    assert figure_text(Measured(-1.5), MEASURES["noise_removed"]) == "−1.50"
    assert figure_text(Measured(1.02, 0.9, 1.1), MEASURES["auc"]) == "1.00 (0.900 to 1.00)"


def test_every_measure_has_the_range_of_its_values() -> None:
    endless = {name for name, e in MEASURES.items() if e.least is None and e.most is None}
    decibels, densities = {"psnr", "noise_removed"}, {"elbo", "log_likelihood"}
    assert endless == decibels | densities | {"bits_per_dimension"}
    for entry in MEASURES.values():
        assert entry.clip(0.5) == 0.5
        assert entry.clip(-1e9) == (-1e9 if entry.least is None else entry.least)
        assert entry.clip(1e9) == (1e9 if entry.most is None else entry.most)


def test_how_differences_were_taken_is_said_once_or_measure_by_measure() -> None:
    seeds, images = student([1.0, 2.0], "paired by seed"), Interval(0.0, -1.0, 1.0)
    assert pairing_text({"mse": seeds, "ssim": None}) == "paired by seed"
    assert pairing_text({"mse": seeds, "ssim": images, "psnr": images}) == (
        "paired by seed: mean squared error; unpaired: SSIM, PSNR"
    )
    assert pairing_text({"mse": images}, "ko") == "짝짓지 않음"
    assert pairing_text({}) == ""
