"""What the cache holds, for whoever looks after it: list, verify, clear."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from reparam.data.cache import UNFINISHED, cache_root, locked, remove, writable
from reparam.data.cache_facts import DamagedError, check_pixels, read_facts
from reparam.data.download import cache_folder
from reparam.data.registry import IDX_FILES, IDX_SOURCES
from reparam.errors import DataError

_NAME = re.compile(r"[0-9a-f]{20}-[0-9a-f]{20}")
_SHORT = 8


@dataclass(frozen=True)
class CachedSet:
    """Decoded pictures in the cache."""

    path: Path
    size: int
    """Bytes on disk."""
    used: float
    """When it was last read, in seconds since 1970."""
    folder: str
    """Of the pictures; "" where that cannot be read."""
    options: str
    """That change their pixels, as they are typed."""
    shape: tuple[int, ...]
    """N, H, W, C; () where that cannot be read."""

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return self.path.name[:_SHORT]


def cached_sets() -> list[CachedSet]:
    """What is in the cache, the last used one first. Raises DataError for a cache that cannot be
    read.
    """
    root = cache_root()
    if not root.exists():
        return []
    with writable(root):
        entries = [path for path in root.iterdir() if _NAME.fullmatch(path.name)]
        found = [_describe(path) for path in entries]
    return sorted(found, key=lambda each: each.used, reverse=True)


def verify_cached(found: CachedSet) -> str | None:
    """Reads all of it: what is damaged, or None."""
    try:
        check_pixels(found.path, read_facts(found.path))
    except DamagedError as damage:
        return str(damage)
    return None


def clear_cached(sets: Iterable[CachedSet], *, leftovers: bool = False) -> int:
    """Removes decoded pictures, and with ``leftovers`` what killed processes left; bytes freed.

    Raises DataError while another process writes to the cache.
    """
    root = cache_root()
    if not root.exists():
        return 0
    paths = [each.path for each in sets]
    try:
        with locked(root, timeout=0):
            if leftovers:
                paths += root.glob(f"{UNFINISHED}*")
            return _removed(paths)
    except Timeout:
        raise DataError(
            f"{root}: the cache must be at rest to be cleared, got a process that writes to it. "
            "Fix: try again when that is done"
        ) from None


def clear_downloads() -> int:
    """Removes the downloaded files of named sets; bytes freed."""
    folders = [cache_folder(source) for source in IDX_SOURCES]
    files = [folder / f"{file}.gz" for folder in folders for file in IDX_FILES]
    return _removed(file for file in files if file.is_file())


def _describe(path: Path) -> CachedSet:
    size = sum(file.stat().st_size for file in _files_of(path))
    used = path.lstat().st_mtime
    try:
        facts = read_facts(path)
    except DamagedError:
        return CachedSet(path, size, used, "", "", ())
    return CachedSet(path, size, used, facts["folder"], facts["options"], tuple(facts["shape"]))


def _files_of(path: Path) -> list[Path]:
    if path.is_symlink() or not path.is_dir():
        return []
    return [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]


def _removed(paths: Iterable[Path]) -> int:
    freed = 0
    for path in paths:
        size = path.stat().st_size if path.is_file() else 0
        freed += size + sum(file.stat().st_size for file in _files_of(path))
        with writable(path.parent):
            remove(path)
    return freed
