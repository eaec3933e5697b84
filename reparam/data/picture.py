"""One image file into pixels, with Pillow.

How each kind of file is read:

- greyscale (1 bit, 8 bits, with or without alpha) is grey; 16-bit grey is scaled to 8 bits;
- everything else (RGB, palettes, CMYK, YCbCr, ...) is colour, RGB;
- transparent pixels are laid over white, as a page would show them;
- the EXIF orientation is applied;
- of an animation, the first picture is read;
- pixels of 32 bits, whole or floating-point, have no known range: without ``pixel_range`` the file
  counts as broken.

The file's content says what it is, not its name, and only the formats of FORMATS are tried: some of
Pillow's others start programs (EPS) or read other files.
"""

import struct
import zlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from reparam.data.pixels import PixelRange, to_levels
from reparam.errors import DataRangeError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000")

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

_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = (5, 6, 7, 8)


class Shape(NamedTuple):
    """What an image is by itself, upright: pixels, and 1 channel (grey) or 3 (colour)."""

    height: int
    width: int
    channels: int


def inspect(path: Path) -> Shape:
    """The shape of an image from its header, without decoding it. Raises one of UNREADABLE."""
    with _open(path) as image:
        width, height = image.size
        if _orientation(image) in _QUARTER_TURNS:
            width, height = height, width
        return Shape(height, width, 1 if _is_grey(image) else 3)


def decode(
    path: Path,
    shape: Shape,
    fit: Literal["resize", "crop"],
    pixel_range: PixelRange | None = None,
) -> UInt8[np.ndarray, "H W C"]:
    """The image as bytes of that shape: made grey or colour, then fitted where the size differs.

    ``pixel_range``: the file's numbers that are black and white. Raises one of UNREADABLE.
    """
    with _open(path) as image:
        turn = _TURNS.get(_orientation(image))
        flat = _flatten(image, path.name, pixel_range)
    flat = flat.convert("L" if shape.channels == 1 else "RGB")
    if turn is not None:
        flat = flat.transpose(turn)
    size = (shape.width, shape.height)
    if flat.size != size:
        if fit == "crop":
            flat = ImageOps.fit(flat, size, Image.Resampling.LANCZOS)
        else:
            flat = flat.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(flat).reshape(shape)


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise OSError("not a regular file")
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]  # Pillow may be built without some
    try:
        return Image.open(path, formats=known)
    except Image.UnidentifiedImageError:
        raise OSError(f"no image in one of the formats {', '.join(known)}") from None


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREY_MODES or image.mode.startswith("I;16")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, from the header; 1 for TIFF, where Pillow applies it by itself.

    Pillow would decode a whole PNG to look for EXIF behind the pixels, so only what lies before
    them counts there.
    """
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if isinstance(orientation, int) else 1


def _flatten(image: Image.Image, name: str, pixel_range: PixelRange | None) -> Image.Image:
    """Mode L or RGB, over white."""
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        if pixel_range is None:
            # Pillow has mode I for some files of 16 bits too.
            if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
                raise ValueError(
                    f"pixels of 32 bits, here {values.min():g} to {values.max():g}, have no known "
                    "range: pass --range LOW HIGH"
                )
            pixel_range = (0, 65535)
        return Image.fromarray(to_levels(values, name, pixel_range))
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        flat = Image.alpha_composite(white, colours).convert("RGB")
    else:
        flat = image.convert("L" if _is_grey(image) else "RGB")
    if pixel_range is None:
        return flat
    return Image.fromarray(to_levels(np.asarray(flat), name, pixel_range))
