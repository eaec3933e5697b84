"""The drawn set has the factors that it says."""

from pathlib import Path

import glyphs
import numpy as np
import pytest

from reparam import DataConfig, ImageSet, load_images


def drawn(path: Path, *options: str) -> ImageSet:
    glyphs.main(["--count", "120", "--size", "24", "--out", str(path), *options])
    return load_images(DataConfig(str(path)))


def test_images_are_drawn_from_their_factors(tmp_path: Path) -> None:
    images = drawn(tmp_path / "glyphs.npz")
    assert images.images.shape == (120, 24, 24, 1)
    assert images.class_names == tuple(glyphs.CHARACTERS)
    factors = images.factors
    assert factors is not None
    assert factors.names == ("character", "font", "x", "y", "size", "angle", "ink")
    assert factors.categorical == (True, True, False, False, False, False, False)
    np.testing.assert_array_equal(images.labels, factors.values[:, 0])
    pixels = images.images[..., 0].astype(float)
    place = np.arange(24) / 24
    total = pixels.sum((1, 2))
    found = {
        "x": pixels.sum(1) @ place / total,
        "y": pixels.sum(2) @ place / total,
        "ink": pixels.max((1, 2)),
    }
    for name, values in found.items():
        known = factors.values[:, factors.names.index(name)]
        assert np.corrcoef(values, known)[0, 1] > 0.8, name
    edge = np.concatenate([pixels[:, [0, -1]].ravel(), pixels[:, :, [0, -1]].ravel()])
    assert edge.mean() < 2, "characters lie inside of their images"


def test_a_seed_gives_one_set(tmp_path: Path) -> None:
    first, again = drawn(tmp_path / "a.npz"), drawn(tmp_path / "b.npz")
    other = drawn(tmp_path / "c.npz", "--seed", "1")
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_every_character_of_every_font_differs() -> None:
    fonts, middle = range(len(glyphs.FONTS)), [0, 0, 0.7, 0, 1]
    for character in range(len(glyphs.CHARACTERS)):
        shapes = {glyphs.draw(np.array([character, i, *middle]), 32).tobytes() for i in fonts}
        assert len(shapes) == len(fonts)


def test_every_font_comes_with_matplotlib() -> None:
    folder = Path(pytest.importorskip("matplotlib").get_data_path())
    for name in glyphs.FONTS:
        assert Path(glyphs.font_files()[name]).is_relative_to(folder)
