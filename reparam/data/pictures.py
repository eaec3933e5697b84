"""Many image files at once: their headers, and their pixels, in threads and in rounds.

Pillow decodes and resizes outside of Python's lock, so threads do. Rounds bound the memory: of a
million files only some thousand are under way.
"""

import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from reparam.data.config import DataConfig, Pages
from reparam.data.listing import Picture
from reparam.data.mapping import PART_BYTES
from reparam.data.picture import UNREADABLE, Look, Shape, decode, inspect
from reparam.errors import reason_of
from reparam.types import PixelArray

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many of it are done, and how many there are in all."""

ROUND = 2048
"""Files, or pictures, of a round at most."""

A = TypeVar("A")
B = TypeVar("B")


def look_at_all(
    files: Sequence[Path],
    pages: Pages = "first",
    progress: Progress | None = None,
    workers: int | None = None,
) -> list[Look | str]:
    """What the header of every file says, or why it is no readable image."""

    def look(path: Path) -> Look | str:
        try:
            return inspect(path, pages)
        except UNREADABLE as error:
            return _reason(error)

    rounds = (files[start : start + ROUND] for start in range(0, len(files), ROUND))
    looks: list[Look | str] = []
    for several in _in_rounds(look, rounds, workers):
        looks += several
        if progress is not None:
            progress("headers", len(looks), len(files))
    return looks


def decode_all(
    pictures: Sequence[Picture],
    shape: Shape,
    config: DataConfig,
    broken: dict[int, str],
    progress: Progress | None = None,
    workers: int | None = None,
) -> Iterator[PixelArray]:
    """The pixels of the pictures in their order, read as ``config`` says, round by round.

    Those that cannot be decoded are left out, and ``broken`` gets the reason for each, by its
    position among the pictures.
    """

    def read(pages: Sequence[Picture]) -> list[np.ndarray | str]:
        """Of one file. What lies behind a broken page cannot be trusted."""
        found: list[np.ndarray | str] = []
        numbers = [picture.page or 0 for picture in pages]
        try:
            found += decode(pages[0].path, shape, config.fit, config.pixel_range, numbers)
        except UNREADABLE as error:
            found += [_reason(error)] * (len(pages) - len(found))
        return found

    size = min(ROUND, max(PART_BYTES // math.prod(shape), 16))
    done = 0
    for several in _in_rounds(read, _by_file(pictures, size), workers):
        every = [found for pages in several for found in pages]
        broken |= {done + i: found for i, found in enumerate(every) if isinstance(found, str)}
        done += len(every)
        good = [found for found in every if not isinstance(found, str)]
        if good:
            yield np.stack(good)
        if progress is not None:
            progress("pictures", done, len(pictures))


def _by_file(pictures: Sequence[Picture], size: int) -> Iterator[list[list[Picture]]]:
    """Rounds of ``size`` pictures; in each, those of one file together: it is opened once."""
    for start in range(0, len(pictures), size):
        several = itertools.groupby(pictures[start : start + size], lambda picture: picture.path)
        yield [list(pages) for _, pages in several]


def _in_rounds(
    function: Callable[[A], B], rounds: Iterable[Sequence[A]], workers: int | None
) -> Iterator[list[B]]:
    """``function`` of every item, in order, a round at a time, in ``workers`` threads."""
    Image.init()  # before the threads: it imports Pillow's formats
    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for items in rounds:
            with warnings.catch_warnings():  # an error beyond twice the limit names its file
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                several = list(pool.map(function, items))
            yield several


def _reason(error: BaseException) -> str:
    text = reason_of(error)
    return text if len(text) <= 100 else f"{text[:99]}…"
