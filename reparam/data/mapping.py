"""Arrays that stay on disk and are mapped into memory, and how to read them without filling it."""

import math
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from reparam.errors import DataError
from reparam.types import IndexArray, PixelArray

MAPPED_FROM = 2**26
"""Bytes of pixels from which a set stays on disk and is mapped, rather than held in memory."""

PART_BYTES = 2**25
"""Bytes of a part, where a whole array is gone through."""


def map_pixels(path: Path, shape: tuple[int, int, int, int]) -> PixelArray:
    """The bytes of a file as a read-only array of this shape."""
    return np.asarray(keep_open(np.memmap(path, np.uint8, "r", shape=shape), path))


def keep_open(mapped: np.memmap, path: Path) -> np.memmap:
    """Opens the file for ``RowReader``, for as long as the array lives: also when it is deleted."""
    vars(mapped)["file"] = path.open("rb")
    return mapped


def release(array: np.ndarray) -> None:
    """Gives the resident pages of a mapped array back; they are read again when they are needed.

    Without this the pages count as memory of this process until others need it. Does nothing
    for an array in memory, and where the system has no such call.
    """
    mapped = _mapped(array)
    base = None if mapped is None else mapped.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def _mapped(array: np.ndarray) -> np.memmap | None:
    """The mapped array that an array is a view of, if it is."""
    base: object = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return base if isinstance(base, np.memmap) else None


def in_parts(array: PixelArray) -> Iterator[PixelArray]:
    """The whole array in consecutive parts, of which one at a time is resident."""
    rows = max(1, PART_BYTES // max(math.prod(array.shape[1:]), 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        release(array)


class RowReader:
    """Copies rows out of an array; of a mapped one nothing stays resident.

    Rows of a mapped file are read from it, and not through the mapping: touching one byte of that
    makes a whole neighbourhood resident, up to 2 MB where the system keeps files in large pages, so
    that a few hundred rows in random places are the whole set.
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        mapped = _mapped(array)
        self._file: BinaryIO | None = None
        if mapped is not None and array.flags.c_contiguous and hasattr(os, "preadv"):
            self._file = vars(mapped).get("file")
            self._start = mapped.offset + array.ctypes.data - mapped.ctypes.data

    def take(self, index: IndexArray | slice) -> np.ndarray:
        """The rows at ``index``, in that order, as an array of their own: writable, contiguous.

        Raises IndexError for a row that is not there, DataError when the file has become shorter.
        """
        if isinstance(index, slice):
            rows = np.array(self.array[index], order="C")
        elif self._file is not None:
            return self._read(self._file, index)
        else:
            rows = np.ascontiguousarray(self.array[index])
        release(self.array)
        return rows

    def _read(self, file: BinaryIO, index: IndexArray) -> np.ndarray:
        rows = np.empty((len(index), *self.array.shape[1:]), self.array.dtype)
        size = rows[:1].nbytes
        into, number = rows.reshape(-1).view(np.uint8), file.fileno()
        for i, row in enumerate(index.tolist()):
            if not 0 <= row < len(self.array):
                raise IndexError(f"row {row} of {len(self.array)}")
            part = into[i * size : (i + 1) * size]
            if os.preadv(number, [part.data], self._start + row * size) != size:
                raise DataError(
                    f"{file.name}: has become shorter while it was read. Fix: restore it"
                )
        return rows
