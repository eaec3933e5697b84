"""One image file into pixels, with Pillow.

How each kind of file is read:

- greyscale (1, 8 or 16 bits, with or without alpha) is grey; everything else (RGB, palettes, CMYK,
  YCbCr, ...) is colour, RGB; 16 bits are scaled to 8;
- transparent pixels (alpha, a colour key) are laid over white, as a page would show them;
- the orientation is applied (`reparam.data.orientation`);
- of several pages (TIFF, GIF, animated WebP, PNG and AVIF, HEIC) the first is read, or each; what a
  JPEG file has behind its picture (previews, depth maps) are no pages;
- pixels of 32 bits, whole or floating-point, have no known range: without ``pixel_range`` the file
  counts as broken.

The file's content says what it is, not its name (`reparam.data.formats`).
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

from reparam.data.config import Pages
from reparam.data.formats import open_image
from reparam.data.orientation import QUARTER_TURNS, TURNS, orientation, pending_orientation
from reparam.data.pixels import PixelRange, to_levels
from reparam.data.sixteen_bits import GREY_WITH_ALPHA, narrows, raw_mode, sixteen_bits
from reparam.errors import DataError, DataRangeError, reason_of

PHOTOMETRIC = 262
"""A tag of TIFF: what a number stands for."""

UNREADABLE = (
    OSError,  # no image at all, cut short, no permission
    ValueError,
    SyntaxError,  # what Pillow raises for broken PNG chunks
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    DataRangeError,  # pixels beyond the range that was given
)
"""What `inspect` and `decode` raise for a file that is no readable image."""

NO_RANGE = "have no known range"
"""In the reason for a file of which ``pixel_range`` must be given."""

_GREY_MODES = ("1", "L", "LA", "La", "I", "F")

_OWN_SIZES = ("TIFF", "HEIF")
"""Formats whose pages have sizes of their own; the others are animations on one canvas."""


class Shape(NamedTuple):
    """What an image is by itself, upright: pixels, and 1 channel (grey) or 3 (colour)."""

    height: int
    width: int
    channels: int


class Look(NamedTuple):
    """What a file holds, by its headers."""

    shapes: tuple[Shape, ...]
    """Of every page that is read."""
    more: bool
    """Whether there are pages that are not."""


def inspect(path: Path, pages: Pages = "first") -> Look:
    """The shapes of a file's pages from its headers, mostly without decoding it.

    Raises one of UNREADABLE.
    """
    with open_image(path) as image:
        first = _shape(image, path)
        several = getattr(image, "is_animated", False) and image.format != "MPO"
        if pages == "first" or not several:
            return Look((first,), several)
        count: int = image.n_frames  # type: ignore[attr-defined]
        if count > path.stat().st_size:
            raise ValueError(f"claims {count} pages, more than it has bytes")
        if image.format not in _OWN_SIZES:
            return Look((first,) * count, False)
        shapes = []
        for page in range(count):
            image.seek(page)
            shapes.append(_shape(image, path))
        return Look(tuple(shapes), False)


def decode(
    path: Path,
    shape: Shape,
    fit: Literal["resize", "crop"],
    pixel_range: PixelRange | None = None,
    pages: Sequence[int] = (0,),
) -> Iterator[UInt8[np.ndarray, "H W C"]]:
    """Pages of a file, counted from 0, as bytes of that shape: made grey or colour, then fitted
    where the size differs.

    ``pixel_range``: the file's numbers that are black and white. Raises one of UNREADABLE.
    """
    size = (shape.width, shape.height)
    with open_image(path) as image:
        for page in pages:
            if page:
                image.seek(page)
            flat = _flatten(image, path, page, pixel_range)
            flat = flat.convert("L" if shape.channels == 1 else "RGB")
            turn = TURNS.get(orientation(image))  # known for sure once it is loaded
            if turn is not None:
                flat = flat.transpose(turn)
            if flat.size != size:
                if fit == "crop":
                    flat = ImageOps.fit(flat, size, Image.Resampling.LANCZOS)
                else:
                    flat = flat.resize(size, Image.Resampling.LANCZOS)
            yield np.asarray(flat).reshape(shape)


def read_picture(path: Path, pixel_range: PixelRange | None = None) -> UInt8[np.ndarray, "H W C"]:
    """A file's (first) picture as it is, upright: C is 1 or 3.

    ``pixel_range``: the file's numbers that are black and white. Raises DataError for a file that
    is no readable image, and for numbers outside of the range.
    """
    try:
        return next(decode(path, inspect(path).shapes[0], "resize", pixel_range))
    except UNREADABLE as error:
        raise DataError(
            f"{path}: must be a readable image, got: {reason_of(error)}. Fix: restore or delete it"
        ) from error


def _shape(image: Image.Image, path: Path) -> Shape:
    channels = 1 if _is_grey(image) else 3  # asked first: the rest may load the image
    width, height = image.size
    if pending_orientation(image, path) in QUARTER_TURNS:
        width, height = height, width
    return Shape(height, width, channels)


def _is_grey(image: Image.Image) -> bool:
    """Of an image that is not loaded yet."""
    if image.mode in _GREY_MODES or image.mode.startswith("I;16"):
        return True
    return raw_mode(image) == GREY_WITH_ALPHA  # which Pillow makes RGBA


def _flatten(
    image: Image.Image, path: Path, page: int, pixel_range: PixelRange | None
) -> Image.Image:
    """Mode L or RGB, over white."""
    grey, narrowed = _is_grey(image), narrows(image)
    values = sixteen_bits(image, path, page)
    if values is not None:
        colours = values[..., 0] if values.shape[-1] == 2 else values[..., :3]
        alpha = values[..., -1] / 65535 if values.shape[-1] in (2, 4) else None
    elif image.mode in ("F", "I") or image.mode.startswith("I;16"):
        colours, alpha = np.asarray(image), None
        # Pillow has mode I for some files of 16 bits too.
        wide = image.mode == "F" or (image.mode == "I" and image.format == "TIFF")
        if wide and pixel_range is None:
            raise ValueError(
                f"pixels of 32 bits, here {colours.min():g} to {colours.max():g}, {NO_RANGE}: pass "
                "--range LOW HIGH"
            )
        if _white_is_zero(image):
            low, high = pixel_range or (0, 65535)
            colours = low + high - colours.astype(np.float64)
    elif narrowed and pixel_range is not None:
        raise ValueError(
            "pixels of more than 8 bits, of which only 8 are read of such a file, so that no "
            "--range can be of them: save it as PNG"
        )
    else:
        return _flatten_bytes(image, grey, path.name, pixel_range)
    key = image.info.get("transparency")
    if isinstance(key, int | tuple):
        same = colours == np.array(key)
        alpha = 1.0 - (same.all(-1) if same.ndim == 3 else same)
    levels = _levels(colours, alpha, path.name, pixel_range or (0, 65535))
    if alpha is not None:
        opaque = alpha if levels.ndim == 2 else alpha[..., np.newaxis]
        levels = np.rint(levels * opaque + 255 * (1 - opaque)).astype(np.uint8)
    return Image.fromarray(levels)


def _white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF file has the negative, which Pillow turns only where pixels are bytes."""
    if image.format != "TIFF":
        return False
    white_is_zero: bool = image.tag_v2.get(PHOTOMETRIC) == 0  # type: ignore[attr-defined]
    return white_is_zero


def _flatten_bytes(
    image: Image.Image, grey: bool, name: str, pixel_range: PixelRange | None
) -> Image.Image:
    """Mode L or RGB, over white, of an image of 8 bits."""
    if not image.has_transparency_data:
        flat = image.convert("L" if grey else "RGB")
        if pixel_range is None:
            return flat
        return Image.fromarray(to_levels(np.asarray(flat), name, pixel_range))
    rgba = image.convert("RGBA")
    if pixel_range is not None:
        values = np.asarray(rgba)
        levels = _levels(values[..., :3], values[..., 3] / 255, name, pixel_range)
        rgba = Image.fromarray(np.dstack([levels, values[..., 3]]))
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _levels(
    colours: np.ndarray,
    alpha: Float[np.ndarray, "H W"] | None,
    name: str,
    pixel_range: PixelRange,
) -> UInt8[np.ndarray, "..."]:
    """`to_levels`, but for what is not seen: that may have any value."""
    if alpha is not None:
        seen = alpha > 0
        colours = np.where(
            seen if colours.ndim == 2 else seen[..., np.newaxis], colours, pixel_range[1]
        )
    return to_levels(colours, name, pixel_range)
