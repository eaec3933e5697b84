"""Anyone's array of images into bytes, N × H × W × C."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import UInt8

from reparam.data.mapping import in_parts
from reparam.errors import DataError, DataRangeError, ShapeError, reason_of
from reparam.types import PixelArray

MOST_CHANNELS = 4
"""That an array has without being asked: grey, with alpha, colour, with alpha."""

_CHUNK = 4096
"""Images converted at a time, so that floats do not take twice their memory."""

WHITES = (255, 1023, 4095, 16383, 65535)
"""Of bytes, and of cameras of 10 to 16 bits."""

DARK = 64
"""Of 255, what the brightest of all pixels has at least: a darker set may have another range than
it seems (masks of 0 and 1, 12 bits in 16, fractions that were divided by 255 twice).
"""

PixelRange = tuple[float, float]


def as_pixels(
    images: object,
    name: str,
    *,
    pixel_range: PixelRange | None = None,
    channels: int | None = None,
    channels_first: bool = False,
) -> PixelArray:
    """Images as bytes, channels last: N × H × W × C, with C = 1 for N × H × W.

    ``uint8`` is taken as it is and not copied. Other integers must lie in 0..255, floats in
    [0, 1] (they are rounded to the 256 levels), and bools become 0 and 255; with ``pixel_range``
    numbers of any kind lie in that, from black to white. More than 4 channels must be asked for by
    ``channels``. ``channels_first``: the axes are N × C × H × W. ``name`` is what errors call the
    array.

    Raises DataError for something that is no array of numbers, ShapeError for flat images, axes
    in another order, any other shape and an empty array, DataRangeError for values outside of their
    range.
    """
    array = as_numbers(images, name)
    if channels_first:
        if array.ndim != 4:
            raise ShapeError(
                f"{name}: channels first needs 4 axes (N×C×H×W), got {_times(array.shape)}. Fix: "
                "omit --channels-first"
            )
        array = array.transpose(0, 2, 3, 1)
    array = _with_four_axes(array, name, channels, ordered=channels_first)
    return _to_bytes(array, name, pixel_range)


def warn_of_pixels(pixels: PixelArray, name: str, *, range_known: bool) -> None:
    """Warns of a set from which nothing can be learned, or that was likely read wrong: all images
    equal, or, unless the range is known, nearly black.
    """
    _warn_of_equal(pixels, name)
    if not range_known:
        _warn_of_dark(pixels, name)


def _warn_of_dark(pixels: PixelArray, name: str) -> None:
    """Warns where all pixels of a set are nearly black: likely another range was meant."""
    top = 0
    for part in in_parts(pixels):
        top = max(top, int(part.max()))
        if top >= DARK:
            return
    warnings.warn(
        f"{name}: the brightest of all pixels is {top} of 255 (that is {top / 255:.3g} of 1, or "
        f"{257 * top} of 65535), nearly black. If that is white, say so, such as by "
        f"{_range_option(0, top or 1)} of bytes, {_likely_range(0, 257 * top - 128 if top else 1)} "
        "of 16-bit numbers, or rescale the images",
        UserWarning,
        stacklevel=4,
    )


def _warn_of_equal(pixels: PixelArray, name: str) -> None:
    """Warns where all images of a set are the same, so that there is nothing to learn."""
    if len(pixels) < 2 or not all((part == pixels[:1]).all() for part in in_parts(pixels)):
        return
    low, high = pixels[0].min(), pixels[0].max()
    what = f"every pixel is {low}" if low == high else "nothing tells one from another"
    warnings.warn(
        f"{name}: all {len(pixels)} images are equal ({what}), so there is nothing to learn. If "
        "they should differ, look at how they were saved",
        UserWarning,
        stacklevel=4,
    )


def _with_four_axes(
    array: np.ndarray, name: str, channels: int | None, *, ordered: bool
) -> np.ndarray:
    """N × H × W × C. ``ordered``: the axes are known to be in this order."""
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
        first, middle, last = array.shape
        far = 2 if first == middle else 4
        if min(first, middle) >= 8 and last >= far * max(first, middle):
            raise ShapeError(
                f"{name}: the first axis must count the images (N×H×W), got {_times(array.shape)}, "
                "which looks like H×W×N. Fix: pass images.transpose(2, 0, 1), or images[..., None] "
                "where the first axis does count them"
            )
        array = array[..., np.newaxis]
    found = array.shape[-1]
    if found == channels or (found <= MOST_CHANNELS and channels is None):
        return array
    if found <= MOST_CHANNELS:
        raise ShapeError(
            f"{name}: images must have {channels} channels, as --channels says, got {found} "
            f"({_times(array.shape)}). Fix: omit --channels"
        )
    if not ordered and array.shape[1] <= MOST_CHANNELS:
        raise ShapeError(
            f"{name}: channels must come last (N×H×W×C), got {_times(array.shape)}, which looks "
            "like N×C×H×W. Fix: pass --channels-first, or images.transpose(0, 2, 3, 1)"
        )
    if not ordered and array.shape[2] <= MOST_CHANNELS:
        raise ShapeError(
            f"{name}: the first axis must count the images (N×H×W×C), got {_times(array.shape)}, "
            "which looks like H×W×C×N. Fix: pass images.transpose(3, 0, 1, 2)"
        )
    raise ShapeError(
        f"{name}: images must have at most {MOST_CHANNELS} channels, got {found} "
        f"({_times(array.shape)}). Fix: bring the axes into the order N×H×W×C, or where they are "
        f"channels pass --channels {found} (in Python image_shape=({array.shape[1]}, "
        f"{array.shape[2]}, {found}))"
    )


def as_numbers(values: object, name: str, what: str = "images") -> np.ndarray:
    """Anything array-like as one array of numbers; ``what`` it is, for messages.

    Raises DataError for what is none.
    """
    try:
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu()
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = reason_of(error)
        raise DataError(
            f"{name}: {what} must form one array of numbers, got {type(values).__name__} "
            f"({reason}). Fix: bring all {what} to one size"
        ) from error
    if array.dtype.kind not in "buif":
        raise DataError(
            f"{name}: {what} must be an array of numbers, got dtype {array.dtype}. Fix: stack "
            f"{what} of one size into one numeric array"
        )
    return array


def check_range(pixel_range: PixelRange) -> None:
    """Raises DataRangeError for a range without length."""
    black, white = pixel_range
    if not -math.inf < black < white < math.inf:
        raise DataRangeError(
            f"the range of pixels must be from black to a larger white, got {black:g} {white:g}. "
            "Fix: correct --range (in Python pixel_range)"
        )


def to_levels(values: np.ndarray, name: str, pixel_range: PixelRange) -> UInt8[np.ndarray, "..."]:
    """Numbers in ``pixel_range`` as the 256 levels from black to white.

    Raises DataRangeError for values outside of it, and for a range without length.
    """
    check_range(pixel_range)
    black, white = pixel_range
    levels = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK].astype(np.float64)
        _check_finite(chunk, name)
        low, high = chunk.min(), chunk.max()
        if not (black <= low and high <= white):
            raise DataRangeError(
                f"{name}: pixels must lie in the range {black:g} to {white:g}, got {low:.6g} to "
                f"{high:.6g}. Fix: correct --range (in Python pixel_range)"
            )
        levels[start : start + _CHUNK] = np.rint((chunk - black) * (255 / (white - black)))
    return levels


def _likely_range(low: float, high: float) -> str:
    """The option for pixels of these ends: what cameras and networks give, else the ends."""
    whole = next((white for white in WHITES if white / 2 < high <= white), None)
    if low >= 0 and whole:
        low, high = 0, whole
    elif -1 <= low < -0.5 and 0.5 < high <= 1:
        low, high = -1, 1
    else:  # six digits, outwards: the very ends lie within
        low, high = _six_digits(low, math.floor), _six_digits(high, math.ceil)
    return _range_option(low, high)


def _six_digits(value: float, rounded: Callable[[float], int]) -> float:
    if not 1e-290 < abs(value) < 1e290:  # also 0 and NaN
        return value
    scale = 10.0 ** (5 - math.floor(math.log10(abs(value))))
    return rounded(value * scale) / scale


def _range_option(low: float, high: float) -> str:
    """As a flag, and as an estimator's option."""
    return f"--range {low:.6g} {high:.6g} (in Python pixel_range=({low:.6g}, {high:.6g}))"


def _check_finite(array: np.ndarray, name: str) -> None:
    """Raises DataRangeError for NaN and infinite pixels."""
    if array.dtype.kind != "f":
        return
    low, high = array.min(), array.max()
    if np.isnan(low) or np.isinf(low) or np.isinf(high):
        bad = array.size - int(np.isfinite(array).sum())
        raise DataRangeError(
            f"{name}: float pixels must be finite, got {bad} that are NaN or infinite. Fix: "
            "omit those images, or replace the values with numpy.nan_to_num"
        )


def _to_bytes(array: np.ndarray, name: str, pixel_range: PixelRange | None) -> PixelArray:
    kind = array.dtype.kind
    if pixel_range is not None:
        return to_levels(array, name, pixel_range)
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    low, high = array.min(), array.max()
    option = _likely_range(float(low), float(high))
    if kind in "iu":
        if low < 0 or high > 255:
            raise DataRangeError(
                f"{name}: integer pixels must lie in 0..255, got {low} to {high}. Fix: say which "
                f"values are black and white, such as {option}, or rescale them to 0..255"
            )
        return array.astype(np.uint8)
    _check_finite(array, name)
    if low < 0 or high > 1:
        fix = f"rescale them to [0, 1], or pass {option}"
        if low >= 0 and 128 < high <= 255 and np.array_equal(array, np.rint(array)):
            fix = f"divide them by 255, or pass {_range_option(0, 255)}"
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
