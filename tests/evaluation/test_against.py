"""Two scorecards row by row: image by image where both have the figures of each image."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from reparam.errors import RunError
from reparam.evaluation import Difference, check_same_judge, differences
from reparam.evaluation.measures.measured import Each, Measured, mean_of
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.groups import Group, improvement

from .test_claims import around, card

N = 200


def measured(values: np.ndarray, at: np.ndarray | None = None) -> Measured:
    return mean_of(values, at=at)


def rows(
    one: Mapping[str, Measured], other: Mapping[str, Measured], prior: bool = False
) -> dict[str, Difference]:
    cards = [card({}, several) if prior else card(several) for several in (one, other)]
    return {row.measure: row for row in differences(*cards)}


@pytest.fixture
def hard() -> np.ndarray:
    """How hard each image is, for any model: much more than models differ."""
    return np.random.default_rng(1).gamma(2.0, 0.02, N)


def test_a_shift_is_found_image_by_image_where_whole_intervals_overlap(hard: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    ours, theirs = hard, hard + 0.003 + rng.normal(0, 0.002, N)
    a, b = measured(ours), measured(theirs)
    assert a.high is not None
    assert b.low is not None
    assert a.high > b.low
    found = rows({"mse": a}, {"mse": b})["mse"]
    assert found.gain is not None
    assert (found.gain.pairing, found.images) == ("paired by image", N)
    assert found.gain.value == pytest.approx((theirs - ours).mean())
    assert found.gain.low > MEASURES["mse"].matters
    assert found.decided.word == "better"
    assert (found.decided.p or 1) < 1e-6
    back = rows({"mse": b}, {"mse": a})["mse"]
    assert back.decided.word == "worse"
    whole = rows({"mse": replace(a, each=None)}, {"mse": replace(b, each=None)})["mse"]
    assert whole.gain is not None
    assert (whole.gain.pairing, whole.images) == ("unpaired", 0)
    assert whole.decided.word == "undecided"


def test_more_is_better_where_the_measure_has_it_so(hard: np.ndarray) -> None:
    found = rows({"ssim": measured(hard + 0.5)}, {"ssim": measured(hard)})["ssim"]
    assert found.gain is not None
    assert found.gain.value == pytest.approx(0.5)
    assert found.decided.word == "better"
    rate = rows({"rate": measured(hard + 0.5)}, {"rate": measured(hard)})["rate"]
    assert rate.decided.word == "higher"


def test_a_scorecard_does_not_differ_from_itself(hard: np.ndarray) -> None:
    same = {"mse": measured(hard), "rate": measured(hard), "centre": around(0.5)}
    found = rows(same, same)
    assert {row.gain.value for row in found.values() if row.gain is not None} == {0.0}
    assert found["mse"].decided.word == found["rate"].decided.word == "same"
    assert found["mse"].decided.p is None, "nothing varies: nothing is tested"
    assert found["centre"].decided.word == "same"
    assert found["centre"].decided.p is not None


def test_what_is_too_small_to_matter_is_no_difference(hard: np.ndarray) -> None:
    tiny = hard + 1e-4 + np.random.default_rng(3).normal(0, 1e-5, N)
    found = rows({"mse": measured(hard)}, {"mse": measured(tiny)})["mse"]
    assert found.gain is not None
    assert found.gain.low > 0, "it is certain, and as good as nothing"
    assert found.decided.word == "same"


def test_images_that_only_one_has_are_left_out(hard: np.ndarray) -> None:
    """Two subsets in other orders: the difference is that of the common images."""
    rng = np.random.default_rng(4)
    mine, its = (rng.choice(N, 120, replace=False) for _ in range(2))
    a, b = measured(hard[mine], mine), measured(hard[its] + 0.01, its)
    found = rows({"mse": a}, {"mse": b})["mse"]
    assert found.images == len(set(mine) & set(its))
    assert found.gain is not None
    assert found.gain.value == pytest.approx(0.01)
    apart = rows({"mse": measured(hard[:9], np.arange(9))}, {"mse": measured(hard)})["mse"]
    assert apart.images == 9
    none = rows(
        {"mse": measured(hard[:9], np.arange(9))}, {"mse": measured(hard, np.arange(N) + 9)}
    )
    assert none["mse"].images == 0


def test_all_rows_are_one_family(hard: np.ndarray) -> None:
    noise = np.random.default_rng(5).normal(0, 0.01, (3, N))
    ours = {name: measured(hard) for name in ("mse", "ssim", "knn_accuracy")}
    theirs = {name: measured(hard + e) for name, e in zip(ours, noise, strict=True)}
    alone = rows({"mse": ours["mse"]}, {"mse": theirs["mse"]})["mse"].decided
    together = {name: row.decided for name, row in rows(ours, theirs).items()}
    assert all((row.holm or 0) >= (row.p or 1) for row in together.values())
    assert alone.holm == alone.p == together["mse"].p
    assert max((row.holm or 0) / (row.p or 1) for row in together.values()) == pytest.approx(3)


def test_rows_without_a_figure_or_an_interval_are_shown_and_not_judged() -> None:
    only = rows({"elbo": around(-90.0)}, {})["elbo"]
    assert (only.gain, only.decided.word) == (None, "absent")
    bare = rows({"own_fid": Measured(3.0)}, {"own_fid": Measured(4.0)}, prior=True)["own_fid"]
    assert (bare.gain, bare.decided.word) == (None, "undecided")
    endless = np.array([np.inf, 30.0, 31.0])
    exact = rows({"psnr": measured(endless)}, {"psnr": measured(endless)})["psnr"]
    assert exact.gain is None, "infinite less infinite is nothing"


def test_figures_of_two_quantities_have_no_difference(hard: np.ndarray) -> None:
    """A probability of black and white images beside a density of grey ones."""
    one = replace(measured(hard), quantity="density")
    other = replace(measured(hard + 99), quantity="probability")
    found = rows({"elbo": one}, {"elbo": other})["elbo"]
    assert (found.gain, found.decided.word, found.decided.p) == (None, "incomparable", None)
    groups = [Group("", (card({"elbo": row}),), {}) for row in (one, other)]
    assert improvement(*groups, "elbo") is None
    older = replace(one, quantity="")
    assert rows({"elbo": older}, {"elbo": other})["elbo"].decided.word == "worse"


def test_the_figures_of_each_image_are_no_part_of_the_json(hard: np.ndarray) -> None:
    whole = card({"mse": measured(hard)})
    assert "each" not in whole.to_mapping()["measures"]["mse"]  # type: ignore[index]
    assert whole.find("mse").each is not None
    moved = Each(hard, np.arange(N)).within(np.arange(N) * 2)
    assert moved.at.tolist() == list(range(0, 2 * N, 2))


def test_another_judge_is_refused() -> None:
    with pytest.raises(RunError, match="must be scored by the same judge, got 'a judge' and 'b'"):
        check_same_judge(card(), replace(card(), judge="b"))


def test_a_few_images_have_the_difference_of_all_as_a_control() -> None:
    """The log-likelihood of 50 of 2,000 images: as precise as the ELBO of all lets it be."""
    rng, many, n = np.random.default_rng(5), 2_000, 50
    misses, widths, alone = 0, [], []
    for _ in range(200):
        chosen = np.sort(rng.permutation(many)[:n])
        images = rng.normal(0, 10, many)  # how hard each is
        apart = rng.normal(1, 5, many)  # by how much the first model is better at each
        cards, bare = [], []
        for gain in (apart, 0 * apart):
            bound = images + gain + rng.normal(0, 1, many)  # of one draw
            own = images[chosen] + gain[chosen]  # of many draws
            values = own + rng.normal(2, 1, n)
            elbo = Measured(0.0, -1.0, 1.0, each=Each(bound, np.arange(many)))
            for several, each in ((cards, Each(values, chosen, own)), (bare, Each(values, chosen))):
                found = Measured(0.0, -1.0, 1.0, each=each)
                several.append({"log_likelihood": found, "elbo": elbo})
        row, plain = (rows(*several)["log_likelihood"] for several in (cards, bare))
        assert row.gain is not None
        assert plain.gain is not None
        assert (row.gain.pairing, row.images) == ("paired by image", n)
        misses += not row.gain.low < 1 < row.gain.high
        widths.append(row.gain.high - row.gain.low)
        alone.append(plain.gain.high - plain.gain.low)
    assert 3 <= misses <= 20, "95 % intervals"
    assert np.median(widths) < 0.4 * np.median(alone)
