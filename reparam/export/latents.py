"""Latents to files and back: CSV, Parquet, .npy and .npz."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from reparam.errors import ConfigError, DataError, DataRangeError, ShapeError, no_file, reason_of
from reparam.export.images import as_text
from reparam.export.place import check_file_free, write_file
from reparam.extras import need
from reparam.types import IndexArray, LatentArray

if TYPE_CHECKING:
    import pandas as pd

LATENT_SUFFIXES = (".csv", ".parquet", ".npy", ".npz")
_ACCEPTED = "a .csv, .parquet, .npy or .npz file"
_COLUMN = re.compile(r"z([1-9]\d*)")


@dataclass(frozen=True)
class LatentTable:
    """Latents (N, d): ``z`` is the posterior's mean.

    ``index`` (N) says which image of its set each row is, ``files`` (N) the path of its file,
    ``labels`` (N) its class's name.
    """

    index: IndexArray
    z: LatentArray
    more: Mapping[str, LatentArray] = field(default_factory=dict)
    """What else there is of each dimension (N, d), by name: ``log_var`` of a distribution."""
    labels: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    scores: Mapping[str, Float[np.ndarray, " N"]] = field(default_factory=dict)
    """One figure for each image, by name."""

    def columns(self) -> dict[str, Sequence[object]]:
        """Columns index, file and label (if there are any), z1..zd, ``more``, scores."""
        columns: dict[str, Sequence[object]] = {"index": list(self.index)}
        if self.files is not None:
            columns["file"] = list(map(as_text, self.files))
        if self.labels is not None:
            columns["label"] = list(map(as_text, self.labels))
        columns |= {f"z{i}": list(column) for i, column in enumerate(self.z.T, 1)}
        for name, values in self.more.items():
            columns |= {f"{name}{i}": list(column) for i, column in enumerate(values.T, 1)}
        return columns | {name: list(values) for name, values in self.scores.items()}


def check_latents_target(path: Path, *, overwrite: bool) -> None:
    """Raises ConfigError when latents cannot go to ``path``: looked at before any work is done."""
    if path.suffix.lower() not in LATENT_SUFFIXES:
        raise ConfigError(
            f"{path}: latents must go to {_ACCEPTED}, got {path.suffix or 'no suffix'}. Fix: "
            "choose another --out"
        )
    if path.suffix.lower() == ".parquet":
        need(f"{path}: a .parquet file", "tables")
    check_file_free(path, overwrite=overwrite)


def _csv(columns: Mapping[str, Sequence[object]]) -> bytes:
    """A header and a row for each image. Numbers have as many digits as tell them from others."""
    text = io.StringIO()
    # Names are quoted: pandas reads a carriage return outside of quotes as a new line.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow("" if value != value else value for value in row)  # NaN: no value
    return text.getvalue().encode()


def _pandas() -> ModuleType:
    """Imported where a table is read: an extra, and it takes its time."""
    import pandas

    return pandas


def write_latents(path: Path, table: LatentTable, *, overwrite: bool = False) -> None:
    """Writes .csv or .parquet (the whole table), .npz (arrays of it) or .npy (``z`` alone).

    Raises ConfigError for another suffix, when something exists there, or when nothing can be
    written.
    """
    check_latents_target(path, overwrite=overwrite)
    buffer = io.BytesIO()
    match path.suffix.lower():
        case ".csv":
            buffer.write(_csv(table.columns()))
        case ".parquet":
            _pandas().DataFrame(table.columns()).to_parquet(buffer, engine="pyarrow", index=False)
        case ".npy":
            np.save(buffer, table.z, allow_pickle=False)
        case ".npz":
            arrays: dict[str, np.ndarray] = {"index": table.index, "z": table.z}
            arrays |= {**table.more, **table.scores}
            if table.files is not None:
                arrays["files"] = np.array(table.files, dtype=str)
            if table.labels is not None:
                arrays["labels"] = np.array(table.labels, dtype=str)
            np.savez(buffer, allow_pickle=False, **arrays)
    write_file(path, buffer.getvalue(), overwrite=overwrite)


def read_latents(path: Path, latent_dim: int) -> LatentArray:
    """Latents (N, d) from a file.

    A table's columns z1..zd are taken, or else all of its columns, which must then be numbers; a
    CSV file of numbers alone needs no header. An .npz file has them as ``z``.

    Raises DataError for a file that is missing, of another kind, unreadable, empty or not numeric,
    ShapeError for another number of dimensions, DataRangeError for NaN and infinite numbers.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(
            f"{path}: latents must be in {_ACCEPTED}, got {path.suffix or 'no suffix'}. Fix: "
            "convert it"
        )
    if not path.is_file():
        raise DataError(f"{path}: {no_file(path)}. Fix: give {_ACCEPTED}")
    if suffix in (".csv", ".parquet"):
        need(f"{path}: a {suffix} file", "tables")
    try:
        values, names = _READERS[suffix](path)
    except DataError:
        raise
    except _UNREADABLE as error:
        reason = reason_of(error)
        raise DataError(
            f"{path}: must be a readable {suffix} file of numbers, got: {reason}. Fix: write it "
            "again"
        ) from error
    return _checked(path, values, names, latent_dim)


def read_labels(path: Path) -> tuple[str, ...] | None:
    """The class's name of each latent in a file that ``read_latents`` has read; None without.

    It is in a table's column label, or in the array labels of an .npz file.
    """
    return _words(path, "label")


def read_files(path: Path) -> tuple[str, ...] | None:
    """The path of the image that each latent was encoded from, as ``read_labels``: file, files."""
    return _words(path, "file")


def _words(path: Path, column: str) -> tuple[str, ...] | None:
    match path.suffix.lower():
        case ".csv":
            found = _pandas().read_csv(path, dtype=str, keep_default_na=False).get(column)
        case ".parquet":
            found = _pandas().read_parquet(path, engine="pyarrow").get(column)
        case ".npz":
            found = _array(path, f"{column}s")
        case _:
            found = None
    return None if found is None else tuple(map(str, found))


def _array(path: Path, name: str) -> np.ndarray | None:
    """A column of words in an .npz file of latents; None without. Raises DataError for another."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):  # an .npy file by another name
        return None
    with loaded:
        if name not in loaded.files:
            return None
        try:
            found = loaded[name]
        except ValueError:  # of objects, which are pickles
            found = np.array(None)
        count = len(loaded["z"])
    if found.dtype.kind not in "USiu" or found.shape != (count,):
        raise DataError(
            f"{path}: {name} must be an array of {count} strings, one for each latent, got shape "
            f"{found.shape} of {found.dtype}. Fix: save it by numpy.array(..., dtype=str)"
        )
    return found


def _checked(path: Path, values: np.ndarray, names: list[str], latent_dim: int) -> LatentArray:
    if values.ndim != 2 or values.shape[1] != latent_dim:
        found = f"{values.shape[1]}" if values.ndim == 2 else f"an array of shape {values.shape}"
        listed = f" ({', '.join(names[:6])}{', ...' if len(names) > 6 else ''})" if names else ""
        raise ShapeError(
            f"{path}: latents must have {latent_dim} dimensions, as the model's, got "
            f"{found}{listed}. Fix: give one row of {latent_dim} numbers for each latent"
        )
    if not len(values):
        raise DataError(f"{path}: must hold at least one latent, got none. Fix: add rows")
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: latents must be numbers, got dtype {values.dtype}. Fix: convert them"
        )
    with np.errstate(over="ignore"):
        z = np.ascontiguousarray(values, np.float32)
    bad = np.argwhere(~np.isfinite(z))
    if len(bad):
        row, column = bad[0]
        where = names[column] if names else f"column {column + 1}"
        raise DataRangeError(
            f"{path}: latents must be finite numbers, got {values[row, column]} in row {row + 1}, "
            f"{where} ({len(bad)} in all). Fix: correct or omit those rows"
        )
    return z


def _from_table(path: Path, table: "pd.DataFrame") -> tuple[np.ndarray, list[str]]:
    pd = _pandas()
    if not len(table):
        raise DataError(f"{path}: must hold at least one latent, got none. Fix: add rows")
    names = [str(name) for name in table.columns]
    numbered = sorted((int(match[1]), name) for name in names if (match := _COLUMN.fullmatch(name)))
    if numbered:
        expected = [f"z{i}" for i in range(1, len(numbered) + 1)]
        missing = next((name for name in expected if name not in names), None)
        if missing is not None:
            raise DataError(
                f"{path}: columns must run from z1 to z{numbered[-1][0]}, got no {missing}. Fix: "
                "add it, or number them anew"
            )
        names = expected
        table = table[names]
    for name in names:
        column = table[name]
        if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "c":
            numbers = pd.to_numeric(column, errors="coerce")
            wrong = np.flatnonzero(numbers.isna().to_numpy())
            what = f"{column.iloc[wrong[0]]!r} in row {wrong[0] + 1}" if len(wrong) else "text"
            raise DataError(
                f"{path}: latents must be numbers, got {what} of column {name}. Fix: correct it, "
                "or name the columns of the latents z1, z2, ..."
            )
    return table.to_numpy(np.float64, na_value=np.nan), names


def _read_csv(path: Path) -> tuple[np.ndarray, list[str]]:
    pd = _pandas()
    # As text: pandas gives two columns of one name another name, also where the name is a number.
    first = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0]
    headless = all(_is_number(str(name)) for name in first)
    table = pd.read_csv(path, header=None if headless else "infer", low_memory=False)
    if headless:
        table.columns = pd.Index([f"column {i}" for i in range(1, table.shape[1] + 1)])
    return _from_table(path, table)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> tuple[np.ndarray, list[str]]:
    return _from_table(path, _pandas().read_parquet(path, engine="pyarrow"))


def _read_npy(path: Path) -> tuple[np.ndarray, list[str]]:
    with path.open("rb") as file:
        loaded = np.lib.format.read_array(file, allow_pickle=False)
    return loaded, []


def _read_npz(path: Path) -> tuple[np.ndarray, list[str]]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):  # an .npy file by another name
        return loaded, []
    with loaded:
        if "z" not in loaded.files:
            raise DataError(
                f"{path}: an .npz file of latents must have an array named z, got "
                f"{', '.join(loaded.files) or 'no arrays'}. Fix: save it by "
                "numpy.savez(path, z=...)"
            )
        return loaded["z"], []


_Reader = Callable[[Path], tuple[np.ndarray, list[str]]]
_READERS: Mapping[str, _Reader] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_npy,
    ".npz": _read_npz,
}
_UNREADABLE = (
    OSError,
    ValueError,  # pandas' parser errors, pyarrow's, a pickle, broken text
    EOFError,
    KeyError,
    RuntimeError,  # an encrypted zip file
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
