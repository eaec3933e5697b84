"""Writes IDX files by the letter of the format, without the reader under test."""

import gzip
import struct
from pathlib import Path

import numpy as np


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file: two zeros, type 8 (unsigned byte), rank, sizes, values."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def small_set(seed: int = 0, train: int = 12, test: int = 4, side: int = 5) -> dict[str, bytes]:
    """The four files of a small set of random images, uncompressed; labels count 0, 1, ... 9."""
    rng = np.random.default_rng(seed)
    files = {}
    for part, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (count, side, side), np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(images)
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(np.arange(count) % 10)
    return files


def write_set(folder: Path, files: dict[str, bytes], gzipped: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if gzipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder
