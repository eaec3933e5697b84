"""Where on this machine the four IDX files of a named set are."""

import hashlib
import os
from pathlib import Path

from reparam.data.idx import read_idx_file
from reparam.data.registry import IDX_FILES, IDX_SOURCES, TEST_LABELS
from reparam.errors import DataError
from reparam.fields import as_path

SYSTEM_FOLDERS = {"fashion-mnist": Path("/usr/share/datasets/fashion-mnist")}
"""Where Debian's package dataset-fashion-mnist puts its files."""


def locate(source: str, data_dir: Path | None) -> dict[str, Path] | None:
    """File → path of the four files of ``source``, or None when they are not on this machine.

    Looked at, in order: ``data_dir`` and nothing else if it is given; the folder REPARAM_DATA; the
    system's folder. In the first two the sub-folder named as the source comes before the folder
    itself, since the sets share their file names.

    Raises DataError when ``data_dir`` has not all four files, when REPARAM_DATA is no folder or
    has some of the four only, and when ``data_dir`` holds another of the named sets.
    """
    if data_dir is not None:
        return _in_data_dir(source, as_path(data_dir))
    named = os.environ.get("REPARAM_DATA")
    if named:
        found = _in_environment(source, as_path(named))
        if found is not None:
            return found
    system = SYSTEM_FOLDERS.get(source)
    if system is not None:
        found = _files_in(system)
        if len(found) == len(IDX_FILES):
            return found
    return None


def _in_data_dir(source: str, folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: --data-dir must be a folder that exists, got {_kind(folder)}. Fix: give "
            f"the folder of the four IDX files of {source}, or omit --data-dir to download them"
        )
    found = _files_in(folder / source) or _files_in(folder)
    _all_or_error(source, found, folder, "--data-dir")
    other = _other_set(source, found)
    if other is not None:
        raise DataError(
            f"{folder}: --data-dir must hold {source}, got the files of {other}. Fix: "
            f"give the folder of {source}, or the source {other}"
        )
    return found


def _in_environment(source: str, folder: Path) -> dict[str, Path] | None:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: REPARAM_DATA must name a folder that exists, got {_kind(folder)}. Fix: "
            "correct or unset REPARAM_DATA"
        )
    for place in (folder / source, folder):
        found = _files_in(place)
        if not found:
            continue
        _all_or_error(source, found, place, "REPARAM_DATA")
        if _other_set(source, found) is None:
            return found
    return None


def _kind(path: Path) -> str:
    return "a file" if path.exists() else "none"


def _files_in(folder: Path) -> dict[str, Path]:
    """Those of the four files that ``folder`` has, uncompressed or as .gz."""
    found = {}
    for file in IDX_FILES:
        for path in (folder / file, folder / f"{file}.gz"):
            if path.is_file():
                found[file] = path
                break
    return found


def _all_or_error(source: str, found: dict[str, Path], folder: Path, option: str) -> None:
    missing = [file for file in IDX_FILES if file not in found]
    if missing:
        raise DataError(
            f"{folder}: {source} is four IDX files, got {len(found)}, without {missing[0]} "
            f"(or {missing[0]}.gz). Fix: put it there, or omit {option} to download them"
        )


def _other_set(source: str, found: dict[str, Path]) -> str | None:
    """The other named set that these files are, if they are; the small file of labels tells."""
    content = read_idx_file(found[TEST_LABELS]).content
    digest = hashlib.sha256(content).hexdigest()
    for other, known in IDX_SOURCES.items():
        if other != source and known.sha256[TEST_LABELS] == digest:
            return other
    return None
