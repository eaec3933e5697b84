"""One writer for a run folder: a lock that dies with its owner."""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from reparam.errors import RunError

LOCK = ".lock"
"""The file in a run folder that is locked while somebody writes there."""

NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
"""What a file system says that cannot lock."""

NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While inside, no other process and no other thread writes the run folder ``path``.

    The folder is made where there is none. Its owner may enter again. The lock is the system's
    (flock; LockFileEx on Windows): it is gone when its process is, however that ended, and a lock
    file that was left behind holds nobody up. Raises RunError where another one writes.

    On NFS the lock reaches other machines only where both sides run NFS's lock service (not with
    the mount option nolock or local_lock=flock); otherwise it holds between the processes of one
    machine.
    """
    made = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    file = path / LOCK
    lock = FileLock(file, timeout=0, is_singleton=True, on_acquired=_sign)
    first = not lock.is_locked
    try:
        lock.acquire()
    except Timeout:
        raise RunError(
            f"{path}: {_owner(file)} is writing this run. Fix: wait for its end, stop it, or "
            "choose another folder"
        ) from None
    except OSError as error:
        if error.errno in NOT_WRITABLE:
            raise RunError(
                f"{path}: must be a folder that can be written to, got {error.strerror}. Fix: "
                "correct its permissions, or take a copy of the run"
            ) from error
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"{path}: its file system has no locks. Fix: let nobody else write this run",
            stacklevel=3,
        )
    try:
        yield
    finally:
        if first and os.name == "posix":
            # While it is held: who opened it before finds that it has no name any more, and looks
            # again. Windows removes no open file; there filelock does so afterwards.
            file.unlink(missing_ok=True)
        lock.release()
        if made:
            with suppress(OSError):  # something was written
                path.rmdir()


def is_being_written(path: Path) -> bool:
    """Whether another process writes the run folder ``path`` now."""
    if not (path / LOCK).exists():
        return False
    try:
        with writing(path):
            return False
    except RunError:
        return True


def _sign(handle: int) -> None:
    """Puts the owner's process id into the locked file."""
    with suppress(OSError):  # only for messages: a full disk does not stop it
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())


def _owner(file: Path) -> str:
    """The process that holds the lock, by its id where that can be read (not on Windows)."""
    try:
        return f"process {int(file.read_bytes())}"
    except (OSError, ValueError):
        return "another process"
