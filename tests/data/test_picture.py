"""One file into pixels: orientation, transparency, depth and pages, with files written here."""

import struct
import sys
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, features

from reparam.data import DataConfig, ImageSet, load_images
from reparam.data.picture import decode, inspect
from reparam.errors import DataError

COLOURS = np.random.default_rng(0).integers(0, 256, (16, 32, 3), np.uint8)
XMP = '<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{}</x:xmpmeta>'
ATTRIBUTE, ELEMENT = ' tiff:Orientation="{}"/>', "><tiff:Orientation>{}</tiff:Orientation>"

Chunk = tuple[bytes, bytes]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    pixels: np.ndarray, colour_type: int, before: Sequence[Chunk] = (), after: Sequence[Chunk] = ()
) -> bytes:
    """A PNG file of uint8 or uint16 (H, W, C), with chunks before and behind its pixels."""
    height, width = pixels.shape[:2]
    depth = 8 * pixels.dtype.itemsize
    rows = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)),
            *(chunk(*each) for each in before),
            chunk(b"IDAT", zlib.compress(rows)),
            *(chunk(*each) for each in after),
            chunk(b"IEND", b""),
        ]
    )


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[ExifTags.Base.Orientation] = orientation
    return found.tobytes()


def png_chunk(place: str, orientation: int) -> Chunk:
    body = exif(orientation)
    if place == "EXIF":
        return b"eXIf", body.removeprefix(b"Exif\0\0")
    if place == "raw profile":
        text = f"\nexif\n{len(body):8}\n{body.hex()}\n".encode()
        return b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)
    xmp = XMP.format((ELEMENT if place == "XMP element" else ATTRIBUTE).format(orientation))
    return b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp.encode()


def upright(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read(path: Path) -> np.ndarray:
    """Of the size that its headers promise."""
    (shape,) = inspect(path).shapes
    (pixels,) = decode(path, shape, "resize")
    return pixels


@pytest.mark.parametrize("behind", [False, True], ids=["before the pixels", "behind"])
@pytest.mark.parametrize("place", ["EXIF", "raw profile", "XMP attribute", "XMP element"])
def test_every_orientation_of_a_png(tmp_path: Path, place: str, behind: bool) -> None:
    shown = []
    for orientation in range(1, 9):
        path = tmp_path / f"{orientation}.png"
        found = [png_chunk(place, orientation)]
        path.write_bytes(png(COLOURS, 2, **{"after" if behind else "before": found}))
        np.testing.assert_array_equal(read(path), upright(path))
        shown.append(read(path).tobytes())
    assert len(set(shown)) == 8
    assert shown[0] == COLOURS.tobytes()


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tiff", "avif"])
@pytest.mark.parametrize("place", ["EXIF", "XMP"])
def test_every_orientation_of_other_files(tmp_path: Path, suffix: str, place: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("Pillow was built without it")
    shown = []
    for orientation in range(1, 9):
        path = tmp_path / f"{orientation}.{suffix}"
        xmp = XMP.format(ATTRIBUTE.format(orientation)).encode()
        more = {"exif": exif(orientation)} if place == "EXIF" else {"xmp": xmp}
        if suffix == "tiff" and place == "XMP":
            more = {"tiffinfo": {700: xmp}}
        Image.fromarray(COLOURS).save(path, **more)
        np.testing.assert_array_equal(read(path), upright(path))
        shown.append(read(path).tobytes())
    assert len(set(shown)) == 8


def test_damaged_metadata_do_not_make_a_picture_unreadable(tmp_path: Path) -> None:
    for name, body in (("exif", b"garbage"), ("raw", b"Raw profile type exif\0\0")):
        kind = b"eXIf" if name == "exif" else b"zTXt"
        text = zlib.compress(b"\nexif\n  3\nnot hexadecimal\n")
        path = tmp_path / f"{name}.png"
        path.write_bytes(png(COLOURS, 2, [(kind, body if name == "exif" else body + text)]))
        np.testing.assert_array_equal(read(path), COLOURS)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Of numbers in 0..65535, in 0..255."""
    return (colours * alpha + 65535.0 * (65535 - alpha)) / 65535 / 257


DEEP = np.random.default_rng(1).integers(0, 65536, (5, 7, 4)).astype(np.uint16)
DEEP[0, :, 3], DEEP[1, :, 3] = 65535, 0


def decoded(path: Path, **options: object) -> np.ndarray:
    (shape,) = inspect(path).shapes
    (pixels,) = decode(path, shape, "resize", **options)
    return pixels


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_alpha_of_sixteen_bits_is_laid_over_white(tmp_path: Path, kind: str) -> None:
    values = DEEP[..., 2:] if kind == "grey" else DEEP
    path = tmp_path / "a.png"
    path.write_bytes(png(values, 4 if kind == "grey" else 6))
    pixels = decoded(path)
    assert pixels.shape == (5, 7, 1 if kind == "grey" else 3)
    expected = over_white(values[..., :-1].astype(float), values[..., -1:].astype(float))
    assert np.abs(pixels - expected).max() <= 1
    np.testing.assert_array_equal(pixels[0], np.rint(values[0, :, :-1] / 257))
    assert (pixels[1] == 255).all()


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_a_colour_key_of_sixteen_bits_is_white(tmp_path: Path, kind: str) -> None:
    values = DEEP[..., : 1 if kind == "grey" else 3].copy()
    values[2, 3] = values[4, 0] = 4660
    values[3, 3] = 4661  # the same 8 bits
    key = struct.pack(">H", 4660) * values.shape[-1]
    path = tmp_path / "a.png"
    path.write_bytes(png(values, 0 if kind == "grey" else 2, [(b"tRNS", key)]))
    expected = np.rint(values / 257)
    expected[2, 3] = expected[4, 0] = 255
    np.testing.assert_array_equal(decoded(path), expected)


def test_a_range_is_that_of_all_sixteen_bits(tmp_path: Path) -> None:
    """12 bits in 16, of colours; what is not seen may lie outside of it."""
    values = DEEP >> 4
    values[..., 3] = 65535
    values[0] = (65535, 0, 9, 0)
    path = tmp_path / "a.png"
    path.write_bytes(png(values, 6))
    expected = np.rint(values[..., :3] * (255 / 4095))
    expected[0] = 255
    np.testing.assert_array_equal(decoded(path, pixel_range=(0, 4095)), expected)


def test_a_range_of_eight_bits_is_that_of_the_colours(tmp_path: Path) -> None:
    """And not of the white below them: a mask with alpha."""
    mask = np.array([[0, 1, 1]], np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(np.dstack([mask, np.array([[255, 255, 0]], np.uint8)])).save(path)
    np.testing.assert_array_equal(decoded(path, pixel_range=(0, 1))[..., 0], [[0, 255, 255]])


def tiff(order: str, body: bytes, table: dict[int, bytes]) -> bytes:
    """A TIFF file of one page: what its entries point to, from byte 8 on, and these, by tag."""
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(body))
    directory = struct.pack(f"{order}H", len(table)) + b"".join(table[t] for t in sorted(table))
    return start + body + directory + struct.pack(f"{order}I", 0)


def tiff_entry(order: str, tag: int, *values: int) -> bytes:
    """Of one number, or of the place of several."""
    return struct.pack(f"{order}HHII", tag, 4, len(values), values[0])


def test_planes_of_sixteen_bits_are_refused(tmp_path: Path) -> None:
    """Pillow takes them for bytes, and gives pictures that are none."""
    values = DEEP[..., :3].transpose(2, 0, 1)
    _, height, width = values.shape
    data, plane = values.astype("<u2").tobytes(), 2 * height * width
    at = 8 + len(data)
    body = data + struct.pack("<HHH", 16, 16, 16) + struct.pack("<III", 8, 8 + plane, 8 + 2 * plane)
    body += struct.pack("<III", plane, plane, plane)
    entries = [(256, width), (257, height), (259, 1), (262, 2), (277, 3), (278, height), (284, 2)]
    table = {tag: tiff_entry("<", tag, value) for tag, value in entries}
    table[258] = struct.pack("<HHII", 258, 3, 3, at)
    table[273] = struct.pack("<HHII", 273, 4, 3, at + 6)
    table[279] = struct.pack("<HHII", 279, 4, 3, at + 18)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff("<", body, table))
    with pytest.raises(ValueError, match=r"planes of 16 bits.* interleave the channels"):
        decoded(path)


def test_sixteen_bits_whose_white_is_zero(tmp_path: Path) -> None:
    """As scanners of films write them; Pillow turns such bytes alone."""
    values = DEEP[..., 0]
    height, width = values.shape
    data = values.astype("<u2").tobytes()
    entries = [(256, width), (257, height), (258, 16), (259, 1), (262, 0), (273, 8), (277, 1)]
    entries += [(278, height), (279, len(data))]
    path = tmp_path / "a.tif"
    path.write_bytes(tiff("<", data, {tag: tiff_entry("<", tag, value) for tag, value in entries}))
    np.testing.assert_array_equal(
        decoded(path)[..., 0], np.rint((65535 - values.astype(int)) / 257)
    )


def test_a_range_is_not_of_numbers_that_are_read_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 7 5 65535\n" + DEEP[..., :3].astype(">u2").tobytes())
    np.testing.assert_allclose(decoded(path), DEEP[..., :3] / 257, atol=1)
    with pytest.raises(ValueError, match=r"only 8 are read of such a file.* save it as PNG"):
        decoded(path, pixel_range=(0, 65535))


@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_of_sixteen_bits_in_tiff(tmp_path: Path, order: str) -> None:
    """Written here by its specification: Pillow cannot."""
    values = DEEP[..., :3] >> 4
    height, width, _ = values.shape
    data = values.astype(f"{order}u2").tobytes()
    entries = [(256, width), (257, height), (259, 1), (262, 2), (273, 8), (277, 3)]
    entries += [(278, height), (279, len(data))]
    table = {tag: struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries}
    bits_at = 8 + len(data)
    table[258] = struct.pack(f"{order}HHII", 258, 3, 3, bits_at)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(order, data + struct.pack(f"{order}HHH", 16, 16, 16), table))
    np.testing.assert_array_equal(decoded(path), np.rint(values / 257))
    expected = np.rint(values * (255 / 4095))
    np.testing.assert_array_equal(decoded(path, pixel_range=(0, 4095)), expected)


PAGES = [np.full((16, 16), level, np.uint8) for level in (0, 120, 250)]


def save_pages(path: Path, pages: Sequence[np.ndarray] = PAGES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=rest, lossless=True)


def load(folder: Path, **options: object) -> ImageSet:
    whole = DataConfig(str(folder), valid_fraction=0, test_fraction=0)
    return load_images(replace(whole, **options))


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp", "png"])
def test_the_first_page_or_all(tmp_path: Path, suffix: str) -> None:
    for name in "ab":
        save_pages(tmp_path / f"{name}.{suffix}")
    Image.fromarray(PAGES[1]).save(tmp_path / "c.png")
    message = rf"\(2 of 3, such as 'a.{suffix}'\) the first page is read.*--pages all"
    with pytest.warns(UserWarning, match=message):
        images = load(tmp_path, channels=1)
    assert images.files == (f"a.{suffix}", f"b.{suffix}", "c.png")
    assert images.images[:, 0, 0, 0].tolist() == [0, 0, 120]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = load(tmp_path, channels=1, pages="all")
    assert images.files is not None
    pages = [f"{name}.{suffix}#{page}" for name in "ab" for page in (1, 2, 3)]
    assert images.files == (*pages, "c.png")
    found = images.images[:, 5, 5, 0].astype(int)
    assert np.abs(found - [0, 120, 250, 0, 120, 250, 120]).max() <= 1


def test_every_page_has_the_class_of_its_file(tmp_path: Path) -> None:
    save_pages(tmp_path / "a/x.tif")
    save_pages(tmp_path / "b/y.tif", PAGES[:2])
    images = load(tmp_path, pages="all")
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 0, 1, 1]


def test_pages_of_other_sizes_are_named(tmp_path: Path) -> None:
    save_pages(tmp_path / "a.tif", [*PAGES, np.full((8, 16), 9, np.uint8)])
    message = r"16×16 in 3 files \(as 'a.tif#1'\), 8×16 in 1 file \(as 'a.tif#4'\)"
    with pytest.raises(DataError, match=message):
        load(tmp_path, pages="all")
    assert load(tmp_path, pages="all", image_size=(8, 8)).images.shape == (4, 8, 8, 1)


def test_a_broken_page_is_named_and_left_out_when_asked(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    save_pages(tmp_path / "a.gif", list(noise))
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[: whole.rindex(b"\x2c") + 20])  # of the last page
    with pytest.raises(DataError, match=r"got 1 of 3 pictures that cannot be read: 'a.gif#3'"):
        load(tmp_path, pages="all", channels=1)
    with pytest.warns(UserWarning, match=r"left out 1 of 3 pictures"):
        images = load(tmp_path, pages="all", channels=1, skip_broken=True)
    assert images.files == ("a.gif#1", "a.gif#2")


def test_a_file_cannot_claim_pages_without_end(tmp_path: Path) -> None:
    save_pages(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    at = content.index(b"acTL")
    body = struct.pack(">II", 2**31 - 1, 0)
    (tmp_path / "a.png").write_bytes(content[: at - 4] + chunk(b"acTL", body) + content[at + 16 :])
    with pytest.raises(DataError, match=r"'a.png' \(claims 2147483647 pages"):
        load(tmp_path, pages="all", channels=1)


def test_what_a_jpeg_has_behind_its_picture_is_no_page(tmp_path: Path) -> None:
    first, *rest = (Image.fromarray(page) for page in PAGES)
    for name in "ab":
        first.save(tmp_path / f"{name}.jpg", "MPO", save_all=True, append_images=rest)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*pages")
        assert load(tmp_path, pages="all").files == ("a.jpg", "b.jpg")


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0" * 40


def test_heic_without_its_reader_is_named_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Image.fromarray(PAGES[0]).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(HEIC)
    message = r"'b.heic' \(a HEIC picture. Fix: pip install 'reparam\[heic\]'\)"
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_heic(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    heif = pillow_heif.from_pillow(Image.fromarray(np.dstack([PAGES[1]] * 3)).resize((64, 64)))
    for name in "ab":
        heif.save(tmp_path / f"{name}.heic", quality=90)
    (tmp_path / "c.png").write_bytes((tmp_path / "a.heic").read_bytes())  # known by content
    images = load(tmp_path)
    assert images.image_shape == (64, 64, 3)
    assert np.abs(images.images.astype(int) - 120).max() <= 3


def test_a_damaged_heic_is_a_broken_file(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    Image.fromarray(PAGES[0]).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(HEIC)
    with pytest.raises(DataError, match=r"got 1 of 2 files that cannot be read: 'b.heic'"):
        load(tmp_path)
