"""Which files of a folder are its pictures, and the class and the split of each."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reparam.data.config import DataConfig
from reparam.data.images import Split
from reparam.errors import DataError
from reparam.types import LabelArray

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


_BESIDE_RUNS = {"report.html", "comparison.html", "sweep.json", "figures", "site"}
"""What a folder of runs has beside them: a demo's, a sweep's."""

_MOST_BYTES_OF_A_RECORD = 2**24


class Picture(NamedTuple):
    """A file, or one page of a file with several."""

    path: Path
    page: int | None = None
    """From 0; None for a file of which one picture is read."""

    def within(self, folder: Path) -> str:
        """Its name, as text: the path in the folder, and #2 for the second page."""
        name = as_text(self.path.relative_to(folder).as_posix())
        return name if self.page is None else f"{name}#{self.page + 1}"


def list_files(folder: Path) -> list[Path]:
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
                f"{as_text(str(here))}: a folder of images must be readable, got {error.strerror}. "
                "Fix: correct its permissions, or move it away"
            ) from error
        if here != folder and is_run_record(here / "config.json"):
            continue
        folders = [entry for entry in entries if _is_folder(entry)]
        if here != folder and _is_of_runs(here, entries):
            continue
        if here == folder:
            inner = {entry.name.lower() for entry in folders}
        within += [(here / entry.name, above | {real}) for entry in folders]
        known = {entry.name for entry in folders}
        files += [here / entry.name for entry in entries if entry.name not in known]
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


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: no folder, and no readable file
        return False


def _is_of_runs(here: Path, entries: list[os.DirEntry[str]]) -> bool:
    """Whether a folder holds runs and what goes with them, and nothing else."""
    others = [entry.name for entry in entries if entry.name not in _BESIDE_RUNS]
    return bool(others) and all(is_run_record(here / name / "config.json") for name in others)


def is_run_record(file: Path) -> bool:
    """Whether a config.json is a run's, and not one of the many other programs'.

    The samples in a run's folder are no pictures to train on.
    """
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES_OF_A_RECORD:
            return False  # a named pipe would be waited for
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    versions = record.get("versions") if isinstance(record, dict) else None
    return isinstance(versions, dict) and "reparam" in versions


def given_splits(folder: Path, files: list[Path], config: DataConfig) -> list[Split]:
    """The split of each file where the sub-folders are splits; [] where they are not.

    Raises DataError where some are splits and others are not.
    """
    if not config.split_folders:
        return []
    parts = [path.relative_to(folder).parts for path in files]
    tops = {each[0] if len(each) > 1 else "" for each in parts}
    splits = {top: SPLIT_FOLDERS.get(top.lower()) for top in tops}
    found = set(splits.values())
    others = sorted(top for top, split in splits.items() if split is None)
    if others and "train" in found and len(found) > 2:
        if others[0].lower() in MASKS:
            raise DataError(
                f"{folder}: pictures must be those to train on, got masks ({others[0]}) beside "
                f"them. Fix: name their folder, such as {folder / 'train'}"
            )
        raise DataError(
            f"{folder}: folders of pictures must all be splits where some are, got "
            f"{others[0] or 'pictures'!r} beside {', '.join(sorted(tops - {*others}))}. Fix: move "
            "it away, or pass --no-split-folders, for which all of them are classes"
        )
    if None in found or "train" not in found or len(found) < 2 or len(found) < len(tops):
        return []
    return [SPLIT_FOLDERS[each[0].lower()] for each in parts]


def classes_of(folder: Path, files: list[Path], depth: int) -> list[str | None]:
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
            f"both ({quoted(folder, files[top])}, {quoted(folder, files[inner])}). Fix: "
            "move those of the folder into a sub-folder, which is a class too; or, where their "
            "classes are not known, name an .npz file with label −1 of those"
        )
    return classes


def labels_of(classes: list[str | None]) -> tuple[LabelArray | None, tuple[str, ...]]:
    names = sorted({each for each in classes if each is not None})
    if not names:
        return None, ()
    position = {each: i for i, each in enumerate(names)}
    labels = np.array([position[each] for each in classes if each is not None], np.int64)
    return labels, tuple(map(as_text, names))


def as_text(name: str) -> str:
    """A file's name as text that any file can hold: of another encoding, with � in it."""
    return os.fsencode(name).decode("utf-8", "replace")


def quoted(folder: Path, picture: Path | Picture) -> str:
    """The name inside of the folder, quoted, since a file's name may hold anything."""
    return repr((picture if isinstance(picture, Picture) else Picture(picture)).within(folder))
