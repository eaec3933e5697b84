"""Figures of detection: known answers, and parity with scikit-learn and with slow computations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from scipy.stats import norm
from sklearn.metrics import f1_score, roc_auc_score, roc_curve

from reparam.errors import DataError, ShapeError
from reparam.evaluation.anomaly import (
    ALL,
    GOOD,
    aupro,
    best_f1,
    detection,
    image_auroc,
    pixel_auroc,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def masked(n: int, seed: int = 0, side: int = 20) -> np.ndarray:
    """Two regions of unequal size in every other picture, and touching ones in some."""
    masks = np.zeros((n, side, side), bool)
    for i in range(0, n, 2):
        top, left = rng(seed + i).integers(0, side // 2 - 3, 2)
        masks[i, top : top + 3, left : left + 5] = True
        masks[i, top + 8 : top + 10, left + 6 : left + 8] = True
        masks[i, top + 10, left + 8] = i % 4 == 0  # touches at a corner
    return masks


def slow_aupro(maps: np.ndarray, masks: np.ndarray, limit: float = 0.3) -> float:
    """Threshold by threshold and region by region, as the paper says it."""
    regions = []
    for i, mask in enumerate(masks):
        parts, count = label(mask, np.ones((3, 3)))
        regions += [maps[i][parts == k] for k in range(1, count + 1)]
    x, y = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        x.append(float((maps[~masks] >= threshold).mean()))
        y.append(float(np.mean([(part >= threshold).mean() for part in regions])))
    grid = np.linspace(0, limit, 20_001)
    return float(np.trapezoid(np.interp(grid, x, y), grid)) / limit


def test_two_regions_of_unequal_size_by_hand() -> None:
    """10 pixels outside of masks; a region of 4 and one of 1. By falling score: 2 of the large one,
    then 1 outside, then the small one, then 1 outside, then the rest of the large, then the rest.

    PRO is ½·½ = 0.25 until the rate 0.1, then ½ (½ + 1) = 0.75 until 0.2, then 1:
    the area to 0.3 is 0.1 (0.25 + 0.75 + 1) = 0.2, over 0.3 two thirds.
    """
    mask = np.zeros((3, 5), bool)
    mask[0, :4] = mask[2, 4] = True
    scores = np.zeros((3, 5))
    scores[0, :4] = [9, 9, 4, 4]
    scores[2, 4] = 7
    scores[1, 0], scores[1, 1] = 8, 6
    found = aupro(scores[None], mask[None], rng=rng())
    assert found.value == pytest.approx(2 / 3)
    assert found.low is None  # a single picture says nothing of others
    assert slow_aupro(scores[None], mask[None]) == pytest.approx(2 / 3, abs=1e-4)
    # Of pixels: 9, 9 are above all; 7 above 9 of 10; 4, 4 above 8 of 10.
    pixels = pixel_auroc(scores[None], mask[None], rng=rng())
    assert pixels.value == pytest.approx((1 + 1 + 0.9 + 0.8 + 0.8) / 5)


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_parity_with_scikit_learn_and_with_the_definition(seed: int, levels: int) -> None:
    masks = masked(6, seed)
    maps = np.rint((rng(seed).random(masks.shape) + 0.3 * masks) * levels)  # with ties
    flat = masks.ravel()
    pixels, overlap = pixel_auroc(maps, masks, rng=rng()), aupro(maps, masks, rng=rng())
    assert pixels.value == pytest.approx(roc_auc_score(flat, maps.ravel()))
    assert overlap.value == pytest.approx(slow_aupro(maps, masks), abs=1e-4)
    weights = np.ones(flat.shape)
    weights[flat] = np.concatenate(
        [(m / np.bincount((p := label(m, np.ones((3, 3)))[0]).ravel())[p])[m] for m in masks]
    )
    x, y, _ = roc_curve(flat, maps.ravel(), sample_weight=weights, drop_intermediate=False)
    grid = np.linspace(0, 0.3, 20_001)
    area = np.trapezoid(np.interp(grid, x, y), grid) / 0.3
    assert overlap.value == pytest.approx(area, abs=1e-4)
    for found in (pixels, overlap):
        assert found.low is not None
        assert found.high is not None
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high


def test_perfect_and_constant_maps() -> None:
    masks = masked(8)
    for found in (pixel_auroc(masks * 1.0, masks, rng=rng()), aupro(masks * 1.0, masks, rng=rng())):
        assert found.value == 1
        assert found.high == 1
        assert found.low == pytest.approx(0.05 ** (1 / 4))  # four defects leave much open
    constant = np.full(masks.shape, 3.0)
    assert pixel_auroc(constant, masks, rng=rng()).value == pytest.approx(0.5)
    assert aupro(constant, masks, rng=rng()).value == pytest.approx(0.15)
    random = rng().random((400, 20, 20))
    assert aupro(random, masked(400), rng=rng()).value == pytest.approx(0.15, abs=0.01)
    assert pixel_auroc(-1.0 * masks, masks, rng=rng()).value == 0


def test_a_small_region_counts_as_much_as_a_large_one() -> None:
    masks = np.zeros((1, 30, 30), bool)
    masks[0, :10, :10] = masks[0, 20, 20] = True
    maps = np.zeros((1, 30, 30))
    maps[0, :10, :10] = 1  # the large one is found, the small one is not
    assert aupro(maps, masks, rng=rng()).value == pytest.approx((0.5 + 0.5 + 0.15) / 2, abs=1e-6)
    assert pixel_auroc(maps, masks, rng=rng()).value > 0.99


def test_the_best_f1_is_that_of_the_best_threshold() -> None:
    good, bad = rng().normal(0, 1, 60).round(1), rng(1).normal(1.5, 1, 40).round(1)
    scores, truth = np.concatenate([good, bad]), np.arange(100) >= 60
    slow = max(f1_score(truth, scores >= threshold) for threshold in scores)
    found = best_f1(good, bad, rng())
    assert found.value == pytest.approx(slow)
    threshold = float(found.note.split("≥ ")[1].split(",")[0])
    assert f1_score(truth, scores >= threshold) == pytest.approx(slow)
    assert best_f1(np.zeros(5), np.ones(5), rng()).value == 1
    same = best_f1(np.zeros(30), np.zeros(10), rng())
    assert same.value == pytest.approx(2 * 10 / (10 + 40))  # everything is called a defect


@pytest.mark.parametrize("what", ["pixels", "regions"])
def test_intervals_hold_the_figure_of_many_more_pictures(what: str) -> None:
    """Pictures differ in how well a defect shows; pixels of one are no independent evidence."""
    measure = {"pixels": pixel_auroc, "regions": aupro}[what]

    def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        generator = rng(seed)
        masks = masked(n, seed, 20)
        shown = generator.normal(1.5, 1, (n, 1, 1))
        return masks, generator.normal(0, 1, masks.shape) + masks * shown

    masks, maps = drawn(1500, 10**6)
    truth = measure(maps, masks, rng=rng()).value
    assert truth is not None
    held = 0
    for seed in range(25):
        masks, maps = drawn(40, 100 * seed)
        found = measure(maps, masks, rng=rng(seed))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held >= 20  # below it with probability 0.0012 at 95 %


def test_each_kind_is_beside_all_good_pictures() -> None:
    kinds = [GOOD] * 40 + ["dent"] * 30 + ["scratch"] * 20
    scores = rng().normal(0, 1, 90)
    scores[70:] += 2
    masks = [None] * 40 + [*(masked(100)[::2])]
    maps = rng(1).normal(0, 1, (90, 20, 20)).round(1)
    maps[70:] += 2 * np.array(masks[70:])
    found = detection(scores, kinds, maps, masks, rng=rng())
    assert list(found) == [ALL, "dent", "scratch"]
    assert found["dent"].image_auroc.value == pytest.approx(
        roc_auc_score(np.arange(70) >= 40, scores[:70])
    )
    assert found["scratch"].image_auroc.value == pytest.approx(norm.cdf(2**0.5), abs=0.06)
    assert found["scratch"].image_auroc == image_auroc(scores[:40], scores[70:])
    assert found[ALL].image_auroc.samples == 90
    assert found["dent"].pixel_auroc.value == pytest.approx(0.5, abs=0.05)
    of_scratches = np.concatenate([maps[:40], maps[70:]])
    truth = np.concatenate([np.zeros((40, 20, 20), bool), np.array(masks[70:])])
    assert found["scratch"].pixel_auroc.value == pytest.approx(
        roc_auc_score(truth.ravel(), of_scratches.ravel())
    )
    assert found["scratch"].aupro.value == pytest.approx(slow_aupro(of_scratches, truth), abs=1e-3)


def test_defects_without_a_mask_are_left_out_of_pixels_alone() -> None:
    masks: list[np.ndarray | None] = list(masked(10))
    kinds = ["dent" if mask is not None and mask.any() else GOOD for mask in masks]
    maps = rng().normal(0, 1, (10, 20, 20)) + np.array(masked(10))
    whole = detection(np.arange(10.0), kinds, maps, masks, rng=rng())
    maps[2], masks[2] = 1e6, None
    partly = detection(np.arange(10.0), kinds, maps, masks, rng=rng())
    assert partly["dent"].image_auroc == whole["dent"].image_auroc
    assert "1 without a mask" in partly["dent"].pixel_auroc.note
    rest = [i for i in range(10) if i != 2]
    assert partly["dent"].pixel_auroc.value == pytest.approx(
        roc_auc_score(masked(10)[rest].ravel(), maps[rest].ravel())
    )
    nothing = detection(np.arange(10.0), kinds, maps, [None] * 10, rng=rng())["dent"]
    assert nothing.pixel_auroc.value is None
    assert "no mask" in nothing.aupro.note
    assert detection(np.arange(10.0), kinds, rng=rng())["dent"].aupro.value is None


def test_what_cannot_be_is_said() -> None:
    masks, maps = masked(4), rng().random((4, 20, 20))
    kinds = ["dent", GOOD] * 2
    with pytest.raises(ShapeError, match="its map's size 20×20, got 19×20"):
        pixel_auroc(maps, masks[:, 1:], rng=rng())
    with pytest.raises(DataError, match="no good picture"):
        detection(np.arange(2.0), ["a", "b"], rng=rng())
    with pytest.raises(DataError, match="no defect"):
        detection(np.arange(2.0), [GOOD] * 2, rng=rng())
    with pytest.raises(DataError, match="scores must be finite, got 1"):
        detection(np.array([np.nan, 1, 2, 3]), kinds, rng=rng())
    with pytest.raises(ShapeError, match=r"maps must be as many as scores \(4\), got 3"):
        detection(np.arange(4.0), kinds, maps[:3], masks, rng=rng())
    maps[0, 0, 0] = np.inf
    with pytest.raises(DataError, match="maps must be finite"):
        aupro(maps, masks, rng=rng())
    with pytest.raises(DataError, match="whole pictures"):
        aupro(np.ones((2, 4, 4)), np.ones((2, 4, 4), bool), rng=rng())
