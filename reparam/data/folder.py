"""A folder of image files; its sub-folders are the classes."""

import math
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reparam.data.cache import Entry
from reparam.data.cache_facts import Contents
from reparam.data.config import DataConfig
from reparam.data.images import ImageSet
from reparam.data.listing import (
    Picture,
    as_text,
    classes_of,
    given_splits,
    labels_of,
    list_files,
    quoted,
)
from reparam.data.mapping import MAPPED_FROM
from reparam.data.picture import Shape
from reparam.data.pictures import Progress, decode_all, look_at_all
from reparam.data.splits import split_as_given, split_indices
from reparam.errors import ConfigError, DataError
from reparam.types import PixelArray

_SHOWN = 3
"""How many files or sizes an error names."""


@dataclass(frozen=True)
class _Found:
    """Every picture of the files, with its shape by the header, or why it is no image."""

    pictures: list[Picture]
    shapes: list[Shape | str]
    pages: dict[str, int]
    more: list[str]

    @property
    def readable(self) -> dict[int, Shape]:
        """The shapes of those that are images, by position."""
        return {i: shape for i, shape in enumerate(self.shapes) if not isinstance(shape, str)}

    @property
    def broken(self) -> dict[int, str]:
        return {i: shape for i, shape in enumerate(self.shapes) if isinstance(shape, str)}


def load_folder(folder: Path, config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """The images of a folder, in the order of their paths.

    Images lie either all in the folder itself (no labels) or all in its sub-folders: each
    sub-folder that has images is a class, and images deeper down belong to it. Where the
    sub-folders are train, val and test (SPLIT_FOLDERS), they are the splits, and what is in them
    the classes. Names that begin with a dot and folders of runs are left out; links are followed.
    How each kind of file is read, `reparam.data.picture` says. From MAPPED_FROM bytes of pixels on
    they are kept decoded in the cache (`reparam.data.cache`) and mapped from there.

    Every other file must be a readable image; with ``skip_broken`` those that are not are left out
    with a warning. Of files with several pages the first is read, with a warning, or by ``pages``
    every one. Without ``image_size`` all must have one size, without ``channels`` all must be grey
    or all colour.

    Raises DataError for a folder that cannot be read or does not hold such images, ConfigError for
    an ``image_size``, ``channels`` or ``fit`` that cannot be, and what `split_indices` raises.
    """
    _check(config)
    files = list_files(folder)
    entry = Entry.of(folder, files, config)
    images, contents = entry.read() or _decode(folder, files, config, entry, progress)
    pictures = _pictures(folder, files, contents.pages)
    if contents.broken:
        what = _what_is_broken(folder, pictures, contents.broken)
        warnings.warn(f"{folder}: left out {what}", UserWarning, stacklevel=3)
    if contents.more:
        which = quoted(folder, folder / contents.more[0])
        warnings.warn(
            f"{folder}: of files with several pages ({len(contents.more)} of {len(files)}, such as "
            f"{which}) the first page is read. To read every page, pass --pages all",
            UserWarning,
            stacklevel=3,
        )
    kept = [each for i, each in enumerate(pictures) if i not in contents.broken]
    paths = [picture.path for picture in kept]
    given = given_splits(folder, paths, config)
    labels, names = labels_of(classes_of(folder, paths, 1 if given else 0))
    if given:
        splits = split_as_given(given, labels, config, name=str(folder))
    else:
        splits = split_indices(len(images), labels, config, name=str(folder))
    shown = tuple(picture.within(folder) for picture in kept)
    name = as_text(folder.resolve().name) or str(folder)
    return ImageSet(name, images, labels, names, splits, shown)


def _decode(
    folder: Path, files: list[Path], config: DataConfig, entry: Entry, progress: Progress | None
) -> tuple[PixelArray, Contents]:
    """The pixels of the pictures that are images, in memory or in the cache."""
    found = _inspect_all(folder, files, config, progress)
    readable, broken = list(found.readable), found.broken
    good = [found.pictures[i] for i in readable]
    # Refused before the long work.
    paths = [picture.path for picture in good]
    classes_of(folder, paths, 1 if given_splits(folder, paths, config) else 0)
    height, width = config.image_size or _common_size(folder, found)
    shape = Shape(height, width, config.channels or _common_channels(folder, found))

    def parts() -> Iterator[PixelArray]:
        undecoded: dict[int, str] = {}
        yield from decode_all(good, shape, config, undecoded, progress)
        broken.update({readable[i]: why for i, why in undecoded.items()})
        _refuse_broken(folder, found.pictures, broken, config.skip_broken)

    count = len(good)
    contents = Contents(found.pages, found.more, broken)
    if count * math.prod(shape) >= MAPPED_FROM:
        return entry.build(parts(), shape, count, contents)
    images = np.empty((count, *shape), np.uint8)
    filled = 0
    for part in parts():
        images[filled : filled + len(part)] = part
        filled += len(part)
    return images[:filled], contents


def _pictures(folder: Path, files: list[Path], pages: Mapping[str, int]) -> list[Picture]:
    """The pictures of the files, in order; ``pages``: of those with several, how many."""
    if not pages:
        return [Picture(file) for file in files]
    counts = {folder / name: count for name, count in pages.items()}
    return [
        Picture(file, page)
        for file in files
        for page in (range(counts[file]) if file in counts else (None,))
    ]


def _check(config: DataConfig) -> None:
    size = config.image_size
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ConfigError(
            f"image_size must be a height and a width of at least 1, got {size}. Fix: "
            "correct --image-size"
        )
    if config.channels not in (None, 1, 3):
        raise ConfigError(
            f"channels must be 1 (grey) or 3 (colour), got {config.channels}. Fix: correct "
            "--channels"
        )
    if config.fit not in ("resize", "crop"):
        raise ConfigError(f"fit must be resize or crop, got {config.fit!r}. Fix: correct --fit")


def _inspect_all(
    folder: Path, files: list[Path], config: DataConfig, progress: Progress | None
) -> _Found:
    """Look at every header. Raises DataError when no file is an image."""
    shapes: list[Shape | str] = []
    pages: dict[str, int] = {}
    more: list[str] = []
    for path, look in zip(files, look_at_all(files, config.pages, progress), strict=True):
        if isinstance(look, str):
            shapes.append(look)
            continue
        shapes += look.shapes
        if len(look.shapes) > 1:
            pages[str(path.relative_to(folder))] = len(look.shapes)
        if look.more:
            more.append(str(path.relative_to(folder)))
    found = _Found(_pictures(folder, files, pages), shapes, pages, more)
    if not found.readable:
        raise DataError(
            f"{folder}: a folder of images needs readable images, got none among "
            f"{len(files)} files: {_first(folder, found.pictures, found.broken)}. Fix: "
            "give another folder"
        )
    return found


def _refuse_broken(
    folder: Path, pictures: list[Picture], broken: dict[int, str], skip: bool
) -> None:
    if not broken:
        return
    what = _what_is_broken(folder, pictures, broken)
    if not skip:
        raise DataError(
            f"{folder}: every file must be a readable image, got {what}. Fix: "
            "repair or remove them, or pass --skip-broken"
        )
    if len(broken) == len(pictures):
        raise DataError(
            f"{folder}: a folder of images needs readable images, got {what}. Fix: give "
            "another folder"
        )


def _what_is_broken(folder: Path, pictures: list[Picture], broken: dict[int, str]) -> str:
    what = "files" if all(picture.page is None for picture in pictures) else "pictures"
    return (
        f"{len(broken)} of {len(pictures)} {what} that are not: {_first(folder, pictures, broken)}"
    )


def _common_size(folder: Path, found: _Found) -> tuple[int, int]:
    shapes = found.readable
    sizes = {i: f"{height}×{width}" for i, (height, width, _) in shapes.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(
            f"{folder}: without --image-size all images must have one size (height×width), got "
            f"{_tally(folder, found.pictures, sizes)}. Fix: pass --image-size HEIGHT WIDTH"
        )
    first = next(iter(shapes.values()))
    return first.height, first.width


def _common_channels(folder: Path, found: _Found) -> int:
    shapes = found.readable
    kinds = {i: "grey" if channels == 1 else "colour" for i, (_, _, channels) in shapes.items()}
    if len(set(kinds.values())) > 1:
        raise DataError(
            f"{folder}: without --channels all images must be grey or all colour, got "
            f"{_tally(folder, found.pictures, kinds)}. Fix: pass --channels 1 or --channels 3"
        )
    return next(iter(shapes.values())).channels


def _tally(folder: Path, pictures: list[Picture], kinds: dict[int, str]) -> str:
    """'28×28 in 5 files (as 'a.png'), 32×28 in 1 file (as 'b.png')'."""
    counts = Counter(kinds.values()).most_common()
    first = {kind: i for i, kind in reversed(kinds.items())}
    shown = [
        f"{kind} in {n} file{'s' if n > 1 else ''} (as {quoted(folder, pictures[first[kind]])})"
        for kind, n in counts[:_SHOWN]
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _first(folder: Path, pictures: list[Picture], broken: dict[int, str]) -> str:
    shown = [f"{quoted(folder, pictures[i])} ({broken[i]})" for i in sorted(broken)[:_SHOWN]]
    rest = len(broken) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
