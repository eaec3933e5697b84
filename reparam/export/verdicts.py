"""Verdicts on pictures out: a table, maps beside the pictures, and a page."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from reparam.evaluation import Detected
from reparam.export.images import LabelledImages, picture_names, write_pictures
from reparam.export.latents import as_text
from reparam.export.place import OwnFolder, new_folder
from reparam.types import IndexArray, PixelArray

TABLE = "verdicts.csv"
PAGE = "report.html"
MAPS = "maps"

VERDICTS_FOLDER = OwnFolder(
    re.compile(r"verdicts\.csv|report\.html|maps/(\d{5,}\.png)?"), TABLE, b'"picture"', table=TABLE
)

VERDICTS: Mapping[bool, str] = {True: "anomalous", False: "good"}


def verdict_table(
    pictures: LabelledImages, index: IndexArray, found: Detected, false_alarms: float
) -> pd.DataFrame:
    """A row for each picture, in their order.

    Columns: picture (the name of its map), file (in a folder), index (its position in the set),
    score (what decides, higher is more anomalous), p_value, verdict, and the scores that it is made
    of.
    """
    columns: dict[str, object] = {"picture": picture_names(pictures)}
    if pictures.files is not None:
        columns["file"] = list(map(as_text, pictures.files))
    columns |= {"index": index, "score": found.score, "p_value": found.p}
    columns["verdict"] = [VERDICTS[bool(bad)] for bad in found.anomalous(false_alarms)]
    return pd.DataFrame(columns | dict(found.columns))


def write_verdicts(
    path: Path,
    table: pd.DataFrame,
    page: str,
    maps: PixelArray | None,
    *,
    overwrite: bool = False,
) -> None:
    """A folder with verdicts.csv, report.html and, in maps/, a PNG file of each map (N, H, W, 3),
    by the names in the table.

    Raises ConfigError where other files exist or none can be written.
    """
    with new_folder(path, overwrite=overwrite, own=VERDICTS_FOLDER) as folder:
        text = table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)
        (folder / TABLE).write_text(text, encoding="utf-8", newline="")
        (folder / PAGE).write_text(page, encoding="utf-8")
        if maps is not None:
            write_pictures(folder / MAPS, maps, list(table["picture"]))
