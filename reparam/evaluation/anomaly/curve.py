"""ROC and PRO curves of the pixels of many maps, exactly once and quickly many times."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import label

from reparam.errors import DataError, ShapeError

LEVELS = 1000
"""Quantiles of the pixels in masks, and of those outside, that resampled curves go through: the
area below one is within 1 / (2 LEVELS) of the exact one, and mostly far nearer."""

NEIGHBOURS = np.ones((3, 3))
"""Pixels that touch at a corner belong to one region."""


Masks = Sequence[Bool[np.ndarray, "_ _"] | None] | Bool[np.ndarray, "_ _ _"]
"""Of each picture what is marked, (H, W), or None where that is not known."""


class PixelCurves:
    """The pixels of N maps beside their masks.

    The PRO curve is the ROC curve of pixels in which one in a mask weighs 1 / (pixels of its
    region), so both are computed as one. Pictures whose mask is None are not ``known``, and have no
    pixels here; ``regions`` counts each picture's.

    Raises ShapeError for a mask of another size than its map, DataError for maps that are NaN or
    infinite.
    """

    def __init__(
        self,
        maps: Float[np.ndarray, "N H W"],
        masks: Masks,
    ) -> None:
        for mask in masks:
            if mask is not None and mask.shape != maps.shape[1:]:
                raise ShapeError(
                    f"a mask must have its map's size {_times(maps.shape[1:])}, got "
                    f"{_times(mask.shape)}. Fix: bring the mask to the size of the pictures"
                )
        if not np.isfinite(maps).all():
            raise DataError(
                f"maps must be finite, got {int((~np.isfinite(maps)).sum())} values that are NaN "
                "or infinite. Fix: look at those pictures"
            )
        if len(masks) and all(mask is not None and mask.all() for mask in masks):
            raise DataError(
                "masks must leave pixels that are good, got masks of whole pictures. Fix: mark the "
                "defects alone"
            )
        self.known = np.array([mask is not None for mask in masks], bool)
        self.regions = np.zeros(len(maps), np.int64)
        self._scores = np.asarray(maps).reshape(len(maps), -1)
        self._inside = np.zeros(self._scores.shape, bool)
        self._weights = np.zeros(self._scores.shape, np.float32)
        for i, mask in enumerate(masks):
            if mask is not None:
                parts, self.regions[i] = label(mask, NEIGHBOURS)
                sizes = np.bincount(parts.ravel())
                self._inside[i] = mask.ravel()
                self._weights[i] = np.where(mask, 1 / sizes[parts], 0).ravel()
        self._histograms = self._counted()

    def exact_area(self, chosen: Bool[np.ndarray, " N"], *, by_region: bool, limit: float) -> float:
        """The area under the curve of the chosen pictures up to a false-positive rate, over it."""
        scores, inside = self._scores[chosen].ravel(), self._inside[chosen].ravel()
        weights = self._weights[chosen].ravel() if by_region else inside
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.diff(scores[order], append=np.nan))  # of scores that are equal
        false = np.cumsum(~inside[order], dtype=np.float64)[ends]
        return area_below(false, np.cumsum(weights[order], dtype=np.float64)[ends], limit)

    def areas(
        self, counts: Float[np.ndarray, "R N"], *, by_region: bool, limit: float
    ) -> Float[np.ndarray, " R"]:
        """The same R times, with each picture so many times, at LEVELS of the scores."""
        false = (counts @ self._histograms[0]).cumsum(1)
        true = (counts @ self._histograms[2 if by_region else 1]).cumsum(1)
        return np.array([area_below(f, t, limit) for f, t in zip(false, true, strict=True)])

    def _counted(self) -> Float[np.ndarray, "3 N K"]:
        """By falling level of each picture's scores: pixels outside of masks, pixels in masks,
        weight in masks.
        """
        scores = self._scores[self.known]
        inside = self._inside[self.known]
        at = np.linspace(0, 1, LEVELS)
        parts = [part for part in (scores[inside], scores[~inside]) if len(part)]
        edges = np.unique([np.quantile(part, at, method="nearest") for part in parts])
        k = len(edges) + 1
        found = np.zeros((3, len(self._scores), k))
        for i in np.flatnonzero(self.known):
            level = k - 1 - np.searchsorted(edges, self._scores[i], "right")
            each = (~self._inside[i], self._inside[i], self._weights[i])
            found[:, i] = [np.bincount(level, w, minlength=k) for w in each]
        return found


def area_below(
    false: Float[np.ndarray, " K"], true: Float[np.ndarray, " K"], limit: float
) -> float:
    """The area under a curve from running sums, up to the false rate ``limit``, over ``limit``.

    The curve is straight between points, which counts equal scores as half.
    """
    x = np.concatenate([[0], false / false[-1]])
    y = np.concatenate([[0], true / true[-1]])
    beyond = int(np.searchsorted(x, limit, "right"))
    y = np.append(y[:beyond], np.interp(limit, x, y))
    return float(np.trapezoid(y, np.append(x[:beyond], limit))) / limit


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
