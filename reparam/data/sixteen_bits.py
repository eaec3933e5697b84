"""Colours and alpha of 16 bits, of which Pillow gives the high 8."""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image

from reparam.data.formats import open_image

GREY_WITH_ALPHA = "LA;16B"

BITS_PER_SAMPLE = 258
"""A tag of TIFF."""

_OTHER = "16B" if sys.byteorder == "little" else "16L"
_LOW_BYTES = {
    f"{mode};{order}": f"{mode};{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("16L", "16B"), ("16B", "16L"), ("16N", _OTHER))
}
"""How pixels lie in a file → the same with the bytes of each number in the other order. By the
first Pillow takes the high byte of each, so by the second the low one.
"""


def raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, of an image that is not loaded yet."""
    arguments = _decoders(image)
    return arguments[0] if arguments and isinstance(arguments[0], str) else ""


def _decoders(image: Image.Image) -> tuple[object, ...]:
    """The arguments of what will decode it; none of an image that is loaded."""
    if not getattr(image, "tile", None):
        return ()
    arguments = image.tile[0].args  # type: ignore[attr-defined]
    return arguments if isinstance(arguments, tuple) else (arguments,)


def narrows(image: Image.Image) -> bool:
    """Whether Pillow makes bytes of the numbers of an image that is not loaded yet. Raises
    ValueError for one of which it makes nonsense: planes of 16 bits, which it takes for 8.
    """
    raw, bits = raw_mode(image), 8
    if image.format == "TIFF":
        bits = max(image.tag_v2.get(BITS_PER_SAMPLE, (8,)))  # type: ignore[attr-defined]
        if len(raw) == 1 and raw not in "1LPIF" and bits > 8:
            raise ValueError(f"planes of {bits} bits, which are not read: interleave the channels")
    if image.format == "PPM":
        bits = max((n.bit_length() for n in _decoders(image) if isinstance(n, int)), default=8)
    return bits > 8 or ";16" in raw


def sixteen_bits(image: Image.Image, path: Path, page: int) -> UInt16[np.ndarray, "H W C"] | None:
    """The numbers of a page with colours or alpha of 16 bits, with its alpha if it has one; None
    for any other.

    Animations are left to Pillow and its 8 bits: it lays their pictures over one another.
    """
    raw = raw_mode(image)
    if image.format == "PNG" and getattr(image, "is_animated", False):
        return None
    if raw == GREY_WITH_ALPHA:
        each = _loaded_as("RGBA", path, page).astype(np.uint16)  # the four bytes of a pixel
        return each[..., ::2] << 8 | each[..., 1::2]
    if raw not in _LOW_BYTES:
        return None
    high = np.asarray(image).astype(np.uint16)
    return high << 8 | _loaded_as(_LOW_BYTES[raw], path, page)


def _loaded_as(raw: str, path: Path, page: int) -> UInt8[np.ndarray, "H W C"]:
    """The page, with its pixels taken for others of the same length."""
    with open_image(path) as image:
        if page:
            image.seek(page)
        image.tile = [  # type: ignore[attr-defined]
            tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
            for tile in image.tile  # type: ignore[attr-defined]
        ]
        return np.asarray(image)
