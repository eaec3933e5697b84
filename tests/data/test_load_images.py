"""What a source may be, and how a wrong one is answered."""

from pathlib import Path

import numpy as np
import pytest

import reparam.data
from reparam.data import NAMED_SOURCES, DataConfig, load_images
from reparam.errors import ConfigError, DataError, ReparamError


def test_the_public_names():
    assert NAMED_SOURCES == ("digits", "mnist", "fashion-mnist")
    for name in reparam.data.__all__:
        assert hasattr(reparam.data, name)


@pytest.mark.parametrize(
    ("source", "nearest"),
    [
        ("digit", "digits"),
        ("Digits", "digits"),
        ("MNIST", "mnist"),
        ("minst", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("FashionMNIST", "fashion-mnist"),
    ],
)
def test_a_misspelt_name(source, nearest):
    with pytest.raises(ConfigError, match=rf"'{source}' .*; did you mean {nearest}\?") as caught:
        load_images(DataConfig(source=source))
    for accepted in (*NAMED_SOURCES, ".npz", ".npy", "folder"):
        assert accepted in str(caught.value)


@pytest.mark.parametrize("source", ["imagenet", "", "~nobody-of-that-name", "x" * 5000, "a\0b"])
def test_an_unknown_name(source):
    with pytest.raises(ConfigError, match="is no known name and no file or folder") as caught:
        load_images(DataConfig(source=source))
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("source", ["./mnist", "absent/images", "faces.npz", "faces.NPY"])
def test_a_missing_path(source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"'{source}': no such file or folder. Fix: give digits"):
        load_images(DataConfig(source=source))


@pytest.mark.parametrize("source", ["photoz", "./photoz", "photoz/", "Photo"])
def test_a_misspelt_folder(source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("photo.txt").touch()
    with pytest.raises((ConfigError, DataError), match=r"; did you mean photos\? Fix: "):
        load_images(DataConfig(source=source))


def test_a_file_of_another_kind(tmp_path: Path):
    for name, suffix in (("images.csv", ".csv"), ("images", "no suffix"), ("a.png", ".png")):
        (tmp_path / name).write_text("1,2")
        with pytest.raises(DataError, match=rf"{name}: .*another kind \({suffix}\).*convert it"):
            load_images(DataConfig(source=str(tmp_path / name)))


def test_paths_below_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "a.npy", np.zeros((4, 2, 2), np.uint8))
    assert len(load_images(DataConfig(source="~/a.npy"))) == 4


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("digits", {"data_dir": Path("x")}),
        ("digits", {"mirrors": ("https://x/",)}),
        ("digits", {"channels": 1}),
        ("mnist", {"image_size": (32, 32)}),
        ("mnist", {"skip_broken": True}),
        ("digits", {"pixel_range": (0, 16)}),
        ("folder", {"channels_first": True}),
        ("a.npy", {"image_size": (2, 2)}),
        ("a.npy", {"data_dir": Path("x")}),
        ("folder", {"mirrors": ("https://x/",)}),
    ],
)
def test_options_without_effect_are_refused(source, options, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.zeros((4, 2, 2), np.uint8))
    Path("folder").mkdir()
    flag = "--" + next(iter(options)).replace("pixel_", "").replace("_", "-")
    with pytest.raises(ConfigError, match=rf"^{flag} is for .* '{source}'. Fix: omit {flag}"):
        load_images(DataConfig(source=source, **options))


def test_errors_of_the_data_room_are_errors_of_reparam():
    with pytest.raises(ReparamError):
        load_images(DataConfig(source="absent.npz"))
    with pytest.raises(ValueError, match="no such file"):
        load_images(DataConfig(source="absent.npz"))


def test_a_notebook_shows_a_set_in_one_line() -> None:
    assert repr(load_images(DataConfig())) == (
        "ImageSet('digits': 5,000 of 28 × 28 × 1; 3,600 train, 400 valid, 1,000 test; 10 classes)"
    )
