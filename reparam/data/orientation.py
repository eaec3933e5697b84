"""Which way up an image is shown, as Pillow's ``exif_transpose`` has it, from its headers."""

import struct
from pathlib import Path

from PIL import ExifTags, Image

_TAG = ExifTags.Base.Orientation

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What is done to an image as stored; of other orientations, nothing."""

QUARTER_TURNS = (5, 6, 7, 8)


def pending_orientation(image: Image.Image, path: Path) -> int:
    """What is left to apply to the size of an image that is not loaded yet."""
    if image.format == "TIFF" and _TAG in image.tag_v2:  # type: ignore[attr-defined]
        return 1  # Pillow's size has it
    if image.format == "PNG" and _has_late_metadata(path):
        image.load()
    return orientation(image)


def orientation(image: Image.Image) -> int:
    """What `ImageOps.exif_transpose` would apply, by what has been read of the file: EXIF, EXIF as
    text (PNG), XMP.

    Metadata that cannot be read say nothing; the pixels may be whole.
    """
    try:
        # Not the method of PNG images, which decodes them to look behind the pixels.
        found = Image.Image.getexif(image).get(_TAG, 1)
    except (ValueError, SyntaxError, TypeError, EOFError, struct.error):
        return 1
    return found if isinstance(found, int) else 1


def _has_late_metadata(path: Path) -> bool:
    """Whether a PNG has, behind its pixels, what may hold an orientation."""
    behind = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            start = file.tell()
            behind = behind or kind == b"IDAT"
            if behind and kind == b"eXIf":
                return True
            if behind and kind in (b"tEXt", b"zTXt", b"iTXt"):
                keyword = file.read(min(length, 80)).partition(b"\0")[0]
                if keyword in (b"Raw profile type exif", b"XML:com.adobe.xmp"):
                    return True
            file.seek(start + length + 4)
    return False
