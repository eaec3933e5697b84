"""Decoded pictures on disk: a folder larger than memory is decoded once, and mapped from then on.

An entry is a folder of two files: the pixels, and what is known of them, with digests of both. It
is written under another name and renamed when it is whole, so there are no half entries; it is
known by its sources, so it is never out of date; and each start checks some of its blocks. Deleting
the cache costs nothing but the time to decode again.
"""

import hashlib
import json
import math
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from filelock import FileLock
from PIL import Image

from reparam.data.cache_facts import (
    BLOCK,
    FACTS,
    PIXELS,
    Contents,
    DamagedError,
    Facts,
    check_pixels,
    digest,
    digest_of_facts,
    read_facts,
)
from reparam.data.config import DataConfig
from reparam.data.mapping import map_pixels
from reparam.data.picture import Shape
from reparam.errors import DataError
from reparam.fields import flag_of
from reparam.types import PixelArray

_FORMAT = 4
"""Part of every key: raise it when pictures are decoded otherwise than before."""

UNFINISHED = ".unfinished-"

SAMPLED = 16
"""Blocks that each start checks: all of a small set, some of a large one, others each time."""

_OPTIONS = ("image_size", "fit", "channels", "pixel_range", "pages", "skip_broken")
"""Those that change what is read of a folder's files."""


def cache_root() -> Path:
    """Beside the downloads (XDG_CACHE_HOME moves both on Linux)."""
    return platformdirs.user_cache_path("reparam") / "pictures"


@dataclass(frozen=True)
class Entry:
    """One set of pictures in the cache, whether it is there yet or not."""

    root: Path
    owner: str
    """Stands for the folder of pictures and the options that change their pixels."""
    state: str
    """Stands for the files in it: their names, sizes and times."""
    folder: str
    options: str

    @classmethod
    def of(cls, folder: Path, files: Sequence[Path], config: DataConfig) -> "Entry":
        """The entry of these files of a folder, read as ``config`` says."""
        options = tuple(getattr(config, name) for name in _OPTIONS)
        source = str(folder.resolve())
        # What can be decoded depends on these: files that were left out may be readable now.
        readers = Image.__version__, find_spec("pillow_heif") is not None
        owner = hashlib.sha256(repr((_FORMAT, readers, source, options)).encode())
        state = hashlib.sha256()
        for path in files:
            state.update(repr((str(path.relative_to(folder)), *_stamp(path))).encode())
        names = owner.hexdigest()[:20], state.hexdigest()[:20]
        return cls(cache_root(), *names, source, _as_typed(config))

    @property
    def path(self) -> Path:
        return self.root / f"{self.owner}-{self.state}"

    def read(self) -> tuple[PixelArray, Contents] | None:
        """The pixels, mapped, and what else is known of the files; None when they are not there, or
        are damaged, with a warning.
        """
        try:
            return self._load()
        except DamagedError as damage:
            warnings.warn(
                f"{self.path}: the decoded pictures there are damaged ({damage}), and are decoded "
                "again",
                UserWarning,
                stacklevel=4,
            )
            return None

    def build(
        self, parts: Iterable[PixelArray], shape: Shape, count: int, contents: Contents
    ) -> tuple[PixelArray, Contents]:
        """Writes the entry and reads it: at most ``count`` pictures of ``shape``, in ``parts``.

        ``contents`` are read when the parts have come to their end. One process builds at a time;
        others wait, and find the entry there. What killed builds and older states of the same
        folder left behind is removed. Raises DataError when the disk is full or the cache cannot be
        written to, and what ``parts`` raises.
        """
        with locked(self.root):
            for leftover in self.root.glob(f"{UNFINISHED}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            with suppress(DamagedError):
                if (found := self._load()) is not None:
                    return found
            self._write(parts, shape, count, contents)
            for older in self.root.glob(f"{self.owner}-*"):
                if older != self.path:
                    shutil.rmtree(older, ignore_errors=True)  # Windows keeps what is in use
        found = self.read()
        if found is None:
            raise DataError(f"{self.path}: was written and is not there. Fix: try again")
        return found

    def _load(self) -> tuple[PixelArray, Contents] | None:
        if not os.path.lexists(self.path):
            return None
        facts = read_facts(self.path)
        count = len(facts["blocks"])
        some = random.SystemRandom().sample(range(count), min(SAMPLED, count))
        check_pixels(self.path, facts, sorted(some))
        with suppress(OSError):  # a cache that one may only read
            os.utime(self.path)  # last used
        height, width, channels = facts["shape"][1:]
        try:
            pixels = map_pixels(self.path / PIXELS, (facts["shape"][0], height, width, channels))
        except FileNotFoundError:  # another process has just cleared it
            return None
        broken = dict(zip(facts["broken"], facts["reasons"], strict=True))
        return pixels, Contents(facts["pages"], facts["more"], broken)

    def _write(
        self, parts: Iterable[PixelArray], shape: Shape, count: int, contents: Contents
    ) -> None:
        with writable(self.root):
            self._check_space(count * math.prod(shape))
            unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.root))
        try:
            written, blocks = _write_pixels(unfinished / PIXELS, parts)
            facts: Facts = {
                "folder": self.folder,
                "options": self.options,
                "shape": [written, *shape],
                "pages": dict(contents.pages),
                "more": list(contents.more),
                "broken": list(contents.broken),
                "reasons": list(contents.broken.values()),
                "blocks": blocks,
            }
            record = {"digest": digest_of_facts(facts), "facts": facts}
            with writable(self.root):
                with (unfinished / FACTS).open("w", encoding="utf-8") as file:
                    json.dump(record, file)
                    file.flush()
                    os.fsync(file.fileno())
                remove(self.path)  # a damaged one
                os.rename(unfinished, self.path)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise DataError(
                f"{self.root}: a set of pictures larger than memory is kept there decoded, "
                f"{needed / 1e9:.1f} GB, got {free / 1e9:.1f} GB free. Fix: free space, take a "
                "smaller --image-size, or move the cache by XDG_CACHE_HOME"
            )


def remove(entry: Path) -> None:
    """Whatever it is: a folder, a file, a link, or nothing."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


@contextmanager
def locked(root: Path, timeout: float = -1) -> Iterator[None]:
    """With the cache's lock, which dies with the process that holds it.

    Raises DataError where it cannot be written to, filelock's Timeout after that many seconds.
    """
    lock = FileLock(root / ".lock", timeout=timeout)
    with writable(root):
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Raises DataError for what the system says against writing to a folder of the cache."""
    try:
        yield
    except TimeoutError:  # of the lock
        raise
    except OSError as error:
        raise DataError(
            f"{folder}: reparam's cache must be a folder that it may write to, got "
            f"{error.strerror or error}. Fix: correct its permissions, free space, or move the "
            "cache by XDG_CACHE_HOME"
        ) from error


def _as_typed(config: DataConfig) -> str:
    """The options of an entry that are not the defaults."""
    words = []
    for option in fields(DataConfig):
        value = getattr(config, option.name)
        if option.name in _OPTIONS and value != option.default:
            values = value if isinstance(value, tuple) else () if value is True else (value,)
            words += [f"--{flag_of(option)}", *(f"{each}" for each in values)]
    return " ".join(words)


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of last change; a link to nowhere has neither."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _write_pixels(path: Path, parts: Iterable[PixelArray]) -> tuple[int, list[str]]:
    """How many pictures were written, and the digests of the blocks. Plain writes: a full disk is
    an error, not a crash.
    """
    count, digests, waiting = 0, [], bytearray()
    with writable(path.parent.parent):
        file = path.open("wb")
    with file:
        for part in parts:
            with writable(path.parent.parent):
                file.write(part.data)
            count += len(part)
            waiting += part.data.cast("B")
            whole = len(waiting) - len(waiting) % BLOCK
            digests += [digest(waiting[at : at + BLOCK]) for at in range(0, whole, BLOCK)]
            del waiting[:whole]
        with writable(path.parent.parent):
            file.flush()
            os.fsync(file.fileno())
    if waiting:
        digests.append(digest(waiting))
    return count, digests
