"""Arrays that stay on disc and are mapped into memory, and how to read them without filling it."""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reparam.types import IndexArray, PixelArray

MAPPED_FROM = 2**26
"""Bytes of pixels from which a set stays on disc and is mapped, rather than held in memory."""

PART_BYTES = 2**25
"""Bytes of a part, where a whole array is gone through."""

_FAULT_BYTES = 2**16
"""What touching one byte makes resident (Linux maps the 16 pages around it)."""

_RESIDENT_BYTES = 2**27
"""About how much of a mapped array stays resident while it is read."""


def map_pixels(path: Path, shape: tuple[int, int, int, int]) -> PixelArray:
    """The bytes of a file as a read-only array of this shape."""
    return np.asarray(np.memmap(path, np.uint8, "r", shape=shape))


def release(array: np.ndarray) -> None:
    """Gives the resident pages of a mapped array back; they are read again when they are needed.

    Without this the pages count as memory of this process until others need the room. Does nothing
    for an array in memory, and where the system has no such call.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def in_parts(array: PixelArray) -> Iterator[PixelArray]:
    """The whole array in consecutive parts, of which one at a time is resident."""
    rows = max(1, PART_BYTES // max(math.prod(array.shape[1:]), 1))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
        release(array)


class RowReader:
    """Copies rows out of an array; of a mapped one little stays resident."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self._touched = 0
        self._row_bytes = max(math.prod(array.shape[1:]) * array.itemsize, _FAULT_BYTES)

    def take(self, index: IndexArray | slice) -> np.ndarray:
        """The rows at ``index``, in that order, as an array of their own: writable, contiguous."""
        rows = np.ascontiguousarray(self.array[index])
        if isinstance(index, slice):
            rows = np.array(rows)  # a slice is still the array's own memory
        self._touched += len(rows) * self._row_bytes
        if self._touched >= _RESIDENT_BYTES:
            release(self.array)
            self._touched = 0
        return rows
