"""One image file into pixels, with Pillow.

How each kind of file is read:

- greyscale (1 bit, 8 bits, with or without alpha) is grey; 16-bit grey is scaled to 8 bits;
- everything else (RGB, palettes, CMYK, YCbCr, ...) is colour, RGB;
- transparent pixels are laid over white, as a page would show them;
- the EXIF orientation is applied;
- of an animation, the first picture is read;
- floating-point and 32-bit pixels beyond 0..65535 have no known range: the file counts as broken.

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

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")

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


def decode(path: Path, shape: Shape, fit: Literal["resize", "crop"]) -> UInt8[np.ndarray, "H W C"]:
    """The image as bytes of that shape: made grey or colour, then fitted where the size differs.

    Raises one of UNREADABLE.
    """
    with _open(path) as image:
        turn = _TURNS.get(_orientation(image))
        flat = _flatten(image)
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
    return Image.open(path, formats=FORMATS)


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


def _flatten(image: Image.Image) -> Image.Image:
    """Mode L or RGB, over white."""
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range")
    if image.mode == "I" or image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise ValueError(f"pixels from {levels.min()} to {levels.max()}, beyond 16 bits")
        return Image.fromarray(np.rint(levels / 257).astype(np.uint8))
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("L" if _is_grey(image) else "RGB")
