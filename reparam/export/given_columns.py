"""A table that is given with the images: further columns for the explorer, matched by image."""

import warnings
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from reparam.data import composed
from reparam.errors import ConfigError, DataError, no_file, reason_of
from reparam.export.columns import Column
from reparam.export.images import as_text
from reparam.extras import need
from reparam.runs import RunView

if TYPE_CHECKING:
    import pandas as pd

FILE, INDEX = "file", "index"
"""The columns that say which image a row is of, as `reparam encode` writes them."""

MOST_WORDS = 1000
"""Different words in a column: beyond, it is no way to tell groups apart."""


def check_table(path: Path) -> None:
    """Raises ConfigError for a table that cannot be read: looked at before any work is done."""
    need("--columns", "tables")
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(
            f"--columns must be a .csv or .parquet file, got {path}. Fix: convert the table"
        )
    if not path.is_file():
        raise ConfigError(f"{path}: {no_file(path)}. Fix: correct --columns")


def read_table(path: Path) -> "pd.DataFrame":
    """The table. Raises ConfigError and DataError where it cannot be read or names no images."""
    import pandas as pd  # takes its time, and only few give a table

    check_table(path)
    try:
        if path.suffix.lower() == ".csv":
            table = pd.read_csv(path, dtype={FILE: str}, keep_default_na=True)
        else:
            table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{path}: must be a readable table, got: {reason_of(error)}. Fix: write it again"
        ) from error
    table.columns = [str(name) for name in table.columns]
    keys = [name for name in (FILE, INDEX) if name in table]
    if not keys or len(table.columns) == len(keys):
        listed = ", ".join(table.columns[:6]) or "none"
        raise DataError(
            f"{path}: must have a column {FILE} or {INDEX} that says which image a row is of, and "
            f"at least one other, got {listed}. Fix: name the columns in the first row"
        )
    if not len(table):
        raise DataError(f"{path}: must have a row for each image, got none. Fix: add rows")
    return table


def given_columns(path: Path, view: RunView, table: "pd.DataFrame") -> dict[str, Column]:
    """The table's columns for the view's images, in their order; an image without a row has none.

    Rows are matched by the image's file where the set has files and the table names them (the path
    in its folder, or else the file's own name), otherwise by its position in the set. Raises
    DataError where two rows are of one image, and where no image has a row.
    """
    by_file = view.files is not None and FILE in table
    key = FILE if by_file else INDEX
    if key not in table:
        raise DataError(
            f"{path}: rows must be matched by the column {INDEX}, since the images of "
            f"{view.title} are no files, got none. Fix: add it, from 0, as `reparam encode` does"
        )
    if by_file:
        names = [composed(str(n)) for n in table[FILE]]
        wanted = [composed(as_text(n)) for n in view.files or ()]
        if not set(names) & set(wanted):
            names, wanted = [_last(n) for n in names], [_last(n) for n in wanted]
            _check_once(path, wanted, "images of one file name", "give the path in the folder")
        keys: list[object] = list(names)
        images: list[object] = list(wanted)
    else:
        keys, images = table[INDEX].tolist(), view.index.tolist()
    _check_once(path, keys, f"rows of one {key}", "keep one of them")
    rows = {name: row for row, name in enumerate(keys)}
    at = np.array([rows.get(image, -1) for image in images])
    if (at < 0).all():
        raise DataError(
            f"{path}: at least one row must be of an image of {view.title}, got none (the table "
            f"has {keys[0]!r}, the images {images[0]!r}). Fix: correct the column {key}"
        )
    if lacking := int((at < 0).sum()):
        warnings.warn(
            f"{path}: {lacking} of {len(at)} images of {view.title} have no row", stacklevel=2
        )
    tried = {n: _column(table[n], at) for n in table.columns if n not in (FILE, INDEX)}
    found = {name: column for name, column in tried.items() if column is not None}
    if found and (left := [name for name in tried if name not in found]):
        warnings.warn(
            f"{path}: left out {', '.join(map(str, left))}: a column must hold numbers, or at most "
            f"{MOST_WORDS} different words, for these images",
            stacklevel=2,
        )
    if not found:
        raise DataError(
            f"{path}: at least one column must hold numbers, or at most {MOST_WORDS} different "
            f"words, got {', '.join(n for n in table.columns if n != key)}. Fix: add one"
        )
    return found


def _last(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _check_once(path: Path, keys: list[object] | list[str], what: str, fix: str) -> None:
    name, count = Counter(keys).most_common(1)[0]
    if count > 1:
        raise DataError(
            f"{path}: must have no {what} twice, got {name!r} {count} times. Fix: {fix}"
        )


def _column(series: "pd.Series", at: np.ndarray) -> Column | None:
    """The values of these rows (-1: none). None for too many words, or no values."""
    import pandas as pd

    lacking = at < 0
    if pd.api.types.is_bool_dtype(series) or not pd.api.types.is_numeric_dtype(series):
        words = series.astype(object).where(series.notna(), None)
        texts = [None if w is None else str(w) for w in words.iloc[at]]
        texts = [None if none else text for text, none in zip(texts, lacking, strict=True)]
        levels = sorted({text for text in texts if text is not None})
        if not 0 < len(levels) <= MOST_WORDS:
            return None
        places = {text: k for k, text in enumerate(levels)}
        return np.array([np.nan if t is None else places[t] for t in texts]), levels
    if series.dtype.kind == "c":
        return None
    values = series.to_numpy(np.float64, na_value=np.nan)[at]
    values = np.where(lacking, np.nan, values)
    return None if np.isnan(values).all() else (values, ())
