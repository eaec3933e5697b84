"""Files that would be waited for, or grow past memory: refused by their headers."""

import gzip
import os
import re
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from idx_files import idx_bytes

from reparam.data import DataConfig, arrays, idx, load_images, memory
from reparam.data.idx import read_idx_file
from reparam.data.memory import available_memory, check_memory
from reparam.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)


def refused(path: Path, message: str) -> str:
    with pytest.raises(DataError, match=message) as caught:
        load_images(DataConfig(str(path)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def npy_header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_named_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    refused(tmp_path / name, "must be a regular file, got a folder, a named pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_named_pipes_in_folders(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    os.mkfifo(tmp_path / "inner/config.json")  # a run's record is looked for there
    os.mkfifo(tmp_path / "inner/x.png")
    refused(tmp_path, r"'inner/config.json' \(not a regular file\), 'inner/x.png' \(not a reg")
    with pytest.raises(DataError, match="must be readable, got not a regular file"):
        read_idx_file(tmp_path / "inner/x.png")


def test_a_link_to_itself_is_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    refused(tmp_path, r"'a' \(not a regular file\)")


@pytest.mark.parametrize("memory_there", [None, 50_000_000])
def test_a_small_zip_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_there: int | None
) -> None:
    """96 MB of zeros, said by the header; they are not read."""
    path = tmp_path / "x.npz"
    size = 96_000_000
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy_header((size // 576, 24, 24)))
        if memory_there is not None:
            for _ in range(size // 2**24 + 1):
                member.write(bytes(2**24))
    if memory_there is None:  # and has nothing behind it
        refused(path, f"takes {size - size % 576:,} bytes, got 0. Fix")
        return
    monkeypatch.setattr(memory, "available_memory", lambda: memory_there)
    monkeypatch.setattr(np, "load", None)
    message = refused(path, "must fit into memory, got 95,999,616 bytes of them and 50,000,000 ")
    assert message.startswith(str(path))


def test_an_npy_file_that_promises_more_than_it_has(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(npy_header((10**12, 28, 28)) + bytes(100))
    refused(path, r"shape \(1000000000000, 28, 28\) .* takes 784,000,000,000,000 bytes, got 100")


def test_what_is_read_into_memory_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    np.save(tmp_path / "x.npy", IMAGES)
    refused(tmp_path / "x.npy", "got 320 bytes of them and 100 bytes available")
    monkeypatch.setattr(arrays, "MAPPED_FROM", 10)
    assert len(load_images(DataConfig(str(tmp_path / "x.npy")))) == 20, "mapped: it needs none"
    for name, content in (("a", idx_bytes(IMAGES)), ("b", gzip.compress(idx_bytes(IMAGES)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: its arrays must fit into memory, got 3"):
            read_idx_file(tmp_path / name)
    monkeypatch.setattr(memory, "available_memory", lambda: None)  # unknown
    assert read_idx_file(tmp_path / "b").content == idx_bytes(IMAGES)


def test_available_memory_is_plausible() -> None:
    there = available_memory()
    assert there is None or 2**24 < there < 2**48
    check_memory(0, "nothing")
    with pytest.raises(DataError, match=re.escape(f"got {2**60:,} bytes of them")):
        check_memory(2**60, "x")
    assert idx.MAX_IDX_BYTES == 2**30


@pytest.mark.parametrize("key", ["images", "labels", "class_names"])
def test_python_objects_are_named(tmp_path: Path, key: str) -> None:
    found = {"images": IMAGES, "labels": np.arange(20) % 2, "class_names": np.array(["a", "b"])}
    found[key] = found[key].astype(object)
    np.savez(tmp_path / "x.npz", **found)
    refused(tmp_path / "x.npz", rf"{key} must be an array of .*, got one of Python objects")


def test_equal_images_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    for images, message in (
        (np.full((20, 4, 4), 200, np.uint8), "all 20 images are equal .every pixel is 200."),
        (np.stack([IMAGES[0]] * 20), "all 20 images are equal .nothing tells one from another"),
    ):
        np.save(path, images)
        with pytest.warns(UserWarning, match=message):
            load_images(DataConfig(str(path)))
    np.save(path, IMAGES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images(DataConfig(str(path)))


@pytest.mark.parametrize("option", [{"pages": "all"}, {"fit": "crop"}, {"split_folders": False}])
def test_options_of_folders_are_refused_elsewhere(tmp_path: Path, option: dict) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    with pytest.raises(ValueError, match="is for folders of images, got it"):
        load_images(DataConfig(str(tmp_path / "x.npy"), **option))
