"""Anyone's array of images into bytes, N × H × W × C."""

import numpy as np

from reparam.errors import DataError, DataRangeError, ShapeError
from reparam.types import PixelArray

_CHUNK = 4096
"""Images converted at a time, so that floats do not take twice their memory."""


def as_pixels(images: object, name: str) -> PixelArray:
    """Images as bytes, channels last: N × H × W × C, with C = 1 for N × H × W.

    ``uint8`` is taken as it is and not copied. Other integers must lie in 0..255, floats in
    [0, 1] (they are rounded to the 256 levels), and bools become 0 and 255. ``name`` is what
    errors call the array.

    Raises DataError for something that is no array of numbers, ShapeError for flat images, channels
    first, any other shape and an empty array, DataRangeError for values outside of their range.
    """
    array = _as_array(images, name)
    if array.ndim == 2:
        raise ShapeError(
            f"{name}: images must be N×H×W or N×H×W×C, got flat rows {_times(array.shape)}. Fix: "
            "reshape them, as in images.reshape(-1, height, width)"
        )
    if array.ndim not in (3, 4):
        raise ShapeError(
            f"{name}: images must be N×H×W or N×H×W×C, got {array.ndim} axes "
            f"({_times(array.shape) or 'one number'}). Fix: reshape them"
        )
    if array.size == 0:
        raise ShapeError(
            f"{name}: a set needs at least one image of one pixel, got {_times(array.shape)}. Fix: "
            "give more images"
        )
    if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) >= 8:
        raise ShapeError(
            f"{name}: images must be N×H×W or N×H×W×C, got {_times(array.shape)}, which looks "
            "like one colour image. Fix: pass images[None] for a set of one"
        )
    if array.ndim == 3:
        array = array[..., np.newaxis]
    elif array.shape[1] in (1, 3) and array.shape[-1] not in (1, 3, 4):
        raise ShapeError(
            f"{name}: channels must come last (N×H×W×C), got {_times(array.shape)}, which looks "
            "like N×C×H×W. Fix: pass images.transpose(0, 2, 3, 1)"
        )
    return _to_bytes(array, name)


def _as_array(images: object, name: str) -> np.ndarray:
    try:
        array = np.asarray(images)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{name}: images must form one array of numbers, got {type(images).__name__} "
            f"({reason}). Fix: bring all images to one size"
        ) from error
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name}: images must be an array of numbers (uint8, or floats in [0, 1]), got "
            f"dtype {array.dtype}. Fix: stack images of one size into one numeric array"
        )
    return array


def _to_bytes(array: np.ndarray, name: str) -> PixelArray:
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    low, high = array.min(), array.max()
    if kind in "iu":
        if low < 0 or high > 255:
            raise DataRangeError(
                f"{name}: integer pixels must lie in 0..255, got {low} to {high}. Fix: "
                "rescale them to 0..255, or give floats in [0, 1]"
            )
        return array.astype(np.uint8)
    if np.isnan(low) or np.isinf(low) or np.isinf(high):
        bad = array.size - int(np.isfinite(array).sum())
        raise DataRangeError(
            f"{name}: float pixels must be finite, got {bad} that are NaN or infinite. Fix: "
            "omit those images, or replace the values with numpy.nan_to_num"
        )
    if low < 0 or high > 1:
        fix = "divide them by 255" if low >= 0 and 2 < high <= 255 else "rescale them to [0, 1]"
        raise DataRangeError(
            f"{name}: float pixels must lie in [0, 1], got {low:.6g} to {high:.6g}. Fix: {fix}"
        )
    pixels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), _CHUNK):
        chunk = array[start : start + _CHUNK]
        pixels[start : start + _CHUNK] = np.rint(chunk * chunk.dtype.type(255))
    return pixels


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
