"""The folders of MVTec AD and anomalib: what is read, and each thing that can be wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reparam.data import DataConfig
from reparam.errors import DataError
from reparam.evaluation.anomaly import GOOD, read_labelled

PIXELS = np.random.default_rng(0).integers(30, 200, (12, 16, 3), np.uint8)


def save(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def mask(top: int = 2, left: int = 3, shape: tuple[int, int] = (12, 16)) -> np.ndarray:
    levels = np.zeros(shape, np.uint8)
    levels[top : top + 4, left : left + 5] = 255
    return levels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good pictures, two scratches with masks (one of its picture's name), a dent without."""
    root = tmp_path / "bottle"
    for i in range(2):
        save(root / f"test/good/{i:03}.png", PIXELS + np.uint8(i))
        save(root / f"test/scratch/{i:03}.png", PIXELS + np.uint8(10 + i))
    save(root / "test/dent/000.jpg")
    save(root / "ground_truth/scratch/000_mask.png", mask())
    save(root / "ground_truth/scratch/001.bmp", mask(5))
    (root / "test/readme.txt").write_text("not a folder")
    (root / "test/.cache").mkdir()
    return root


@pytest.mark.parametrize("given", ["the root", "the test folder", "masks inside"])
def test_pictures_kinds_names_and_masks(folder: Path, given: str) -> None:
    if given == "masks inside":
        (folder / "ground_truth").rename(folder / "test/ground_truth")
    found = read_labelled(folder if given == "the root" else folder / "test")
    assert found.kinds == (GOOD, GOOD, "dent", "scratch", "scratch")
    assert found.names[1:4] == ("good/001.png", "dent/000.jpg", "scratch/000.png")
    assert found.images.shape == (5, 12, 16, 3)
    np.testing.assert_array_equal(found.images[4], PIXELS + np.uint8(11))
    assert [None if m is None else int(m.sum()) for m in found.masks] == [0, 0, None, 20, 20]
    np.testing.assert_array_equal(found.masks[3], mask() > 0)
    np.testing.assert_array_equal(found.masks[4], mask(5) > 0)


def test_files_beside_the_masks_that_are_no_images_are_left_out(folder: Path) -> None:
    for name in ("Thumbs.db", "readme.txt"):
        (folder / "ground_truth/scratch" / name).write_bytes(b"no image")
    with pytest.warns(UserWarning, match="left out (Thumbs.db|readme.txt): no image"):
        found = read_labelled(folder)
    assert [None if m is None else int(m.sum()) for m in found.masks] == [0, 0, None, 20, 20]
    (folder / "ground_truth/scratch/007.png").write_bytes(b"no image")
    (folder / "ground_truth/scratch/Thumbs.db").unlink()
    (folder / "ground_truth/scratch/readme.txt").unlink()
    with pytest.raises(DataError, match="must belong to a picture"):
        read_labelled(folder)


def test_masks_follow_the_pictures_to_another_size(folder: Path) -> None:
    """Where the picture is white in the mask alone, the mask must be where the picture is."""
    white = np.where(mask()[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, 2)
    save(folder / "test/scratch/000.png", white)
    for fit, size in (("resize", (6, 8)), ("resize", (30, 24)), ("crop", (6, 6))):
        config = DataConfig(image_size=size, fit=fit, channels=1)
        found = read_labelled(folder, config)
        assert found.images.shape == (5, *size, 1)
        assert found.masks[0].shape == found.masks[3].shape == size
        expected = found.images[3, ..., 0] >= 128
        assert expected.any()
        assert (found.masks[3] != expected).mean() < 0.1


def test_a_fine_defect_stays_in_a_small_picture(folder: Path) -> None:
    fine = np.zeros((12, 16), np.uint8)
    fine[5] = 255
    save(folder / "ground_truth/scratch/000_mask.png", fine)
    found = read_labelled(folder, DataConfig(image_size=(3, 4)))
    assert found.masks[3].tolist() == [[False] * 4, [True] * 4, [False] * 4]


def test_a_fine_defect_stays_beside_a_large_one(folder: Path) -> None:
    two = np.zeros((12, 16), np.uint8)
    two[:4, :8] = 255
    two[9] = 255
    save(folder / "ground_truth/scratch/000_mask.png", two)
    found = read_labelled(folder, DataConfig(image_size=(3, 4)))
    assert found.masks[3].tolist() == [[True, True, False, False], [False] * 4, [True] * 4]


def test_masks_of_ones_of_numbers_and_of_jpeg(folder: Path) -> None:
    save(folder / "ground_truth/scratch/000_mask.png", mask() // 255)
    save(folder / "ground_truth/scratch/001.bmp", np.maximum(mask(5), 3))
    found = read_labelled(folder)
    np.testing.assert_array_equal(found.masks[3], mask() > 0)
    np.testing.assert_array_equal(found.masks[4], mask(5) > 0)


@pytest.mark.parametrize("white", [1, 128, 255, 65535])
def test_masks_of_16_bits(folder: Path, white: int) -> None:
    numbers = mask().astype(np.uint16) // 255 * white
    save(folder / "ground_truth/scratch/000_mask.png", numbers.astype(np.uint16))
    np.testing.assert_array_equal(read_labelled(folder).masks[3], mask() > 0)


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def no_defects(root: Path) -> None:
    for kind in ("scratch", "dent"):
        emptied(root / "test" / kind)
        (root / "test" / kind).rmdir()
    emptied(root / "ground_truth/scratch")
    (root / "ground_truth/scratch").rmdir()


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no such folder": (
        lambda root: (root / "test").rename(root / "tests") and (root.rename(root.parent / "x")),
        "got no such folder. Fix: correct the path",
    ),
    "no good pictures": (
        lambda root: (root / "test/good").rename(root / "test/fine"),
        "need a folder 'good' of good ones, got 'dent', 'fine', 'scratch'. Fix: put good",
    ),
    "an empty folder of good ones": (
        lambda root: emptied(root / "test/good"),
        "good: a folder of test pictures needs pictures, got none. Fix: put some",
    ),
    "an empty folder of defects": (
        lambda root: emptied(root / "test/dent"),
        "dent: a folder of test pictures needs pictures, got none. Fix: put some there, or delete",
    ),
    "no defects": (no_defects, "a folder for each kind of defect, got 'good' alone. Fix: put"),
    "a mask of another size": (
        lambda root: save(root / "ground_truth/scratch/001.bmp", mask(shape=(12, 12))),
        "001.bmp: a mask must have its picture's size 12×16, got 12×12. Fix: bring it",
    ),
    "a mask of all": (  # as red on transparent is, over white
        lambda root: save(root / "ground_truth/scratch/001.bmp", np.full((12, 16), 255, np.uint8)),
        "001.bmp: a mask must leave the good part of its picture out, got one .*Fix: make what is",
    ),
    "a kind called as the row of all": (
        lambda root: save(root / "test/all/000.png"),
        "all: a kind of defect must not be called 'all', as the row of all kinds is. Fix: rename",
    ),
    "a mask of nothing": (
        lambda root: save(root / "ground_truth/scratch/000_mask.png", 0 * mask()),
        "000_mask.png: a mask must mark the defect of its picture, got one that is all black. Fix:",
    ),
    "a mask of 16 bits that says neither": (
        lambda root: save(root / "ground_truth/scratch/000_mask.png", mask().astype(np.uint16) * 4),
        "000_mask.png: a mask must have white .* or numbers up to 255, got others of 16 bits. Fix:",
    ),
    "a mask without a picture": (
        lambda root: save(root / "ground_truth/scratch/007_mask.png", mask()),
        "007_mask.png: a mask must belong to a picture, got none called 007 in .*scratch. Fix: add",
    ),
    "masks without pictures": (
        lambda root: save(root / "ground_truth/hole/000.png", mask()),
        "hole: masks must belong to a folder of pictures, got no .*hole. Fix: add",
    ),
    "two masks": (
        lambda root: save(root / "ground_truth/scratch/000.png", mask()),
        "000_mask.png: a picture must have one mask, got 000.png too. Fix: delete one",
    ),
    "a broken mask": (
        lambda root: (root / "ground_truth/scratch/001.bmp").write_bytes(b"BM no image"),
        "001.bmp: must be a readable image, got: .*Fix: restore",
    ),
    "kinds of several sizes": (
        lambda root: save(root / "test/dent/000.jpg", PIXELS[:8]),
        "pictures must have one size, got 12×16×3 in good and 8×16×3 in dent. Fix: pass",
    ),
    "a broken picture": (
        lambda root: (root / "test/dent/000.jpg").write_bytes(b"no image"),
        "000.jpg",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_one_line(folder: Path, what: str) -> None:
    spoil, message = WRONG[what]
    spoil(folder)
    with pytest.raises(DataError, match=message) as caught:
        read_labelled(folder)
    assert "\n" not in str(caught.value)


def test_a_mask_fits_a_picture_that_lies_on_its_side(folder: Path) -> None:
    """Cameras note the orientation: the mask was drawn on the picture as it is seen."""
    exif = Image.Exif()
    exif[0x0112] = 6  # seen turned by a quarter
    for path in sorted((folder / "test").rglob("0*.*")):
        Image.fromarray(PIXELS).save(path, exif=exif)
    for name in ("000_mask.png", "001.bmp"):
        save(folder / "ground_truth/scratch" / name, mask(shape=(16, 12)))
    found = read_labelled(folder)
    assert found.images.shape == (5, 16, 12, 3)
    assert found.masks[3].shape == (16, 12)
