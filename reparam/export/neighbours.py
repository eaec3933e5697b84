"""Nearest images out: a table, and a sheet with each image beside its neighbours."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from reparam.data import ImageSet, RowReader, contact_sheet, sheet_picture
from reparam.evaluation import Nearest
from reparam.export.images import LabelledImages, as_text, on_a_sheet
from reparam.export.place import NEIGHBOURS_FOLDER, write_folder
from reparam.types import IndexArray

SHEET_QUERIES, SHEET_NEIGHBOURS = 40, 20
"""Images on a sheet at most, and neighbours of each; the table has all."""


def neighbour_table(
    queries: LabelledImages, index: IndexArray, found: Nearest, images: ImageSet
) -> pd.DataFrame:
    """A row for each image (Q, with its position ``index``) and each of its nearest ``images``.

    Columns: query and neighbour (the file's path, or the position where there are no files), rank
    (from 1), index (the neighbour's position), distance; query_label and label where there are any.
    """
    count, k = found.index.shape
    places = found.index.ravel()
    columns: dict[str, object] = {"query": np.repeat(_names(queries.files, index), k)}
    labels = queries.label_names()
    if labels is not None:
        columns["query_label"] = np.repeat([as_text(name) for name in labels], k)
    columns["rank"] = np.tile(np.arange(1, k + 1), count)
    files = None if images.files is None else [images.files[i] for i in places]
    columns["neighbour"] = _names(files, places)
    columns["index"] = places
    if images.labels is not None:
        names = (*images.class_names, "")
        columns["label"] = [as_text(names[i]) for i in images.labels[places]]
    return pd.DataFrame({**columns, "distance": found.distance.ravel()})


def _names(files: Sequence[str] | None, index: IndexArray) -> list[str]:
    return list(map(str, index.tolist())) if files is None else list(map(as_text, files))


def write_neighbours(
    path: Path,
    table: pd.DataFrame,
    queries: LabelledImages,
    found: Nearest,
    images: ImageSet,
    *,
    overwrite: bool = False,
) -> None:
    """A folder with the table as neighbours.csv and sheet.png: the first images at the left, the
    neighbours of each beside it, the nearest first.

    Raises ConfigError where other files exist or none can be written.
    """
    k = min(found.index.shape[1], SHEET_NEIGHBOURS)
    shown = queries.images[: on_a_sheet(queries.images.shape, SHEET_QUERIES, k + 1)]
    near = RowReader(images.images).take(found.index[: len(shown), :k].ravel())
    rows = np.full((len(shown), k + 2, *shown.shape[1:]), 255, np.uint8)  # a gap behind the first
    rows[:, 0], rows[:, 2:] = shown, near.reshape(len(shown), k, *shown.shape[1:])
    sheet = io.BytesIO()
    pixels = contact_sheet(rows.reshape(-1, *shown.shape[1:]), k + 2)
    sheet_picture(pixels, max(shown.shape[1:3])).save(sheet, "PNG")
    text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
    files = {"neighbours.csv": text.encode(), "sheet.png": sheet.getvalue()}
    write_folder(path, files, overwrite=overwrite, own=NEIGHBOURS_FOLDER, option="--out")
