"""Arrays on disk, and what of them stays resident."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reparam.data import DataConfig, RowReader, arrays, in_parts, load_images
from reparam.data.mapping import MAPPED_FROM, map_pixels
from reparam.errors import DataError


@pytest.fixture
def array() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 4, 3, 2), np.uint8)


@pytest.fixture(params=["memory", "mapped", "reversed", "read-only"])
def stored(request, array, tmp_path) -> np.ndarray:
    match request.param:
        case "mapped":
            (tmp_path / "pixels.bin").write_bytes(array.tobytes())
            return map_pixels(tmp_path / "pixels.bin", array.shape)
        case "reversed":
            return array[::-1, ::-1].copy()[::-1, ::-1]
        case "read-only":
            read_only = array.copy()
            read_only.flags.writeable = False
            return read_only
    return array


def test_rows_are_copies_in_the_order_asked_for(stored, array) -> None:
    reader, index = RowReader(stored), np.array([7, 3, 3, 49])
    for wanted in (index, slice(5, 9), slice(48, 60)):
        rows = reader.take(wanted)
        np.testing.assert_array_equal(rows, array[wanted])
        assert rows.flags.c_contiguous
        assert rows.flags.writeable
        rows[:] = 0
        np.testing.assert_array_equal(stored, array)


def test_rows_that_are_not_there_are_an_error(stored) -> None:
    with pytest.raises(IndexError):
        RowReader(stored).take(np.array([3, 50]))


def test_a_file_that_became_shorter_is_named(array, tmp_path) -> None:
    path = tmp_path / "pixels.bin"
    path.write_bytes(array.tobytes())
    reader = RowReader(map_pixels(path, array.shape))
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"pixels\.bin: has become shorter"):
        reader.take(np.array([1, 49]))


def test_a_deleted_file_is_read_to_the_end(array, tmp_path) -> None:
    path = tmp_path / "pixels.bin"
    path.write_bytes(array.tobytes())
    mapped = map_pixels(path, array.shape)
    path.unlink()
    np.testing.assert_array_equal(RowReader(mapped).take(np.array([49, 2])), array[[49, 2]])


def test_parts_are_the_whole(stored, array, monkeypatch) -> None:
    monkeypatch.setattr("reparam.data.mapping.PART_BYTES", 100)
    parts = list(in_parts(stored))
    assert len(parts) == 13
    np.testing.assert_array_equal(np.concatenate(parts), array)


def test_a_large_npy_file_is_the_same_set_as_a_small_one(tmp_path, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.float32, np.int64):
        images = rng.integers(0, 2, (30, 8, 8)).astype(dtype)
        np.save(tmp_path / "images.npy", images)
        config = DataConfig(str(tmp_path / "images.npy"))
        held = load_images(config)
        with monkeypatch.context() as patch:
            patch.setattr(arrays, "MAPPED_FROM", 0)
            mapped = load_images(config)
        assert held.fingerprint() == mapped.fingerprint()
        assert mapped.images.flags.writeable == (dtype is not np.uint8)


GROWTH = """
import sys
from pathlib import Path
import numpy as np
from reparam.data import DataConfig, RowReader, load_images
from reparam.evaluation.facts_of_data import data_facts

def peak() -> int:
    # Not getrusage, which also counts the process that started this one.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

load_images(DataConfig(sys.argv[2])).fingerprint()
before = peak()
images = load_images(DataConfig(sys.argv[1]))
images.fingerprint()
data_facts(images)
reader, order = RowReader(images.images), np.random.default_rng(0).permutation(len(images))
for start in range(0, len(order), 500):
    reader.take(order[start : start + 500])
print(peak() - before)
"""


def test_a_mapped_set_does_not_fill_the_memory(tmp_path: Path) -> None:
    """400,000 images of 28 × 28, 314 MB, read three times."""
    size = 400_000 * 28 * 28
    assert size > 4 * MAPPED_FROM
    large, small = tmp_path / "large.npy", tmp_path / "small.npy"
    np.save(small, np.zeros((500, 28, 28), np.uint8))
    mapped = np.lib.format.open_memmap(large, "w+", np.uint8, (400_000, 28, 28))
    mapped[::1000] = 255  # holes on disk, pages in memory all the same
    del mapped
    words = [sys.executable, "-c", GROWTH, str(large), str(small)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert int(said) < 0.3 * size
