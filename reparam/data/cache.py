"""Decoded pictures on disk: a folder larger than memory is decoded once, and mapped from then on.

An entry is a folder of two files: the pixels, and what is known of them. It is written under
another name and renamed when it is whole, so there are no half entries; and it is known by its
sources, so it is never out of date. Deleting the cache costs nothing but the time to decode again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from reparam.data.config import DataConfig
from reparam.data.mapping import map_pixels
from reparam.data.picture import Shape
from reparam.errors import DataError
from reparam.types import PixelArray

_FORMAT = 2
"""Part of every key: raise it when pictures are decoded otherwise than before."""

_UNFINISHED = ".unfinished-"
_PIXELS, _FACTS = "pixels.bin", "facts.json"


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

    @classmethod
    def of(cls, folder: Path, files: Sequence[Path], config: DataConfig) -> "Entry":
        """The entry of these files of a folder, read as ``config`` says."""
        options = (
            config.image_size,
            config.fit,
            config.channels,
            config.skip_broken,
            config.pixel_range,
        )
        owner = hashlib.sha256(repr((_FORMAT, str(folder.resolve()), options)).encode())
        state = hashlib.sha256()
        for path in files:
            state.update(repr((str(path.relative_to(folder)), *_stamp(path))).encode())
        return cls(cache_root(), owner.hexdigest()[:20], state.hexdigest()[:20])

    @property
    def path(self) -> Path:
        return self.root / f"{self.owner}-{self.state}"

    def read(self) -> tuple[PixelArray, dict[str, str]] | None:
        """The pixels, mapped, and why which files are left out; None when it is not there."""
        try:
            facts = json.loads((self.path / _FACTS).read_text(encoding="utf-8"))
            shape = tuple(facts["shape"])
            return map_pixels(self.path / _PIXELS, shape), facts["broken"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):  # damaged, or cut short: as if it were not there
            return None

    def build(
        self, parts: Iterable[PixelArray], shape: Shape, count: int, broken: dict[str, str]
    ) -> tuple[PixelArray, dict[str, str]]:
        """Writes the entry and reads it: at most ``count`` pictures of ``shape``, in ``parts``.

        ``broken`` is read when the parts have come to their end. One process builds at a time;
        others wait, and find the entry there. What killed builds and older states of the same
        folder left behind is removed. Raises DataError when the disk is full, and what ``parts``
        raises.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / ".lock"):  # it dies with the process that holds it
            for leftover in self.root.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            found = self.read()
            if found is not None:
                return found
            self._check_space(count * shape.height * shape.width * shape.channels)
            unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.root))
            try:
                written = _write(unfinished / _PIXELS, parts)
                facts = {"shape": [written, *shape], "broken": broken}
                (unfinished / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
                if self.path.exists():  # a damaged one
                    shutil.rmtree(self.path)
                os.rename(unfinished, self.path)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            for older in self.root.glob(f"{self.owner}-*"):
                if older != self.path:
                    shutil.rmtree(older, ignore_errors=True)  # Windows keeps what is in use
        found = self.read()
        if found is None:
            raise DataError(f"{self.path}: was written and is not there. Fix: try again")
        return found

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise DataError(
                f"{self.root}: a set of pictures larger than memory is kept there decoded, "
                f"{needed / 1e9:.1f} GB, got {free / 1e9:.1f} GB free. Fix: free space, take a "
                "smaller --image-size, or move the cache by XDG_CACHE_HOME"
            )


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of last change; a link to nowhere has neither."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _write(path: Path, parts: Iterable[PixelArray]) -> int:
    """How many pictures were written. Plain writes: a full disk is an error, not a crash."""
    count = 0
    with path.open("wb") as file:
        for part in parts:
            try:
                file.write(part.data)
            except OSError as error:
                raise DataError(
                    f"{path.parent.parent}: the decoded pictures must fit there, got "
                    f"{error.strerror}. Fix: free space, or move the cache by XDG_CACHE_HOME"
                ) from error
            count += len(part)
        file.flush()
        os.fsync(file.fileno())
    return count
