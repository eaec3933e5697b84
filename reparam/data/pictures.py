"""Many image files at once: their headers, and their pixels, in threads and in rounds.

Pillow decodes and resizes outside of Python's lock, so threads do. Rounds bound the memory: of a
million files only some thousand are under way.
"""

import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from reparam.data.config import DataConfig
from reparam.data.mapping import PART_BYTES
from reparam.data.picture import UNREADABLE, Shape, decode, inspect
from reparam.types import PixelArray

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many of it are done, and how many there are in all."""

ROUND = 2048
"""Files of a round at most."""

A = TypeVar("A")
B = TypeVar("B")


def look_at_all(
    files: Sequence[Path], progress: Progress | None = None, workers: int | None = None
) -> list[Shape | str]:
    """The shape of every file from its header, or why it is no readable image."""

    def look(path: Path) -> Shape | str:
        try:
            return inspect(path)
        except UNREADABLE as error:
            return _reason(error)

    return [
        shape
        for several in _in_rounds(look, files, ROUND, "headers", progress, workers)
        for shape in several
    ]


def decode_all(
    files: Sequence[Path],
    shape: Shape,
    config: DataConfig,
    broken: dict[Path, str],
    progress: Progress | None = None,
    workers: int | None = None,
) -> Iterator[PixelArray]:
    """The pixels of the files in their order, read as ``config`` says, round by round.

    Files that cannot be decoded are left out, and ``broken`` gets the reason for each.
    """

    def read(path: Path) -> np.ndarray | str:
        try:
            return decode(path, shape, config.fit, config.pixel_range)
        except UNREADABLE as error:
            return _reason(error)

    size = min(ROUND, max(PART_BYTES // math.prod(shape), 16))
    position = 0
    for several in _in_rounds(read, files, size, "pictures", progress, workers):
        good = [pixels for pixels in several if not isinstance(pixels, str)]
        for path, found in zip(files[position:], several, strict=False):
            if isinstance(found, str):
                broken[path] = found
        position += len(several)
        if good:
            yield np.stack(good)


def _in_rounds(
    function: Callable[[A], B],
    items: Sequence[A],
    size: int,
    what: str,
    progress: Progress | None,
    workers: int | None,
) -> Iterator[list[B]]:
    """``function`` of every item, in order, ``size`` items at a time, in ``workers`` threads."""
    Image.init()  # before the threads: it imports Pillow's formats
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), size):
            with warnings.catch_warnings():  # an error beyond twice the limit names its file
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                several = list(pool.map(function, items[start : start + size]))
            yield several
            if progress is not None:
                progress(what, min(start + size, len(items)), len(items))


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 100 else f"{text[:99]}…"
