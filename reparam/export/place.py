"""Where results go: nothing is replaced unasked, and nothing half-written stays."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reparam.errors import ConfigError
from reparam.training.files import write_atomically

_OWN_NAMES = re.compile(r"sheet\.png|latents\.csv|(images|noisy)(/\d{5,}\.png)?")
"""What a folder of results holds: only such a folder, with its sheet.png, is ever replaced."""


def check_file_free(path: Path, *, overwrite: bool) -> None:
    """Raises ConfigError when a new file must not be written to ``path``."""
    _check_parent(path)
    if path.is_dir():
        raise ConfigError(f"{path}: a folder stands where the file should be; choose another --out")
    if path.exists() and not overwrite:
        raise ConfigError(
            f"{path}: exists already; choose another --out, or replace it with --overwrite"
        )


def check_folder_free(path: Path, *, overwrite: bool) -> None:
    """Raises ConfigError when a new folder of results must not be written to ``path``."""
    _check_parent(path)
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path}: a file stands where the folder should be; choose another --out")
    if not path.is_dir():
        return
    held = sorted(entry.relative_to(path).as_posix() for entry in path.rglob("*"))
    foreign = [name for name in held if not _OWN_NAMES.fullmatch(name)]
    if foreign or (held and "sheet.png" not in held):
        raise ConfigError(
            f"{path}: the folder holds other files ({(foreign or held)[0]!r}); choose another --out"
        )
    if held and not overwrite:
        raise ConfigError(
            f"{path}: holds results already; choose another --out, or replace them with --overwrite"
        )


def _check_parent(path: Path) -> None:
    """Raises ConfigError when the nearest folder that exists cannot take a new file."""
    there = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if there is None or not there.is_dir() or not os.access(there, os.W_OK):
        raise ConfigError(
            f"{path}: cannot be written, since {there} is no folder that you may write to; "
            "choose another --out"
        )


def write_file(path: Path, data: bytes, *, overwrite: bool) -> None:
    """The whole file, or none. Raises ConfigError where one stands or none can be written."""
    check_file_free(path, overwrite=overwrite)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def new_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary folder to fill, which becomes ``path`` when the block ends without an error.

    Raises ConfigError where results or other files stand, or where none can be written.
    """
    check_folder_free(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    reason = error.strerror or type(error).__name__
    return ConfigError(f"{path}: cannot be written ({reason}); choose another --out")
