"""The sets of pictures are what their packages ship, and say it where one is not there."""

from pathlib import Path

import numpy as np
import picture_sets
import pytest
from PIL import Image

from reparam.data import DataConfig, load_images


def save(folder: Path, name: str, pixels: np.ndarray) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the packages would put there, with pictures whose content is known."""
    monkeypatch.setattr(picture_sets, "SQUARES", 24)
    root, rng = tmp_path / "root", np.random.default_rng(0)
    for name in ("animals/birds/crow.png", "animals/cow.png", "food/egg.png"):
        save(root / picture_sets.STAMPS, name, rng.integers(0, 256, (9, 7, 4), np.uint8))
    (root / picture_sets.STAMPS / "food" / "egg.txt").write_text("An egg.")
    for person in (1, 12):
        quarter = rng.integers(0, 256, (28, 20), np.uint8)
        face = np.pad(np.kron(quarter, np.ones((4, 4), np.uint8)), ((0, 0), (6, 6)))
        save(root / picture_sets.FACES, f"s{person}/3.pgm", face)
    for level, file in enumerate(picture_sets.CLASSES.values()):
        flat = np.full((40 * 4, 40 * 6, 3), 20 * level, np.uint8)
        save(root / picture_sets.PHOTOGRAPHS, file, flat)
    return root


def test_sets_hold_the_pictures_of_their_packages(installed: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "sets"
    picture_sets.main([str(tmp_path), str(installed), "--out", str(out)])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"stamps: 3 files in {out / 'stamps'}"
    assert said[1] == f"fashion: left out, no FOLDER has {picture_sets.FASHION}"

    stamps = load_images(DataConfig(str(out / "stamps")))
    assert (stamps.image_shape, stamps.class_names) == ((9, 7, 3), ("animals", "food"))
    package = installed / picture_sets.STAMPS
    assert (out / "stamps/food/egg.png").read_bytes() == (package / "food/egg.png").read_bytes()

    faces = load_images(DataConfig(str(out / "faces"), valid_fraction=0.0, test_fraction=0.0))
    assert faces.labels is None
    assert faces.image_shape == (28, 20, 1)
    with Image.open(installed / picture_sets.FACES / "s12" / "3.pgm") as image:
        whole = np.asarray(image)
    found = faces.images[faces.files.index("s12-3.png"), ..., 0]
    np.testing.assert_array_equal(np.kron(found, np.ones((4, 4), np.uint8)), whole[:, 6:-6])

    photographs = load_images(DataConfig(str(out / "photos32")))
    assert photographs.image_shape == (32, 32, 3)
    assert photographs.class_names == tuple(sorted(picture_sets.CLASSES))
    assert np.bincount(photographs.labels).tolist() == [24] * 10


def test_squares_are_the_whole_photograph_once() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    whole = Image.fromarray(np.kron(coarse, np.ones((16, 16, 1), np.uint8)))
    cut = picture_sets.squares(whole, 35, side=4)
    assert len(cut) == 35
    found = np.stack([np.asarray(square) for square in cut])
    assert (found == found[:, :1, :1]).all(), "each is of one square alone"
    np.testing.assert_array_equal(found[:, 0, 0].reshape(5, 7, 3), coarse)


def test_an_older_set_is_not_added_to(installed: Path, tmp_path: Path) -> None:
    words = [str(installed), "--out", str(tmp_path / "sets")]
    picture_sets.main(words)
    with pytest.raises(FileExistsError):
        picture_sets.main(words)
