"""A folder of image files; its sub-folders are the classes."""

import math
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reparam.data.cache import Entry
from reparam.data.config import DataConfig
from reparam.data.images import ImageSet
from reparam.data.listing import (
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
    """Files that are images by their header, with their shapes, and why the others are not."""

    files: list[Path]
    shapes: list[Shape]
    broken: dict[Path, str]


def load_folder(folder: Path, config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """The images of a folder, in the order of their paths.

    Images lie either all in the folder itself (no labels) or all in its sub-folders: each
    sub-folder that has images is a class, and images deeper down belong to it. Where the
    sub-folders are train, val and test (SPLIT_FOLDERS), they are the splits, and what is in them
    the classes. Names that begin with a dot and folders of runs are left out; links are followed.
    How each kind of file is read, `reparam.data.picture` says. From MAPPED_FROM bytes of pixels on
    they are kept decoded in the cache (`reparam.data.cache`) and mapped from there.

    Every other file must be a readable image; with ``skip_broken`` those that are not are left out
    with a warning. Without ``image_size`` all must have one size, without ``channels`` all must be
    grey or all colour.

    Raises DataError for a folder that cannot be read or does not hold such images, ConfigError for
    an ``image_size``, ``channels`` or ``fit`` that cannot be, and what `split_indices` raises.
    """
    _check(config)
    files = list_files(folder)
    entry = Entry.of(folder, files, config)
    images, why_broken = entry.read() or _decode(folder, files, config, entry, progress)
    broken = {folder / name: why for name, why in why_broken.items()}
    if broken:
        what = _what_is_broken(folder, broken, len(files))
        warnings.warn(f"{folder}: left out {what}", UserWarning, stacklevel=3)
    kept = [path for path in files if path not in broken]
    given = given_splits(folder, kept, config)
    labels, names = labels_of(classes_of(folder, kept, 1 if given else 0))
    if given:
        splits = split_as_given(given, labels, config, name=str(folder))
    else:
        splits = split_indices(len(images), labels, config, name=str(folder))
    shown = tuple(as_text(path.relative_to(folder).as_posix()) for path in kept)
    name = as_text(folder.resolve().name) or str(folder)
    return ImageSet(name, images, labels, names, splits, shown)


def _decode(
    folder: Path, files: list[Path], config: DataConfig, entry: Entry, progress: Progress | None
) -> tuple[PixelArray, dict[str, str]]:
    """The pixels of the files that are images, in memory or in the cache; why others are not."""
    found = _inspect_all(folder, files, progress)
    # Refused before the long work.
    classes_of(folder, found.files, 1 if given_splits(folder, found.files, config) else 0)
    height, width = config.image_size or _common_size(folder, found)
    shape = Shape(height, width, config.channels or _common_channels(folder, found))
    broken = {str(path.relative_to(folder)): why for path, why in found.broken.items()}

    def parts() -> Iterator[PixelArray]:
        undecoded: dict[Path, str] = {}
        yield from decode_all(found.files, shape, config, undecoded, progress)
        _refuse_broken(folder, found.broken | undecoded, len(files), config.skip_broken)
        broken.update({str(path.relative_to(folder)): why for path, why in undecoded.items()})

    count = len(found.files)
    if count * math.prod(shape) >= MAPPED_FROM:
        return entry.build(parts(), shape, count, broken)
    images = np.empty((count, *shape), np.uint8)
    filled = 0
    for part in parts():
        images[filled : filled + len(part)] = part
        filled += len(part)
    return images[:filled], broken


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


def _inspect_all(folder: Path, files: list[Path], progress: Progress | None) -> _Found:
    """Look at every header. Raises DataError when no file is an image."""
    found = _Found([], [], {})
    for path, result in zip(files, look_at_all(files, progress), strict=True):
        if isinstance(result, str):
            found.broken[path] = result
        else:
            found.files.append(path)
            found.shapes.append(result)
    if not found.files:
        raise DataError(
            f"{folder}: a folder of images needs readable images, got none among "
            f"{len(files)} files: {_first(folder, found.broken)}. Fix: give another folder"
        )
    return found


def _refuse_broken(folder: Path, broken: dict[Path, str], count: int, skip: bool) -> None:
    if not broken:
        return
    what = _what_is_broken(folder, broken, count)
    if not skip:
        raise DataError(
            f"{folder}: every file must be a readable image, got {what}. Fix: "
            "repair or remove them, or pass --skip-broken"
        )
    if len(broken) == count:
        raise DataError(
            f"{folder}: a folder of images needs readable images, got {what}. Fix: give "
            "another folder"
        )


def _what_is_broken(folder: Path, broken: dict[Path, str], count: int) -> str:
    return f"{len(broken)} of {count} files that are not: {_first(folder, broken)}"


def _common_size(folder: Path, found: _Found) -> tuple[int, int]:
    sizes = [f"{shape.height}×{shape.width}" for shape in found.shapes]
    if len(set(sizes)) > 1:
        raise DataError(
            f"{folder}: without --image-size all images must have one size (height×width), got "
            f"{_tally(folder, found.files, sizes)}. Fix: pass --image-size HEIGHT WIDTH"
        )
    return found.shapes[0].height, found.shapes[0].width


def _common_channels(folder: Path, found: _Found) -> int:
    kinds = ["grey" if shape.channels == 1 else "colour" for shape in found.shapes]
    if len(set(kinds)) > 1:
        raise DataError(
            f"{folder}: without --channels all images must be grey or all colour, got "
            f"{_tally(folder, found.files, kinds)}. Fix: pass --channels 1 or --channels 3"
        )
    return found.shapes[0].channels


def _tally(folder: Path, files: list[Path], kinds: list[str]) -> str:
    """'28×28 in 5 files (as 'a.png'), 32×28 in 1 file (as 'b.png')'."""
    counts = Counter(kinds).most_common()
    shown = [
        f"{kind} in {n} file{'s' if n > 1 else ''} (as {quoted(folder, files[kinds.index(kind)])})"
        for kind, n in counts[:_SHOWN]
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _first(folder: Path, broken: dict[Path, str]) -> str:
    shown = [f"{quoted(folder, path)} ({why})" for path, why in sorted(broken.items())[:_SHOWN]]
    rest = len(broken) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
