"""Files that are written whole or not at all, and what a full disk says."""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reparam.errors import ConfigError, DiskFullError

TEMPORARY = ".unfinished-"
"""How the names of files begin that are still being written."""

NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)
"""What the system says when a disk is full, a quota used up, or a file larger than allowed."""


def _umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


UMASK = _umask()
"""What others must not do with this process's files: it cannot be read without being set, so once.
"""


PROBE = bytes(1 << 16)
"""What is written for a moment to see whether there is room."""


ANOTHER_OUT = "choose another --out"


def check_writable(path: Path, *, fix: str = ANOTHER_OUT) -> None:
    """Raises ConfigError, which ends in ``fix``, where nothing can be written to ``path``.

    Looked at before the work for it: the nearest folder that exists takes a few bytes for a moment.
    """
    whole = path.absolute()
    there = next(folder for folder in (*whole.parents, Path(whole.anchor)) if folder.exists())
    if not there.is_dir():
        raise ConfigError(
            f"{path}: cannot be written: {there} must be a folder, got a file. Fix: {fix}"
        )
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(PROBE)
            file.flush()
    except OSError as error:
        raise unwritable(path, error, fix) from error


def unwritable(path: Path, error: OSError, fix: str) -> ConfigError:
    """What to say of the system's error for a file or folder that could not be written."""
    reason = error.strerror or type(error).__name__
    return ConfigError(f"{path}: cannot be written ({reason}). Fix: {fix}")


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Writes beside ``path`` first, then renames: a reader sees the old file or the new one.

    ``durable``: waits until the disk has it, so that it outlives a power cut too. Raises
    DiskFullError where the disk is full, and then leaves the old file and nothing else.
    """
    with _disk_full_as_error(path, len(data)):
        path.parent.mkdir(parents=True, exist_ok=True)
        name = f"{TEMPORARY}{path.name}."
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~UMASK)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def append_line(path: Path, line: str) -> None:
    """Adds a line to a text file, and takes a part of it away again where the disk was full.

    Raises DiskFullError then.
    """
    data = f"{line}\n".encode()
    # Unbuffered: a buffer would write its rest when it is closed, behind the truncation.
    with _disk_full_as_error(path, len(data)), path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[file.write(data) :]
            # A checkpoint that outlives a power cut must find the lines of its epochs.
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, before)
            raise


def remove_leftovers(*folders: Path) -> None:
    """Removes what ``write_atomically`` could not finish in these folders when its process was
    killed.
    """
    for folder in folders:
        for leftover in folder.glob(f"{TEMPORARY}*"):
            if leftover.is_file():
                leftover.unlink(missing_ok=True)


def remove_leftovers_of(path: Path) -> None:
    """Removes what was left beside ``path`` when a process was killed that wrote to it.

    Two at a time must not write to one place.
    """
    for leftover in path.parent.glob(f"{TEMPORARY}{glob.escape(path.name)}.????????"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


@contextmanager
def _disk_full_as_error(path: Path, size: int) -> Iterator[None]:
    """Turns the system's error for a full disk into DiskFullError."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        there = next(folder for folder in path.absolute().parents if folder.exists())
        left = shutil.disk_usage(there).free
        raise DiskFullError(
            f"{path}: the disk is full ({error.strerror}): {size:,} bytes are needed, "
            f"{left:,} are free on the disk. Fix: free some space, or raise your quota"
        ) from error
