"""A folder of image files; its sub-folders are the classes."""

import json
import math
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reparam.data.cache import Entry
from reparam.data.config import DataConfig
from reparam.data.images import ImageSet, Split
from reparam.data.mapping import MAPPED_FROM
from reparam.data.picture import Shape
from reparam.data.pictures import Progress, decode_all, look_at_all
from reparam.data.splits import split_as_given, split_indices
from reparam.errors import ConfigError, DataError
from reparam.types import LabelArray, PixelArray

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
    files = _list_files(folder)
    entry = Entry.of(folder, files, config)
    images, why_broken = entry.read() or _decode(folder, files, config, entry, progress)
    broken = {folder / name: why for name, why in why_broken.items()}
    if broken:
        what = _what_is_broken(folder, broken, len(files))
        warnings.warn(f"{folder}: left out {what}", UserWarning, stacklevel=3)
    kept = [path for path in files if path not in broken]
    given = _given_splits(folder, kept, config)
    labels, names = _labels(_classes(folder, kept, 1 if given else 0))
    if given:
        splits = split_as_given(given, labels, config, name=str(folder))
    else:
        splits = split_indices(len(images), labels, config, name=str(folder))
    shown = tuple(_text(path.relative_to(folder).as_posix()) for path in kept)
    name = _text(folder.resolve().name) or str(folder)
    return ImageSet(name, images, labels, names, splits, shown)


def _text(name: str) -> str:
    """A file's name as text that any file can hold: of another encoding, with � in it."""
    return os.fsencode(name).decode("utf-8", "replace")


def _decode(
    folder: Path, files: list[Path], config: DataConfig, entry: Entry, progress: Progress | None
) -> tuple[PixelArray, dict[str, str]]:
    """The pixels of the files that are images, in memory or in the cache; why others are not."""
    found = _inspect_all(folder, files, progress)
    # Refused before the long work.
    _classes(folder, found.files, 1 if _given_splits(folder, found.files, config) else 0)
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


def _list_files(folder: Path) -> list[Path]:
    """Every file that is not hidden, sorted by its path. Raises DataError if there is none, and
    for pictures beside their masks.
    """
    files: list[Path] = []
    inner: set[str] = set()
    within: list[tuple[Path, frozenset[str]]] = [(folder, frozenset())]
    while within:
        here, above = within.pop()
        real = os.path.realpath(here)
        if real in above:  # a link to a folder that it is in
            continue
        try:
            entries = [entry for entry in os.scandir(here) if not entry.name.startswith(".")]
        except OSError as error:
            raise DataError(
                f"{_text(str(here))}: a folder of images must be readable, got {error.strerror}. "
                "Fix: correct its permissions, or move it away"
            ) from error
        if here != folder and is_run_record(here / "config.json"):
            continue
        folders = [entry for entry in entries if entry.is_dir()]
        if here == folder:
            inner = {entry.name.lower() for entry in folders}
        within += [(here / entry.name, above | {real}) for entry in folders]
        files += [here / entry.name for entry in entries if not entry.is_dir()]
    if inner & MASKS and inner & PICTURES and inner <= MASKS | PICTURES:
        raise DataError(
            f"{folder}: a folder of images must hold images alone, got "
            f"{' and '.join(sorted(inner))}, which looks like pictures beside their masks. Fix: "
            "give the folder of the pictures"
        )
    if not files:
        raise DataError(
            f"{folder}: a folder of images needs image files, got none. Fix: "
            "put images there, or give another folder"
        )
    return sorted(files, key=lambda path: path.relative_to(folder).parts)


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


SPLIT_FOLDERS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}
"""Names of folders that are splits, where no others are beside them and one is for training."""

PICTURES = {"images", "image", "imgs", "img"}
MASKS = {"masks", "mask", "labels", "annotations", "ground_truth", "segmentations"}


def is_run_record(file: Path) -> bool:
    """Whether a config.json is a run's, and not one of the many other programs'.

    The samples in a run's folder are no pictures to train on.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "reparam" in (record.get("versions") or {})


def _given_splits(folder: Path, files: list[Path], config: DataConfig) -> list[Split]:
    """The split of each file where the sub-folders are splits; [] where they are not."""
    if not config.split_folders:
        return []
    parts = [path.relative_to(folder).parts for path in files]
    tops = {each[0] if len(each) > 1 else "" for each in parts}
    splits = {top: SPLIT_FOLDERS.get(top.lower()) for top in tops}
    found = set(splits.values())
    if None in found or "train" not in found or len(found) < 2 or len(found) < len(tops):
        return []
    return [SPLIT_FOLDERS[each[0].lower()] for each in parts]


def _classes(folder: Path, files: list[Path], depth: int) -> list[str | None]:
    """The sub-folder of each file, ``depth`` folders down. Raises DataError when only some files
    have one.
    """
    parts = [path.relative_to(folder).parts[depth:] for path in files]
    classes = [each[0] if len(each) > 1 else None for each in parts]
    if None in classes and len(set(classes)) > 1:
        top = classes.index(None)
        inner = next(i for i, each in enumerate(classes) if each is not None)
        raise DataError(
            f"{folder}: images lie either in the folder or in sub-folders (the classes), got "
            f"both ({_quoted(folder, files[top])}, {_quoted(folder, files[inner])}). Fix: "
            "move those of the folder into a sub-folder"
        )
    return classes


def _labels(classes: list[str | None]) -> tuple[LabelArray | None, tuple[str, ...]]:
    names = sorted({each for each in classes if each is not None})
    if not names:
        return None, ()
    position = {each: i for i, each in enumerate(names)}
    labels = np.array([position[each] for each in classes if each is not None], np.int64)
    return labels, tuple(map(_text, names))


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
        f"{kind} in {n} file{'s' if n > 1 else ''} (as {_quoted(folder, files[kinds.index(kind)])})"
        for kind, n in counts[:_SHOWN]
    ]
    rest = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _first(folder: Path, broken: dict[Path, str]) -> str:
    shown = [f"{_quoted(folder, path)} ({why})" for path, why in sorted(broken.items())[:_SHOWN]]
    rest = len(broken) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _quoted(folder: Path, path: Path) -> str:
    """The path inside of the folder, quoted, since a file's name may hold anything."""
    return repr(_text(path.relative_to(folder).as_posix()))
