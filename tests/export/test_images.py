import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reparam.data import DataConfig, contact_sheet, load_images, read_images
from reparam.errors import ConfigError
from reparam.export import LabelledImages, comparison_sheet, picture_names, write_images


def noise(n: int, height: int = 5, width: int = 7, channels: int = 3) -> np.ndarray:
    shape = (n, height, width, channels)
    return np.random.default_rng(n).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_can_be_read_again(tmp_path: Path, channels: int) -> None:
    images = noise(12, channels=channels)
    write_images(tmp_path / "out", LabelledImages(images))
    again = read_images(DataConfig(source=str(tmp_path / "out" / "images")))
    np.testing.assert_array_equal(again.images, images)


def test_a_single_image_can_be_read_again(tmp_path: Path) -> None:
    write_images(tmp_path / "one", LabelledImages(noise(1)))
    assert len(read_images(DataConfig(source=str(tmp_path / "one" / "images")))) == 1


def test_channels_that_png_cannot_have_are_told(tmp_path: Path) -> None:
    images = noise(3, channels=2)
    with pytest.warns(UserWarning, match=r"2 channels: PNG has the first alone. Fix: .* .npz"):
        write_images(tmp_path / "out", LabelledImages(images))
    again = read_images(DataConfig(source=str(tmp_path / "out" / "images")))
    np.testing.assert_array_equal(again.images, images[..., :1])
    write_images(tmp_path / "all.npz", LabelledImages(images))  # a warning would be an error
    np.testing.assert_array_equal(np.load(tmp_path / "all.npz")["images"], images)


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of users and groups")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)])
def test_what_is_written_is_for_those_that_the_umask_leaves(
    tmp_path: Path, mask: int, file: int, folder: int
) -> None:
    program = (
        "import os, sys, numpy as np\nfrom pathlib import Path\n"
        f"os.umask({mask})\n"
        "from reparam.export import LabelledImages, write_images\n"
        "out, images = Path(sys.argv[1]), LabelledImages(np.zeros((1, 2, 2, 1), np.uint8))\n"
        "write_images(out / 'folder', images)\nwrite_images(out / 'images.npz', images)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    modes = {p.name: p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")}
    assert (modes["folder"], modes["images.npz"], modes["sheet.png"]) == (folder, file, file)


def test_an_npz_can_be_read_again_with_its_labels(tmp_path: Path) -> None:
    images, labels = noise(9), np.arange(9) % 2
    write_images(tmp_path / "a.npz", LabelledImages(images, labels, ("no", "yes", "maybe")))
    again = load_images(DataConfig(source=str(tmp_path / "a.npz")))
    np.testing.assert_array_equal(again.images, images)
    assert again.labels is not None
    np.testing.assert_array_equal(again.labels, labels)
    assert again.class_names == ("no", "yes", "maybe")


NAMES = {
    ("a/x.jpg", "b/y.tiff"): ["x.png", "y.png"],
    ("a/x.jpg", "b/x.png", "y.gif"): ["a-x.png", "b-x.png", "y.png"],
    ("a/x.jpg", "a/x.png", "b/x.png"): ["x-00000.png", "x-00001.png", "b-x.png"],
    ("x.jpg", "X.png"): ["x-00000.png", "X-00001.png"],  # one name on some file systems
    ("s.tif#1", "s.tif#2", "b.old.png"): ["s_1.png", "s_2.png", "b.old.png"],
    ("x-00001.jpg", "x.jpg", "x.gif"): ["00000-x-00001.png", "00001-x.png", "00002-x.png"],
    ("a:b*?.png", "\x1b.png", "강아지.jpg", "noext"): [
        "a_b_.png",
        "_.png",
        "강아지.png",
        "noext.png",
    ],
    ("🥾 21.webp", "a/👩‍🚀.png", "ไม้.jpg"): ["🥾 21.png", "👩‍🚀.png", "ไม้.png"],
    ("a\u202egpj.png", "tab\there.png"): ["a_gpj.png", "tab_here.png"],
    ("...jpg", "x" * 300 + ".jpg"): ["picture.png", "x" * 200 + ".png"],
}


@pytest.mark.parametrize("files", NAMES, ids=lambda files: files[0][:10])
def test_pictures_are_named_by_their_files(tmp_path: Path, files: tuple[str, ...]) -> None:
    out = LabelledImages(noise(len(files)), files=files)
    assert picture_names(out) == NAMES[files]
    write_images(tmp_path / "out", out)
    with (tmp_path / "out" / "pictures.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert tuple(row["file"] for row in rows) == files
    for row, image in zip(rows, out.images, strict=True):
        with Image.open(tmp_path / "out" / "images" / row["picture"]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), image)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=30))
def test_names_differ_and_are_of_one_part(files: list[str]) -> None:
    names = picture_names(LabelledImages(noise(len(files)), files=tuple(files)))
    assert len({name.casefold() for name in names}) == len(files)
    for name in names:
        assert not set(name) & set('/\\\0:*?"<>|\n')
        assert not name.startswith(".")
        assert len(name.encode()) <= 255


def test_a_folder_with_a_picture_that_is_not_listed_is_no_results_of_ours(tmp_path: Path) -> None:
    out = LabelledImages(noise(2), files=("a.jpg", "b.jpg"))
    write_images(tmp_path / "out", out)
    write_images(tmp_path / "out", out, overwrite=True)
    (tmp_path / "out" / "images" / "mine.png").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="holds other files"):
        write_images(tmp_path / "out", out, overwrite=True)
    (tmp_path / "out" / "images" / "mine.png").unlink()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")  # listed, but not there
    with pytest.raises(ConfigError, match="holds other files"):
        write_images(tmp_path / "out", out, overwrite=True)


def test_what_a_file_manager_leaves_is_no_result(tmp_path: Path) -> None:
    """Neither in an empty folder nor among results."""
    out = tmp_path / "out"
    out.mkdir()
    (out / ".DS_Store").write_bytes(b"x")
    images = LabelledImages(np.zeros((2, 4, 4, 1), np.uint8))
    write_images(out, images)
    (out / "images" / "Thumbs.db").write_bytes(b"x")
    write_images(out, images, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["images", "sheet.png"]


def test_comparison_sheet_has_each_image_above_its_counterparts() -> None:
    first, second = noise(13), noise(13)[::-1]
    sheet = comparison_sheet(first, second)
    group = 2 + 2 * 7 + 4  # two lines, and white before the next two
    assert sheet.shape == (2 * group - 4, 2 + 10 * 9, 3)
    for i in range(13):
        line, column = divmod(i, 10)
        left = 2 + column * 9
        for row, image in enumerate((first[i], second[i])):
            top = 2 + line * group + row * 7
            np.testing.assert_array_equal(sheet[top : top + 5, left : left + 7], image)
    assert (sheet[2 + 2 * 7 : 2 + group] == 255).all()
    assert (sheet[group:, 2 + 3 * 9 :] == 255).all()  # the last line is short


def test_nothing_stays_when_writing_fails(tmp_path: Path) -> None:
    def fail(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigError, match="No space left on device"):
        write_images(tmp_path / "out", LabelledImages(noise(3)), extra=fail)
    assert list(tmp_path.iterdir()) == []


def test_old_results_stay_when_writing_new_ones_fails(tmp_path: Path) -> None:
    def fail(_folder: Path) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "out"
    write_images(out, LabelledImages(noise(3)))
    with pytest.raises(KeyboardInterrupt):
        write_images(out, LabelledImages(noise(5)), overwrite=True, extra=fail)
    assert len(list((out / "images").iterdir())) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_targets_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for name, message in (
        ("file", "must be a folder, got a file"),
        ("folder.npz", "must be a file, got a folder"),
        ("full", "holds other files"),
        ("out.csv", "images must go to a folder"),
    ):
        with pytest.raises(ConfigError, match=message):
            write_images(tmp_path / name, LabelledImages(noise(2)), overwrite=True)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(("side", "shown"), [(33, 400), (100, 400), (256, 61), (2000, 10)])
def test_a_sheet_of_large_images_has_fewer(side, shown, tmp_path) -> None:
    images = np.zeros((400 if side < 2000 else 12, side, side, 1), np.uint8)
    with_sheet = contact_sheet(images[:shown]).shape[:2]
    write_images(tmp_path / "out", LabelledImages(images))
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.size == with_sheet[::-1]
    assert len(list((tmp_path / "out" / "images").iterdir())) == len(images)  # all are written


@pytest.mark.parametrize(("shape", "factor"), [((28, 28), 2), ((20, 28), 2), ((12, 8), 5)])
def test_a_sheet_of_small_images_is_enlarged(shape, factor, tmp_path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *shape, 1), np.uint8)
    write_images(tmp_path / "out", LabelledImages(images))
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    np.testing.assert_array_equal(
        pixels, contact_sheet(images)[:, :, 0].repeat(factor, 0).repeat(factor, 1)
    )
    with Image.open(tmp_path / "out" / "images" / "00000.png") as image:
        assert image.size == shape[::-1]  # the images themselves stay as they are


def test_a_comparison_of_large_images_has_fewer() -> None:
    first = np.zeros((100, 256, 256, 3), np.uint8)
    # 61 of them, in lines of ten; 30 pairs: three lines
    assert comparison_sheet(first).shape[0] == 7 * (2 + 258) + 6 * 4
    assert comparison_sheet(first, first).shape[0] == 3 * (2 + 2 * 258) + 2 * 4
    assert comparison_sheet(first[:4], first[:4]).shape[1] == 2 + 4 * 258
