"""Where results go: nothing is replaced without --overwrite, and no part of a result is left."""

import csv
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reparam.errors import ConfigError
from reparam.runs import (
    TEMPORARY,
    UMASK,
    check_writable,
    is_empty,
    is_incidental,
    remove_leftovers_of,
    unwritable,
    write_atomically,
)


@dataclass(frozen=True)
class OwnFolder:
    """What a folder of ours holds: only such a folder is ever replaced.

    Every name in it matches ``names``, those of folders with a / behind them, and ``marker``, if
    one is given, is a file that begins with ``begins``. ``table``: a CSV file whose first column
    names files of its sub-folders that are ours too.
    """

    names: re.Pattern[str]
    marker: str | None = None
    begins: bytes = b""
    table: str | None = None

    def first_foreign(self, path: Path) -> str | None:
        """A name in the folder that is not ours, if there is one; the marker's if that misses."""
        held = sorted(
            entry.relative_to(path).as_posix() + "/" * entry.is_dir()
            for entry in path.rglob("*")
            if not is_incidental(entry)
        )
        listed = self._listed(path)
        foreign = next(
            (
                name
                for name in held
                if not self.names.fullmatch(name) and name.partition("/")[2] not in listed
            ),
            None,
        )
        if foreign is None and held and all(name.endswith("/") for name in held):
            return held[0]
        if foreign is None and self.marker is not None and held:
            marker = path / self.marker
            if not (marker.is_file() and marker.read_bytes().startswith(self.begins)):
                return held[0]
        return foreign

    def _listed(self, path: Path) -> set[str]:
        """The names in the table's first column."""
        if self.table is None or not (path / self.table).is_file():
            return set()
        with (path / self.table).open(encoding="utf-8", errors="replace", newline="") as file:
            return {row[0] for row in csv.reader(file) if row and row[0]}


PICTURES_TABLE = "pictures.csv"

IMAGES_FOLDER = OwnFolder(
    re.compile(r"sheet\.png|latents\.csv|pictures\.csv|(images|noisy)/(\d{5,}\.png)?"),
    "sheet.png",
    table=PICTURES_TABLE,
)
NEIGHBOURS_FOLDER = OwnFolder(
    re.compile(r"sheet\.png|neighbours\.csv"), "neighbours.csv", b'"query"'
)
ONNX_FOLDER = OwnFolder(re.compile(r"([a-z0-9-]+/)?(encoder|decoder)\.onnx|[a-z0-9-]+/"))
TORCH_FOLDER = OwnFolder(re.compile(r"([a-z0-9-]+/)?(encoder|decoder)\.pt2|[a-z0-9-]+/"))
DIFFUSERS_FOLDER = OwnFolder(
    re.compile(r"config\.json|diffusion_pytorch_model\.safetensors|README\.md"),
    "README.md",
    b"---\nlibrary_name: diffusers\ntags:\n- reparam\n",
)
SITE_FOLDER = OwnFolder(
    re.compile(
        r"index\.html|THIRD_PARTY_LICENSES\.txt|favicon\.\w+|(assets|data)/([\w.-]+/)*([\w.-]+)?"
    ),
    "data/manifest.json",
    b'{"schema":',
)


def _overwriting(option: str) -> str:
    """How one says so where ``option`` is said: on the command line, or in Python."""
    return "--overwrite" if option.startswith("--") else "overwrite=True"


def check_file_free(path: Path, *, overwrite: bool, option: str = "--out") -> None:
    """Raises ConfigError when a new file must not be written to ``path``, given by ``option``."""
    check_writable(path, fix=f"choose another {option}")
    if path.is_dir():
        raise ConfigError(f"{path}: must be a file, got a folder. Fix: choose another {option}")
    if path.exists() and not overwrite:
        raise ConfigError(
            f"{path}: must be a new file, got one that exists already. Fix: choose another "
            f"{option}, or replace it with {_overwriting(option)}"
        )


def check_folder_free(
    path: Path, *, overwrite: bool, own: OwnFolder = IMAGES_FOLDER, option: str = "--out"
) -> None:
    """Raises ConfigError when a new folder must not be written to ``path``, given by ``option``."""
    check_writable(path, fix=f"choose another {option}")
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{path}: must be a folder, got a file. Fix: choose another {option}")
    whole = path.resolve()
    if whole.is_mount() or whole == Path.cwd():
        raise ConfigError(  # it is replaced as a whole, when the work is done
            f"{path}: must be a folder that can be replaced, got "
            f"{'a mounted one' if whole.is_mount() else 'the current one'}. Fix: name a new folder "
            f"in it, such as {path / 'results'}"
        )
    if not path.is_dir() or is_empty(path):
        return
    if foreign := own.first_foreign(path):
        raise ConfigError(
            f"{path}: must be a new or empty folder, got one that holds other files ({foreign!r}). "
            f"Fix: choose another {option}"
        )
    if not overwrite:
        raise ConfigError(
            f"{path}: must be a new folder, got one that holds results already. Fix: choose "
            f"another {option}, or replace them with {_overwriting(option)}"
        )


def write_file(path: Path, data: bytes, *, overwrite: bool, option: str = "--out") -> None:
    """The whole file, or none. Raises ConfigError where one exists or none can be written."""
    check_file_free(path, overwrite=overwrite, option=option)
    try:
        remove_leftovers_of(path)
        write_atomically(path, data)
    except OSError as error:
        raise unwritable(path, error, f"choose another {option}") from error


def write_folder(
    path: Path, files: Mapping[str, bytes], *, overwrite: bool, own: OwnFolder, option: str
) -> None:
    """A folder of these files, whose names may hold /. The whole folder, or none.

    Raises ConfigError where another exists or none can be written.
    """
    with new_folder(path, overwrite=overwrite, own=own, option=option) as folder:
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


@contextmanager
def new_folder(
    path: Path, *, overwrite: bool, own: OwnFolder = IMAGES_FOLDER, option: str = "--out"
) -> Iterator[Path]:
    """A temporary folder to fill, which becomes ``path`` when the block ends without an error.

    Raises ConfigError where results or other files exist, or where none can be written.
    """
    check_folder_free(path, overwrite=overwrite, own=own, option=option)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers_of(path)
        temporary = _beside(path)
    except OSError as error:
        raise unwritable(path, error, f"choose another {option}") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~UMASK)
        if path.exists():  # moved first: of a folder removed in part nobody knew whose it was
            path.rename(_beside(path) / "old")
        temporary.rename(path)
        remove_leftovers_of(path)
    except OSError as error:
        raise unwritable(path, error, f"choose another {option}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(path: Path) -> Path:
    """A new temporary folder on the same disk."""
    return Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{TEMPORARY}{path.name}."))
