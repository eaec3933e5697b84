"""Which files are opened as images: by their content, in formats that are safe to read."""

from pathlib import Path

from PIL import Image

from reparam.extras import install_line

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000")
"""Some of Pillow's others start programs (EPS) or read other files."""

_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def picture_suffixes() -> frozenset[str]:
    """What the names of pictures end with, in lower case: broken files with these names are told
    from files of other kinds.
    """
    Image.init()
    known = {end for end, name in Image.registered_extensions().items() if name in FORMATS}
    return frozenset(known) | {".heic", ".heif"}


def open_image(path: Path) -> Image.Image:
    """The image, of which the header is read. HEIC takes the extra ``reparam[heic]``.

    Raises OSError for what is no regular file or no image in these formats, and what Pillow raises
    for one that is damaged.
    """
    if not path.is_file():
        raise OSError("not a regular file")
    Image.init()
    known = [name for name in FORMATS if name in Image.OPEN]  # Pillow may be built without some
    try:
        return Image.open(path, formats=known)
    except Image.UnidentifiedImageError:
        if _is_heic(path):
            return _open_heic(path)
        raise OSError(f"no image in one of the formats {', '.join(known)}") from None


def is_image(path: Path) -> bool:
    """Whether a file is an image in these formats, or is called as if it were one."""
    if path.suffix.lower() in picture_suffixes():
        return True
    try:
        open_image(path).close()
    except OSError:
        return False
    return True


def _is_heic(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in _HEIC_BRANDS


def _open_heic(path: Path) -> Image.Image:
    try:
        import pillow_heif  # imported late: an extra, and only these files need it
    except ImportError:
        raise OSError(f"a HEIC picture. Fix: {install_line('heic')}") from None
    pillow_heif.register_heif_opener()
    return Image.open(path, formats=["HEIF"])
