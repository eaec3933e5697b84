"""X and y as scikit-learn passes them, as images and labels of ours."""

import contextlib
import math
import warnings

import numpy as np
from jaxtyping import Float

from reparam.data import MOST_CHANNELS, as_numbers, as_one_array, as_pixels
from reparam.errors import DataRangeError, ShapeError
from reparam.types import PixelArray

Rows = Float[np.ndarray, "N ..."]
"""Images as their owner lays them out: N × H × W × C, N × H × W, or flat, N × D."""

_ROUNDING = 1e-6


def rows_to_pixels(
    rows: object,
    image_shape: tuple[int, int, int] | None,
    pixel_range: tuple[float, float] | None = None,
    *,
    clip: bool = False,
) -> tuple[PixelArray, tuple[int, ...]]:
    """Images as bytes (N, H, W, C), and the shape in which one of them was laid out.

    Flat rows (N, D) need ``image_shape`` (height, width, channels), and so do more channels than 4.
    ``pixel_range``: as `as_pixels` has it; ``clip``: what lies outside of it becomes black or
    white. Raises ShapeError when they do not fit it, and what `as_pixels` raises.
    """
    array = as_numbers(rows, "X")
    row_shape = array.shape[1:]
    if array.ndim == 2:
        if image_shape is None:
            raise ShapeError(
                f"images must have a height and a width, got flat rows of {array.shape[1]} pixels. "
                "Fix: pass image_shape=(height, width), or images N × H × W"
            )
        if array.shape[1] != math.prod(image_shape):
            wanted = " × ".join(map(str, image_shape))
            raise ShapeError(
                f"flat rows must have {wanted} = {math.prod(image_shape)} pixels, got "
                f"{array.shape[1]}. Fix: correct image_shape or X"
            )
        array = array.reshape(-1, *image_shape)
    elif array.ndim == 3 and image_shape == (*row_shape, 1):
        array = array[..., np.newaxis]  # known to be what else would have to be guessed
    if pixel_range is not None and clip and not np.isnan(array).any():
        array = array.astype(np.float64).clip(*pixel_range)
    elif pixel_range is None and array.dtype.kind == "f" and array.size:
        array = _without_rounding(array)
    channels = 1 if image_shape is None else image_shape[2]
    more = channels if channels > MOST_CHANNELS else None
    return as_pixels(array, "X", pixel_range=pixel_range, channels=more), row_shape


def _without_rounding(array: np.ndarray) -> np.ndarray:
    """Scalers reach 1.0000000000000002: what is outside of [0, 1] by rounding alone is clipped."""
    low, high = array.min(), array.max()
    outside, by_rounding = low < 0 or high > 1, low >= -_ROUNDING and high <= 1 + _ROUNDING
    return array.clip(0, 1) if outside and by_rounding else array


def labels_or_none(y: object, count: int) -> np.ndarray | None:
    """Labels of ``count`` images that classes can be made of; targets of another kind (regression)
    say nothing here.

    Raises DataError for what is no array, ShapeError unless there is one for each image, and
    DataRangeError for NaN and infinite ones.
    """
    if y is None:
        return None
    labels = as_one_array(y, "y")
    if labels.dtype.kind == "O":  # numbers that pandas or NumPy hold as objects
        with contextlib.suppress(ValueError):  # lists of several lengths
            numbers = np.array(labels.tolist())
            labels = numbers if numbers.dtype.kind in "biuf" else labels
    if labels.ndim == 0 or len(labels) != count:
        found = type(y).__name__ if labels.ndim == 0 else f"{len(labels)} labels"
        raise ShapeError(
            f"y: every image needs one label, got {found} for {count} images. Fix: give as many "
            "labels as images, or none"
        )
    if labels.dtype.kind == "f":
        finite = np.isfinite(labels)
        if not np.array_equal(labels[finite], np.rint(labels[finite])):
            return None
        if bad := int((~finite).sum()):
            raise DataRangeError(
                f"y: labels must be finite, got {bad} that are NaN or infinite. Fix: omit those "
                "images, or give no labels"
            )
    if labels.ndim == 2 and labels.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning  # takes half a second

        warnings.warn(
            "y: labels must be one value for each image, got a column: taken as such. Fix: pass "
            "y.ravel()",
            DataConversionWarning,
            stacklevel=3,
        )
        labels = labels.ravel()
    return labels if labels.ndim == 1 else None
