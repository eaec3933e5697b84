"""Verdicts: what intervals decide, and what the claims make of scorecards."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import RunError
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.scoring.catalogue import MEASURES, TOPICS, Entry
from reparam.evaluation.scoring.claims import CLAIMS
from reparam.evaluation.scoring.deciding import Interval, above_ideal, decide, gained
from reparam.evaluation.scoring.groups import Group, ends, improvement, trends
from reparam.evaluation.scoring.scorecard import PriorScores, Scorecard, scorecard_from_mapping
from reparam.evaluation.scoring.verdicts import Verdict, claim_pair, verdicts
from reparam.evaluation.scoring.words import ideal_text, interval_text, measured_text

LOWER = Entry("centre", "a", "a", "lower", matters=0.1)
HIGHER = Entry("centre", "a", "a", "higher", matters=0.1)
IDEAL = Entry("centre", "a", "a", "ideal", matters=0.1)


def card(
    measures: Mapping[str, Measured] = {}, prior: Mapping[str, Measured] = {}, seed: int = 0
) -> Scorecard:
    return Scorecard(
        title="AE",
        latent_dim=2,
        variational=False,
        source="digits",
        split="test",
        images=100,
        draws=100,
        seed=seed,
        judge="a judge",
        judge_accuracy=0.99,
        measures=measures,
        priors=(PriorScores("box", "box", "a box", prior, {"0": 3}),),
        kl_per_dimension=(),
        versions={name: MEASURES[name].version for name in (*measures, *prior)},
        subject={"weights": "0" * 64, "prior": "1" * 64, "images": "2" * 64},
        options={},
        seconds=1.0,
    )


def around(value: float, half: float = 0.01, reference: float | None = 0.0) -> Measured:
    return Measured(value, value - half, value + half, reference)


def one(**measures: Measured) -> Group:
    latent = {n: m for n, m in measures.items() if not MEASURES[n].by_prior}
    prior = {n: m for n, m in measures.items() if MEASURES[n].by_prior}
    return Group("a", (card(latent, prior),), {})


def fixed(verdict: Verdict) -> str:
    assert verdict.fixed is not None
    return verdict.fixed.word


def test_the_claims_are_judged_by_one_ae_and_one_vae() -> None:
    ae = one()
    vae = replace(ae, cards=(replace(ae.cards[0], variational=True),))
    assert claim_pair([vae, ae]) == (ae, vae)
    assert claim_pair([ae]) is None
    assert claim_pair([ae, vae, vae]) is None


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.2, 0.3, "confirmed"),
        (-0.2, 0.05, "refuted"),
        (-0.1, 0.3, "undecided"),
        (0.05, 0.15, "undecided"),
        (-0.5, -0.3, "refuted"),
    ],
)
def test_only_a_whole_interval_decides(low: float, high: float, word: str) -> None:
    found = decide([(Interval((low + high) / 2, low, high), 0.1)])
    assert [decision.word for decision in found] == [word]


def test_worse_than_ideal_is_above_it_or_below_it_as_the_measure_has_it() -> None:
    low = above_ideal(around(0.7, 0.1, 0.5), LOWER)
    high = above_ideal(around(0.7, 0.1, 0.9), HIGHER)
    assert low is not None
    assert high is not None
    assert (low.low, low.high) == pytest.approx((0.1, 0.3))
    assert (high.low, high.high) == pytest.approx((0.1, 0.3))
    assert above_ideal(Measured(0.7), LOWER) is None


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0, 2), st.floats(0, 2))
def test_a_gain_has_its_value_inside_and_turns_its_sign_with_the_order(
    old: float, new: float, half_old: float, half_new: float
) -> None:
    before, after = around(old, half_old), around(new, half_new)
    there, back = gained(before, after, LOWER), gained(after, before, LOWER)
    assert there is not None
    assert back is not None
    assert there.low <= old - new + 1e-9
    assert there.high >= old - new - 1e-9
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    width = (half_old**2 + half_new**2) ** 0.5
    assert there.high - there.low == pytest.approx(2 * width, abs=1e-9)


def test_a_gain_is_towards_the_better_side() -> None:
    more = gained(around(1.0), around(2.0), HIGHER)
    less = gained(around(1.0), around(2.0), LOWER)
    nearer = gained(around(0.2, reference=1.0), around(1.5, reference=1.0), IDEAL)
    assert more is not None
    assert more.low > 0
    assert less is not None
    assert less.high < 0
    assert nearer is not None
    assert (nearer.low + nearer.high) / 2 == pytest.approx(0.3)


def test_what_differs_is_the_distance_to_an_ideal_model() -> None:
    """Two ideal models, whose figures differ by bias alone (more dimensions), are equally good."""
    few, many = around(0.00125, 0.001, 0.00125), around(0.0328, 0.001, 0.0328)
    gain = gained(few, many, MEASURES["gaussian_kl"])
    assert gain is not None
    assert gain.low < 0 < gain.high
    assert decide([(gain, MEASURES["gaussian_kl"].matters)])[0].word == "refuted"
    groups = [Group("a", tuple(card({"gaussian_kl": m}) for m in (x, x)), {}) for x in (few, many)]
    (trend,) = trends(groups)
    assert trend.worse.word == "refuted"


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [
        (["auto", "1000", "100", "10000"], "100", "10000"),
        (["8", "32", "1e3", "2"], "2", "1e3"),
        (["auto", "100"], "auto", "100"),
        (["sigmoid", "linear", "clamp"], "sigmoid", "clamp"),
    ],
)
def test_a_trend_is_from_the_lowest_number_to_the_highest(
    values: list[str], first: str, last: str
) -> None:
    groups = [Group(value, (card(),), {"weight": value}) for value in values]
    assert [group.title for group in ends("weight", groups)] == [first, last]


def test_below_an_ideal_value_the_low_end_is_the_bad_one() -> None:
    sure, unsure = Measured(0.8, 0.8, 0.8, 1.0), Measured(0.5, 0.2, 0.6, 1.0)
    gain = gained(unsure, sure, IDEAL)  # worse by 0.5, at most 0.8, at least 0.4, against 0.2
    assert gain is not None
    assert (gain.low, gain.high) == pytest.approx((0.2, 0.6))


@pytest.mark.parametrize("ends", [(0.8, 1.15), (0.95, 1.3), (1.0, 1.2)])
def test_a_range_that_may_be_ideal_gains_nothing_for_sure(ends: tuple[float, float]) -> None:
    """The old figure's interval holds the ideal one, so the gain may be 0."""
    before = Measured(sum(ends) / 2 + 0.01, *ends, 1.0)
    gain = gained(before, Measured(1.0, 0.99, 1.01, 1.0), IDEAL)
    assert gain is not None
    assert gain.low <= 0.01


def test_a_claim_is_decided_by_a_measure_that_both_models_have() -> None:
    ae = one(class_gini=around(0.5), class_tv=around(0.4))
    areas = verdicts(ae, one(class_tv=around(0.1)))[3]
    assert (areas.claim.number, areas.measure, fixed(areas)) == (2, "class_tv", "confirmed")


def test_an_uneven_ae_that_a_vae_fixes() -> None:
    ae = one(centre=around(0.5), class_tv=around(0.4), radius_99=around(3.0, 0.1, 1.0))
    vae = one(centre=around(0.001, 0.001), class_tv=around(0.05), radius_99=around(1, 0.1, 1))
    found = {v.claim.en: v for v in verdicts(ae, vae)}
    assert found["The AE's latent points are off-centre"].holds.word == "confirmed"
    assert fixed(found["The AE's latent points are off-centre"]) == "confirmed"
    areas = found["Classes take very unequal areas"]
    assert (areas.measure, areas.holds.word, fixed(areas)) == ("class_tv", "confirmed", "confirmed")
    assert found["… and not symmetric about the origin"].holds.word == "absent"


def test_an_even_ae_refutes_what_is_said_of_it() -> None:
    even = one(centre=around(0.001, 0.001), class_tv=around(0.011, 0.005, 0.01))
    found = {v.claim.measures[0]: v for v in verdicts(even, even)}
    assert found["centre"].holds.word == "refuted"
    assert fixed(found["centre"]) == "refuted"
    assert found["class_tv"].holds.word == "refuted"


def test_noise_removed_is_no_flaw() -> None:
    for gain, word in ((5.0, "confirmed"), (-3.0, "refuted")):
        found = verdicts(one(noise_removed=around(gain)), one())[-1]
        assert (found.claim.number, found.holds.word, found.fixed) == (5, word, None)


def test_over_seeds_the_interval_is_students_and_welchs() -> None:
    from scipy import stats

    values = {"a": [0.1, 0.14, 0.12], "b": [0.3, 0.38, 0.31, 0.29]}
    groups = {
        name: Group(name, tuple(card({"centre": around(v)}, seed=i) for i, v in enumerate(vs)), {})
        for name, vs in values.items()
    }
    found = groups["a"].find("centre")
    expected = stats.ttest_1samp(values["a"], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    gain = improvement(groups["b"], groups["a"], "centre")
    welch = stats.ttest_ind(values["b"], values["a"], equal_var=False).confidence_interval()
    assert gain is not None
    assert (gain.low, gain.high) == pytest.approx(tuple(welch))


def test_a_trend_is_from_the_first_group_to_the_last() -> None:
    groups = [
        one(class_tv=around(v), ssim=around(s)) for v, s in ((0.1, 0.5), (0.2, 0.6), (0.4, 0.9))
    ]
    found = {trend.measure: trend.worse.word for trend in trends(groups)}
    assert found == {"class_tv": "confirmed", "ssim": "refuted"}


def test_a_scorecard_survives_its_file() -> None:
    whole = card({"centre": around(0.5), "elbo": absent("a point has none")}, {"fid": around(3)})
    again = scorecard_from_mapping(json.loads(json.dumps(whole.to_mapping())), "file")
    assert again == whole
    assert again.find("fid") == whole.own.measures["fid"]
    assert again.find("fid", "flow").value is None


def test_another_schema_and_a_damaged_file_are_refused_by_name() -> None:
    values = card().to_mapping()
    with pytest.raises(RunError, match="schema 2, got 99"):
        scorecard_from_mapping({**values, "schema": 99}, "RUN/scorecard.json")
    with pytest.raises(RunError, match="priors missing"):
        scorecard_from_mapping({k: v for k, v in values.items() if k != "priors"}, "f")
    with pytest.raises(RunError, match="damaged"):
        scorecard_from_mapping({**values, "measures": {"fid": {"worth": 3}}}, "f")


def test_an_ideal_is_told_for_all_columns_of_a_row() -> None:
    box, normal = Measured(4.51, reference=0.4851), Measured(0.133, reference=0.0832)
    assert ideal_text([box, normal], LOWER) == "0.0832 to 0.485"
    assert ideal_text([box, Measured(0.2), box], LOWER) == "0.485"
    assert ideal_text([absent("none")], LOWER) == ""


def test_the_catalogue_is_whole() -> None:
    assert {entry.topic for entry in MEASURES.values()} == set(TOPICS)
    for claim in CLAIMS:
        assert set(claim.measures) <= set(MEASURES)
        for name in claim.measures:
            assert MEASURES[name].matters > 0, name
    for entry in MEASURES.values():
        assert entry.en
        assert entry.ko


def test_an_ideal_that_nobody_could_tell_from_zero_is_zero() -> None:
    tiny, large = around(1, reference=1e-4), around(1, reference=0.5)
    assert ideal_text([tiny, around(1, reference=-2e-4)], LOWER) == "≈ 0"
    assert ideal_text([large], LOWER) == "0.500"
    assert ideal_text([around(1, reference=0.0)], LOWER) == "0"
    assert ideal_text([tiny, large], LOWER) == "≈ 0 to 0.500"
    beside = Measured(-5.67e-05, -0.0002, 0.0002, reference=-2e-4)
    either = replace(LOWER, least=None)
    assert measured_text(beside, either) == ideal_text([beside], either) == "≈ 0", (
        "and so do values"
    )
    assert interval_text(beside, either) == ""
    assert interval_text(replace(beside, high=0.5), either) == "≈ 0 to 0.500"
    assert ideal_text([absent("none")], LOWER) == ""
