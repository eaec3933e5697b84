"""How well scores and maps tell defects from good pictures, by kind of defect."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reparam.errors import DataError, ShapeError
from reparam.evaluation.anomaly.curve import Masks, PixelCurves
from reparam.evaluation.measures.measured import (
    REPEATS,
    Measured,
    absent,
    percentile_interval,
)
from reparam.evaluation.measures.roc import auc

GOOD = "good"
"""The kind of pictures that have no defect."""

ALL = "all"
"""In place of a kind: defects of every kind together."""

PRO_LIMIT = 0.3
"""False-positive rate up to which the PRO curve counts (Bergmann et al. 2020)."""

NO_MAP = "the score has no map, or there are no masks"


@dataclass(frozen=True)
class Detection:
    """Of good pictures beside those with one kind of defect, or with any."""

    image_auroc: Measured
    """P(a defect's score > a good one's) + ½ P(=). 0.5 is chance."""
    best_f1: Measured
    """Of the threshold that is the best for these very pictures: an upper bound of what one that is
    chosen beforehand reaches."""
    pixel_auroc: Measured
    """The same of the map's pixels, those in a mask beside all others. 0.5 is chance."""
    aupro: Measured
    """`aupro`. 0.15 is chance."""


def detection(
    scores: Float[np.ndarray, " N"],
    kinds: Sequence[str],
    maps: Float[np.ndarray, "_ H W"] | None = None,
    masks: Masks | None = None,
    *,
    rng: np.random.Generator,
) -> dict[str, Detection]:
    """The figures of ALL defects together, then of each kind by itself beside all good pictures.

    ``kinds`` has GOOD or the kind of defect of each picture; larger scores are more anomalous.
    Without ``maps`` or ``masks`` there are no figures of pixels; defects whose mask is None are
    left out of them, and of good pictures no mask is needed. Intervals are of 95 %, over pictures:
    DeLong's for the image AUROC, else of a bootstrap that draws good pictures and defects apart.

    Raises DataError where there is no good picture or no defect, and for scores that are NaN or
    infinite, ShapeError where the numbers of pictures differ.
    """
    good = np.array([kind == GOOD for kind in kinds], bool)
    _check(scores, good, maps, masks)
    curves = None
    if maps is not None and masks is not None:
        nothing = np.zeros(maps.shape[1:], bool)
        curves = PixelCurves(maps, [nothing if g else m for g, m in zip(good, masks, strict=True)])
    groups = {ALL: ~good}
    for name in sorted({*kinds} - {GOOD}):
        groups[name] = np.array([kind == name for kind in kinds], bool)
    found = {}
    for name, bad in groups.items():
        pixels = (absent(NO_MAP), absent(NO_MAP))
        if curves is not None:
            pixels = _of_pixels(curves, good | bad, rng)
        some, others = scores[good], scores[bad]
        found[name] = Detection(image_auroc(some, others), best_f1(some, others, rng), *pixels)
    return found


def image_auroc(good: Float[np.ndarray, " n"], bad: Float[np.ndarray, " m"]) -> Measured:
    """The area under the ROC curve of images, with DeLong's interval (`measures.roc.auc`)."""
    return Measured(*auc(bad, good), reference=1.0, samples=len(good) + len(bad))


def best_f1(
    good: Float[np.ndarray, " n"], bad: Float[np.ndarray, " m"], rng: np.random.Generator
) -> Measured:
    """The largest F1 of any threshold, 2 TP / (2 TP + FP + FN), where scores ≥ it are defects."""

    def largest(good: np.ndarray, bad: np.ndarray) -> tuple[float, float]:
        at = np.unique(bad)
        hits = len(bad) - np.searchsorted(np.sort(bad), at, "left")
        alarms = len(good) - np.searchsorted(np.sort(good), at, "left")
        f1 = 2 * hits / (hits + alarms + len(bad))
        return float(f1.max()), float(at[f1.argmax()])

    value, threshold = largest(good, bad)
    note = f"at scores ≥ {threshold:.4g}, the best threshold for these pictures"

    def again(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return np.array([largest(*rows)[0] for rows in zip(good[i], bad[j], strict=True)])

    return _measured(value, again, len(good), len(bad), rng, note)


def pixel_auroc(
    maps: Float[np.ndarray, "N H W"],
    masks: Masks,
    *,
    rng: np.random.Generator,
) -> Measured:
    """The area under the ROC curve of pixels, those in a mask beside all others; 0.5 is chance.

    The interval is over pictures. Pictures whose mask is None are left out.
    """
    return _of_maps(maps, masks, rng)[0]


def aupro(
    maps: Float[np.ndarray, "N H W"],
    masks: Masks,
    *,
    rng: np.random.Generator,
) -> Measured:
    """The area under the per-region-overlap curve up to a false-positive rate of PRO_LIMIT, over
    PRO_LIMIT (Bergmann et al. 2020, "Uninformed Students").

    At a threshold, the overlap of a region is the share of its pixels that reach it; regions are
    connected parts of a mask (8 neighbours), and count alike whatever their size. The
    false-positive rate is of pixels outside of masks. A map without information scores 0.15, a
    perfect one 1. The interval is over pictures. Pictures whose mask is None are left out.
    """
    return _of_maps(maps, masks, rng)[1]


def _of_maps(maps: np.ndarray, masks: Masks, rng: np.random.Generator) -> tuple[Measured, Measured]:
    return _of_pixels(PixelCurves(maps, masks), np.ones(len(maps), bool), rng)


def _of_pixels(
    curves: PixelCurves, chosen: np.ndarray, rng: np.random.Generator
) -> tuple[Measured, Measured]:
    """Pixel AUROC and AUPRO of the chosen pictures."""
    left_out, chosen = int((chosen & ~curves.known).sum()), chosen & curves.known
    marked = np.flatnonzero(chosen & (curves.regions > 0))
    unmarked = np.flatnonzero(chosen & (curves.regions == 0))
    if not len(marked):
        return absent("no mask marks a pixel"), absent("no mask marks a pixel")
    note = f"{left_out} without a mask left out" if left_out else ""

    def measured(by_region: bool, limit: float) -> Measured:
        def again(i: np.ndarray, j: np.ndarray) -> np.ndarray:
            drawn = np.concatenate([unmarked[i], marked[j]], 1)
            counts = np.stack([np.bincount(row, minlength=len(chosen)) for row in drawn])
            return curves.areas(counts.astype(np.float64), by_region=by_region, limit=limit)

        value = curves.exact_area(chosen, by_region=by_region, limit=limit)
        return _measured(value, again, len(unmarked), len(marked), rng, note)

    return measured(False, 1.0), measured(True, PRO_LIMIT)


def _measured(
    value: float,
    again: Callable[[np.ndarray, np.ndarray], np.ndarray],
    n: int,
    m: int,
    rng: np.random.Generator,
    note: str,
) -> Measured:
    """A figure of n good pictures and m defects, with the interval of a bootstrap of both.

    With one defect there is none. Where nothing is wrong, and a bootstrap sees no error, it ends
    at 0.05^(1/m), as `measures.roc.auc` does.
    """
    if m < 2:
        return Measured(value, reference=1.0, samples=n + m, note=note)
    drawn = rng.integers(0, max(n, 1), (REPEATS, n)), rng.integers(0, m, (REPEATS, m))
    low, high = percentile_interval(again(*drawn))
    if value == 1:
        low = 0.05 ** (1 / m)
    return Measured(value, min(low, value), max(high, value), 1.0, samples=n + m, note=note)


def _check(
    scores: np.ndarray,
    good: np.ndarray,
    maps: np.ndarray | None,
    masks: Masks | None,
) -> None:
    sizes = {"kinds": len(good), "maps": len(good if maps is None else maps)}
    sizes["masks"] = len(good if masks is None else masks)
    for name, size in sizes.items():
        if size != len(scores):
            raise ShapeError(
                f"{name} must be as many as scores ({len(scores)}), got {size}. Fix: give one for "
                "each picture"
            )
    if not np.isfinite(scores).all():
        raise DataError(
            f"scores must be finite, got {int((~np.isfinite(scores)).sum())} that are NaN or "
            "infinite. Fix: look at those pictures"
        )
    for what, some in (("good picture", good), ("defect", ~good)):
        if not some.any():
            raise DataError(
                f"detection needs good pictures and defects, got no {what}. Fix: add some"
            )
