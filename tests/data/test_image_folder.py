"""Folders of image files, written here with Pillow."""

import math
import os
import shutil
import struct
import sys
import warnings
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from reparam.data import (
    DataConfig,
    DisagreementError,
    ImageSet,
    load_images,
    read_images,
    sizes_in_files,
)
from reparam.data.folder import load_folder
from reparam.errors import ConfigError, DataError

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def _save(path: Path, pixels: np.ndarray = GREY, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def _load(folder: Path, **options: object) -> ImageSet:
    return load_images(DataConfig(source=str(folder), **options))


def _refused(folder: Path, message: str, error: type[Exception] = DataError, **options) -> str:
    with pytest.raises(error, match=message) as caught:
        _load(folder, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_flat_folder(tmp_path: Path):
    for i, name in enumerate(["c.png", "a.PNG", "b.bmp"]):
        _save(tmp_path / name, GREY + np.uint8(i))
    images = _load(tmp_path)
    assert images.name == tmp_path.name
    assert images.labels is None
    assert images.class_names == ()
    np.testing.assert_array_equal(images.images[..., 0], [GREY + 1, GREY + 2, GREY])  # a, b, c


def test_sub_folders_are_classes(tmp_path: Path):
    _save(tmp_path / "dog/old/deep/1.png", GREY + 3)
    _save(tmp_path / "dog/2.png", GREY + 2)
    _save(tmp_path / "cat/1.png", GREY + 1)
    _save(tmp_path / ".cache/1.png")
    _save(tmp_path / "cat/.hidden.png")
    (tmp_path / "cat/.DS_Store").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    images = _load(tmp_path)
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(images.images[..., 0], [GREY + 1, GREY + 2, GREY + 3])


def test_many_files_keep_their_order(tmp_path: Path):
    for i in range(60):
        _save(tmp_path / f"{i % 4}" / f"{i:03}.png", np.full((2, 3), i, np.uint8))
    images = _load(tmp_path)
    values = images.images[:, 0, 0, 0]
    assert values.tolist() == sorted(range(60), key=lambda i: (i % 4, i))
    np.testing.assert_array_equal(images.labels, values % 4)


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path):
    _save(tmp_path / "away/1.png")
    folder = tmp_path / "folder"
    _save(folder / "b/1.png")
    (folder / "a").symlink_to(tmp_path / "away")
    (folder / "b/again").symlink_to(folder)
    _save(folder / "b/2.png")
    (folder / "b/deep").mkdir()
    (folder / "b/deep/linked").symlink_to(tmp_path / "away")
    (folder / "b/3.png").symlink_to(tmp_path / "away/1.png")
    images = _load(folder)
    assert images.class_names == ("a", "b")
    assert images.files == ("a/1.png", "b/1.png", "b/2.png", "b/3.png", "b/deep/linked/1.png")
    assert images.labels.tolist() == [0, 1, 1, 1, 1]


def test_train_val_and_test_are_splits(tmp_path: Path):
    for split, count in (("train", 8), ("val", 3), ("Test", 4)):
        for i in range(count):
            _save(tmp_path / split / ("cat", "dog")[i % 2] / f"{i}.png")
    images = _load(tmp_path)
    assert images.class_names == ("cat", "dog")
    assert images.files is not None
    for split, folder in (("train", "train"), ("valid", "val"), ("test", "Test")):
        found = {images.files[i] for i in images.splits[split]}
        assert found == {name for name in images.files if name.startswith(folder)}
        assert {images.labels[i] for i in images.splits[split]} == {0, 1}
    as_classes = _load(tmp_path, split_folders=False)
    assert as_classes.class_names == ("Test", "train", "val")
    shutil.rmtree(tmp_path / "Test")
    with pytest.warns(UserWarning, match=r"--test-fraction 0.4 changes nothing. Fix: add test/"):
        assert len(_load(tmp_path, test_fraction=0.4).splits["test"]) == 0


def test_a_folder_beside_splits_is_no_class_of_its_own(tmp_path: Path):
    """Else train and test would be classes too, and the test pictures be trained on."""
    for folder in ("train", "test", "unlabelled"):
        for i in range(12):
            _save(tmp_path / folder / f"{i}.png")
    _refused(tmp_path, "got 'unlabelled' beside test, train. Fix: move it away, or pass --no-split")
    assert _load(tmp_path, split_folders=False).class_names == ("test", "train", "unlabelled")
    (tmp_path / "unlabelled").rename(tmp_path / "masks")
    _refused(tmp_path, "got masks .masks. beside them. Fix: name their folder, such as .*train$")


def test_validation_is_drawn_where_only_train_and_test_are_given(tmp_path: Path):
    for split, count in (("train", 20), ("test", 4)):
        for i in range(count):
            _save(tmp_path / split / f"{i}.png")
    images = _load(tmp_path, valid_fraction=0.25, train_size=10)
    assert images.labels is None
    assert {name: len(index) for name, index in images.splits.items()} == {
        "train": 10,
        "valid": 2,
        "test": 4,
    }
    used = np.concatenate(list(images.splits.values()))
    assert len(set(used.tolist())) == 16


@pytest.mark.parametrize("names", [("train", "car"), ("train", "Train"), ("val", "test")])
def test_other_folders_are_classes(tmp_path: Path, names: tuple[str, str]):
    for name in names:
        for i in range(3):
            _save(tmp_path / name / f"{i}.png")
    assert set(_load(tmp_path).class_names) == set(names)


def test_pictures_beside_their_masks_are_refused(tmp_path: Path):
    for name in ("images", "masks"):
        _save(tmp_path / name / "1.png")
    _refused(tmp_path, "got images and masks, which looks like pictures beside their masks")


def test_the_samples_of_a_run_are_no_pictures(tmp_path: Path, new_run, small, blobs):
    """Of a run in the folder of pictures, as `reparam train .` makes one."""
    for name in "abc":
        _save(tmp_path / f"{name}.png")
    run = new_run(small())
    assert run.path.is_relative_to(tmp_path)
    _save(run.path / "samples/1.png")
    assert _load(tmp_path).files == ("a.png", "b.png", "c.png")


def test_images_at_both_levels(tmp_path: Path):
    _save(tmp_path / "x.png")
    _save(tmp_path / "cat/y.png")
    _refused(tmp_path, r"got both \('x.png', 'cat/y.png'\). Fix: move")


def test_missing_and_empty_folders(tmp_path: Path):
    _refused(tmp_path / "absent", "absent': no such file or folder")
    _refused(tmp_path, "needs image files, got none. Fix: put images there")
    (tmp_path / "cat").mkdir()
    _refused(tmp_path, "needs image files, got none. Fix: put images there")
    (tmp_path / "cat/notes.txt").write_text("no image")
    for skip in (False, True):
        message = _refused(tmp_path, "got none among 1 files", skip_broken=skip)
        assert "'cat/notes.txt' (no image in one of the formats PNG, JPEG, " in message


def test_one_image(tmp_path: Path):
    _save(tmp_path / "a.png")
    _refused(tmp_path, "at least 2 images to train and look at, got 1")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp", "pgm"])
def test_formats(tmp_path: Path, suffix):
    smooth = np.linspace(0, 255, 256).astype(np.uint8).reshape(16, 16)
    for name in "abc":
        _save(tmp_path / f"{name}.{suffix}", smooth)
    options = {"channels": 1} if suffix == "webp" else {}  # WebP has no grey
    images = _load(tmp_path, **options)
    assert images.image_shape == (16, 16, 1)
    assert np.abs(images.images[..., 0].astype(int) - smooth).max() <= 12


def _as_modes(folder: Path, image: Image.Image, suffix: str = "png", **options) -> np.ndarray:
    """The pixels of one image, read from a folder that has it three times."""
    for name in "abc":
        folder.mkdir(exist_ok=True)
        image.save(folder / f"{name}.{suffix}", **options)
    return _load(folder).images[0]


def test_modes(tmp_path: Path):
    grey, colour = Image.fromarray(GREY), Image.fromarray(COLOUR)
    np.testing.assert_array_equal(_as_modes(tmp_path / "L", grey)[..., 0], GREY)
    np.testing.assert_array_equal(_as_modes(tmp_path / "RGB", colour), COLOUR)
    two = _as_modes(tmp_path / "1", Image.fromarray(GREY > 100))
    np.testing.assert_array_equal(two[..., 0], np.where(GREY > 100, 255, 0))
    np.testing.assert_array_equal(_as_modes(tmp_path / "P", colour.quantize(256)), COLOUR)
    deep = Image.fromarray(GREY.astype(np.uint16) * 257 + 3)
    np.testing.assert_array_equal(_as_modes(tmp_path / "I;16", deep)[..., 0], GREY)
    np.testing.assert_array_equal(_as_modes(tmp_path / "tiff16", deep, "tiff")[..., 0], GREY)
    np.testing.assert_array_equal(_as_modes(tmp_path / "pgm16", deep, "pgm")[..., 0], GREY)
    cmyk = _as_modes(tmp_path / "CMYK", colour.convert("CMYK"), "tiff")
    np.testing.assert_array_equal(cmyk, COLOUR)


def test_transparency_is_laid_over_white(tmp_path: Path):
    alpha = np.zeros_like(GREY)
    alpha[0] = 255
    alpha[1] = 128
    rgba = _as_modes(tmp_path / "RGBA", Image.fromarray(np.dstack([COLOUR, alpha])))
    np.testing.assert_array_equal(rgba[0], COLOUR[0])
    mixed = COLOUR[1] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(rgba[1] - mixed).max() <= 1
    assert (rgba[2:] == 255).all()

    la = _as_modes(tmp_path / "LA", Image.fromarray(np.dstack([GREY, alpha])))
    assert la.shape == (5, 6, 1)
    np.testing.assert_array_equal(la[0, :, 0], GREY[0])
    assert (la[2:] == 255).all()

    keyed = _as_modes(tmp_path / "tRNS", Image.fromarray(GREY), transparency=8)
    np.testing.assert_array_equal(keyed[..., 0], np.where(GREY == 8, 255, GREY))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation(tmp_path: Path, suffix, orientation):
    pixels = np.full((16, 32, 3), 255, np.uint8)
    pixels[:8, :8] = 0  # a black corner, top left as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = _as_modes(tmp_path / "turned", Image.fromarray(pixels), suffix, exif=exif)
    # EXIF 6: shown after a quarter turn clockwise; 8: anticlockwise; 3: after half a turn.
    turns = {1: 0, 3: 2, 6: -1, 8: 1}[orientation]
    assert image.shape == np.rot90(pixels, turns).shape
    assert np.abs(image.astype(int) - np.rot90(pixels, turns)).mean() < 8


def test_mixed_channels(tmp_path: Path):
    for name in ("a", "b", "c"):
        _save(tmp_path / f"{name}.png")
    _save(tmp_path / "d.png", COLOUR)
    message = r"got grey in 3 files \(as 'a.png'\), colour in 1 file \(as 'd.png'\). Fix: pass"
    _refused(tmp_path, message)
    grey, colour = _load(tmp_path, channels=1), _load(tmp_path, channels=3)
    np.testing.assert_array_equal(grey.images[0, ..., 0], GREY)
    np.testing.assert_array_equal(grey.images[3, ..., 0], Image.fromarray(COLOUR).convert("L"))
    np.testing.assert_array_equal(colour.images[0], np.stack([GREY] * 3, axis=-1))
    np.testing.assert_array_equal(colour.images[3], COLOUR)


def test_mixed_sizes(tmp_path: Path):
    for i in range(5):
        _save(tmp_path / f"{i}.png", np.zeros((4 + max(0, i - 1), 6), np.uint8))
    message = _refused(tmp_path, r"\(height×width\), got 4×6 in 2 files \(as '0.png'\)")
    assert "5×6 in 1 file (as '2.png')" in message
    assert "and 1 more. Fix: pass --image-size" in message
    assert _load(tmp_path, image_size=(8, 3)).images.shape == (5, 8, 3, 1)


def test_one_message_names_every_option_that_a_folder_needs(tmp_path: Path):
    """Of other sizes, grey and colour, no pictures, cut short, without a range: and they work."""
    rng = np.random.default_rng(0)
    for i, size in enumerate([(40, 30), (36, 80), (33, 33)]):
        _save(tmp_path / f"grey{i}.png", rng.integers(0, 256, size, np.uint8))
        _save(tmp_path / f"colour{i}.png", rng.integers(0, 256, (*size, 3), np.uint8))
    message = _refused(tmp_path, r"40×30 in 2 files \(as 'colour0.png'\).*; without --channels")
    assert "Fix: pass --image-size 32 --channels 3 (or another size; with --fit crop" in message
    (tmp_path / "notes.txt").write_text("hello")
    whole = _save(tmp_path / "cut.png", rng.integers(0, 256, (40, 30), np.uint8)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:-40])  # what its header does not show
    message = _refused(tmp_path, r"; every picture must be a readable image, got 1 of 8 files")
    assert "--image-size 32 --channels 3 --skip-broken" in message
    _refused(tmp_path, r"Fix: pass --channels 3 --skip-broken$", image_size=(8, 8))
    said = _refused(
        tmp_path, "Fix: pass --image-size 32 --channels 3;", skip_broken=True, fit="crop"
    )
    assert said.endswith("; in Python: DataConfig(..., image_size=(32, 32), channels=3)")
    with pytest.warns(UserWarning, match="left out 2 of 8 files .*notes.txt"):
        images = _load(tmp_path, image_size=(32, 32), channels=3, skip_broken=True)
    assert images.images.shape == (6, 32, 32, 3)
    _save(tmp_path / "wide.tiff", np.full((64, 64), 0.5, np.float32))
    _refused(tmp_path, "--image-size 32 --channels 3 --range LOW HIGH --skip-broken")


@pytest.mark.parametrize("wrong", [(1, 0), (0, 0), (0, math.nan), (-math.inf, 1)])
def test_a_range_without_length_is_no_fault_of_the_files(tmp_path: Path, wrong: tuple):
    for i in range(3):
        _save(tmp_path / f"{i}.png", GREY)
    with pytest.raises(DataError, match=r"^the range of pixels must be from black to a larger"):
        _load(tmp_path, pixel_range=wrong, skip_broken=True)


@pytest.mark.parametrize(
    ("sizes", "proposed"),
    [
        ([(40, 30), (300, 36), (33, 33)], (32, 32)),
        ([(480, 640), (600, 800), (470, 640)], (48, 64)),
        ([(640, 480), (800, 600), (640, 470)], (64, 48)),
        ([(480, 640), (640, 480), (481, 640)], (64, 64)),
        ([(100, 110), (200, 220)], (64, 64)),
        ([(10, 12), (10, 11)], (8, 8)),
        ([(3, 4), (2, 4)], (2, 2)),
        ([(12, 20), (13, 21)], (8, 16)),
    ],
)
def test_what_a_folder_is_proposed_works_and_is_said_alike(
    tmp_path: Path, sizes: list[tuple[int, int]], proposed: tuple[int, int]
) -> None:
    """Square, unless nearly all pictures are about as far from it."""
    for i, size in enumerate(sizes * 2):
        _save(tmp_path / f"{i}.png", np.zeros(size, np.uint8))
    with pytest.raises(DisagreementError) as refused:
        _load(tmp_path)
    suited = refused.value.suited
    assert suited.image_size == proposed
    shown = str(proposed[0]) if proposed[0] == proposed[1] else f"{proposed[0]} {proposed[1]}"
    assert f"pass --image-size {shown} (or" in str(refused.value)
    images = load_folder(tmp_path, suited)
    assert images.images.shape == (2 * len(sizes), *proposed, 1)


def test_a_file_of_32_bits_is_told_how_it_can_be_read(tmp_path: Path):
    _save(tmp_path / "a.tiff", np.zeros((5, 6), np.float32))
    _refused(tmp_path, "Fix: repair or remove them, or pass --range LOW HIGH$")


@pytest.mark.parametrize("size", [(8, 8), (8, 4), (4, 9), None])
@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_the_sizes_that_pictures_have_in_their_files(tmp_path: Path, size, fit: str):
    """With crop, of the part that is kept: at that size nothing is stretched."""
    shapes = [(20, 30)] * 3 if size is None else [(20, 30), (31, 12), (8, 8)]
    for i, shape in enumerate(shapes):
        _save(tmp_path / "c" / f"{i}#1.png", np.zeros(shape, np.uint8))
    config = DataConfig(str(tmp_path), image_size=size, fit=fit)
    found = sizes_in_files(config, load_images(config).files)
    for (height, width), (high, wide) in zip(found, shapes, strict=True):
        if size is None or fit == "resize":
            assert (height, width) == (high, wide)
        else:
            assert height == high or width == wide
            assert height <= high
            assert width <= wide
            assert abs(width / height - size[1] / size[0]) <= 0.5 * max(1, size[1] / size[0]) / min(
                height, width
            )


def test_the_sizes_of_pages_are_their_own(tmp_path: Path):
    first, *rest = (Image.new("L", size) for size in ((6, 5), (4, 8)))
    first.save(tmp_path / "a.tif", save_all=True, append_images=rest)
    _save(tmp_path / "b.png")
    config = DataConfig(str(tmp_path), image_size=(8, 8), pages="all")
    files = ("b.png", "a.tif#2", "a.tif#1")
    assert sizes_in_files(config, files) == [(5, 6), (8, 4), (5, 6)]
    with pytest.raises(DataError, match=r"'c.png' must be the picture that was read, got: no such"):
        sizes_in_files(config, ("c.png",))


def test_resize_stretches_and_crop_does_not(tmp_path: Path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255  # the middle third is white
    for name in "abc":
        _save(tmp_path / f"{name}.png", wide)
    cropped = _load(tmp_path, image_size=(10, 10), fit="crop").images[0, ..., 0]
    np.testing.assert_array_equal(cropped, 255)
    stretched = _load(tmp_path, image_size=(10, 10), fit="resize").images[0, ..., 0]
    assert stretched[:, 0].max() == 0
    assert stretched[:, 5].min() == 255
    assert 0.25 < stretched.mean() / 255 < 0.42


def _broken_files(folder: Path) -> None:
    for name in "abcdef":
        _save(folder / "good" / f"{name}.png", COLOUR)
    (folder / "good/notes.txt").write_text("hello")
    (folder / "good/empty.png").write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    whole = _save(folder / "good/cut.png", noise).read_bytes()
    (folder / "good/cut.png").write_bytes(whole[:-40])
    (folder / "good/gone.png").symlink_to(folder / "nowhere")


def test_broken_files_are_all_counted(tmp_path: Path):
    _broken_files(tmp_path)
    message = _refused(tmp_path, "got 3 of 10 files that cannot be read: 'good/cut.png'")
    assert "'good/gone.png' (not a regular file)" in message
    assert "notes.txt" not in message
    assert "pass --skip-broken" in message


def test_files_of_other_kinds_are_left_out_and_said(tmp_path: Path):
    """By name and by content: no picture's name, and no picture."""
    for name in "abc":
        _save(tmp_path / f"{name}.png", COLOUR)
    for name in ("notes.txt", "sound.ogg", "README", "drawing.svg"):
        (tmp_path / name).write_text("<svg/>")
    _save(tmp_path / "d.picture", COLOUR, format="PNG")
    with pytest.warns(UserWarning, match=r"left out 4 of 8 files that cannot be read: 'README'"):
        images = _load(tmp_path)
    np.testing.assert_array_equal(images.images, [COLOUR] * 4)


def test_broken_files_are_left_out_when_asked(tmp_path: Path):
    _broken_files(tmp_path)
    with pytest.warns(
        UserWarning, match=r"left out 4 of 10 files that cannot be read: 'good/cut.png'"
    ):
        images = _load(tmp_path, skip_broken=True)
    np.testing.assert_array_equal(images.images, [COLOUR] * 6)
    assert images.labels.tolist() == [0] * 6


def test_only_broken_files_behind_good_headers(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (5, 6), np.uint8)
    for name in ("a", "b"):
        path = _save(tmp_path / f"{name}.png", noise)
        path.write_bytes(path.read_bytes()[:-40])
    _refused(tmp_path, "got 2 of 2 files that cannot be read", skip_broken=True)
    _refused(tmp_path, "got 2 of 2 files that cannot be read")


def test_a_decompression_bomb_is_a_broken_file(tmp_path: Path):
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))
    for name in "abc":
        _save(tmp_path / f"{name}.png")
    (tmp_path / "bomb.png").write_bytes(bomb + chunk(b"IEND", b""))
    _refused(
        tmp_path, r"got 1 of 4 files that cannot be read: 'bomb.png' \(Image size \(3600000000"
    )


def test_files_are_known_by_content_and_only_plain_formats_are_read(tmp_path: Path):
    for name in "abc":
        _save(tmp_path / f"{name}.txt", format="PNG")
    assert len(_load(tmp_path)) == 3
    (tmp_path / "d.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    _refused(tmp_path, r"'d.png' \(no image in one of the formats PNG")


def test_pixels_without_a_known_range_are_broken(tmp_path: Path):
    _save(tmp_path / "a.tiff", np.zeros((5, 6), np.float32))
    _save(tmp_path / "b.tiff", np.full((5, 6), 70_000, np.int32))
    message = _refused(tmp_path, "got 2 of 2 files")
    assert "pixels of 32 bits, here 0 to 0, have no known range: pass --range LOW HIGH" in message
    assert "pixels of 32 bits, here 70000 to 70000, have no known range" in message


@pytest.mark.parametrize(
    ("dtype", "suffix", "white"),
    [
        (np.uint16, "png", 4095),  # of a microscope: 12 bits in 16
        (np.int32, "tiff", 255),
        (np.float32, "tiff", 2.5),
        (np.uint8, "png", 1),  # a mask
    ],
)
def test_a_range_says_which_values_are_black_and_white(
    tmp_path: Path, dtype: type, suffix: str, white: float
):
    values = np.linspace(0, white, 30).reshape(5, 6).astype(dtype)
    for name in "abc":
        _save(tmp_path / f"{name}.{suffix}", values)
    found = _load(tmp_path, pixel_range=(0, white)).images[0, ..., 0]
    np.testing.assert_array_equal(found, np.rint(values.astype(float) * (255 / white)))
    _refused(tmp_path, f"in the range 0 to {white / 2:g}", pixel_range=(0, white / 2))


def test_a_set_that_is_nearly_black_is_warned_of(tmp_path: Path):
    for name in "abc":
        _save(tmp_path / f"{name}.png", np.full((5, 6), 1, np.uint8))
    _save(tmp_path / "d.png", np.full((5, 6), 4095, np.uint16))
    config = DataConfig(str(tmp_path))
    with pytest.warns(
        UserWarning, match=r"is 16 of 255 .* 4112 of 65535.* --range 0 16 .* --range 0 4095 "
    ):
        load_images(config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images(replace(config, channels=1, pixel_range=(0, 65535)))
        read_images(config)  # for a model that is trained already


@pytest.mark.parametrize(("kind", "suffix"), [("avif", "avif"), ("jpg_2000", "jp2")])
def test_formats_that_pillow_reads(tmp_path: Path, kind: str, suffix: str):
    if not features.check(kind):
        pytest.skip("Pillow was built without it")
    for name in "abc":
        _save(tmp_path / f"{name}.{suffix}", np.full((16, 16), 200, np.uint8))
    assert abs(int(_load(tmp_path).images.mean()) - 200) <= 2


def test_a_large_scan_is_read_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    Image.new("1", (10_000, 10_000), 1).save(tmp_path / "scan.png")
    for name in "abc":
        _save(tmp_path / f"{name}.png")
    assert _load(tmp_path, image_size=(8, 8)).images.max() == 255
    assert not list(recwarn)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are any bytes there")
def test_names_in_another_encoding_become_text(tmp_path: Path):
    for name in (b"caf\xe9", b"the"):
        place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        _save(place / "1.png")
        _save(place / os.fsdecode(b"\xff.png"))
    found = _load(tmp_path)
    assert found.class_names == ("caf\ufffd", "the")
    assert found.files == ("caf\ufffd/1.png", "caf\ufffd/\ufffd.png", "the/1.png", "the/\ufffd.png")
    _save(tmp_path / "top.png")
    assert "'caf\ufffd/1.png'" in _refused(tmp_path, "both")


def test_names_of_files_cannot_break_the_line(tmp_path: Path):
    _save(tmp_path / "a.png")
    (tmp_path / "b\nc.png").write_bytes(b"")
    _refused(tmp_path, r"'b\\nc.png' \(no image in")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("image_size", (0, 5), r"at least 1, got \(0, 5\). Fix: correct --image-size"),
        ("channels", 4, r"1 \(grey\) or 3 \(colour\), got 4. Fix: correct --channels"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, option, value, message):
    _save(tmp_path / "a.png")
    config = DataConfig(source=str(tmp_path))
    object.__setattr__(config, option, value)  # past the check of types, which only tests have
    with pytest.raises(ConfigError, match=message):
        load_images(config)


def test_a_fit_that_is_none(tmp_path: Path):
    config = DataConfig(source=str(tmp_path))
    object.__setattr__(config, "fit", "stretch")  # past the check of types, which only tests have
    with pytest.raises(ConfigError, match=r"one of resize, crop, got 'stretch'. Fix: choose one"):
        config.__post_init__()
