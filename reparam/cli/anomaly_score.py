"""reparam anomaly score: a verdict on each new picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reparam.cli.calibrating import SCORE_EXTRAS, asked_rate
from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.progress import step_progress
from reparam.cli.selection import RUNS_OWN, Selection, default_out, select_images
from reparam.cli.tables import new_table, print_table
from reparam.data import DataConfig
from reparam.errors import ConfigError, ShapeError
from reparam.evaluation import Pictures, heat_overlay, load_detector
from reparam.export import check_folder_free
from reparam.extras import need
from reparam.printable import say, several
from reparam.runs import Run, command_line
from reparam.types import Language

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20
"""Rows of the table that are printed, at most; verdicts.csv has all."""


@dataclass(frozen=True)
class AnomalyScoreOptions:
    """Say of each new picture whether it is anomalous, how sure that is, and where.

    DATA has the pictures: a name, an .npz or .npy file, or a folder of images. Writes verdicts.csv
    (picture, file, score, p_value, verdict), maps/ with where each differs, and report.html, the
    most anomalous first. A picture is called anomalous where its p-value is at most --false-alarms:
    of good pictures no more are, on average.

    Examples:
      reparam anomaly score runs/good new/ --out verdicts
      reparam anomaly score runs/good new/ --false-alarms 0.05 --no-maps
    """

    run: Path = RUN
    """The run folder, calibrated by `reparam anomaly fit` or `calibrate`."""

    data: DataConfig = RUNS_OWN

    false_alarms: float | None = None
    """Share of good pictures that may be called anomalous. By default 0.01, or the lowest that the
    calibration can tell where it has fewer than 99 good pictures."""

    out: Path | None = None
    """A folder; by default RUN/export/verdicts."""

    maps: bool = True
    """Write and show where each picture differs."""

    lang: Language = "en"
    """Language of the page: en or ko."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    quiet: bool = False
    """No progress."""

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(AnomalyScoreOptions(), args, prog="reparam anomaly score")
    need("reparam anomaly score", *SCORE_EXTRAS)
    # They import pandas and matplotlib, which --help does without.
    from reparam.export import VERDICTS_FOLDER, verdict_table, write_verdicts
    from reparam.report import anomaly_page

    if not options.data.source:
        raise ConfigError(
            "reparam anomaly score: DATA must be given, got nothing. Fix: name the new pictures"
        )
    folder = Run.open(options.run)
    out = options.out or default_out(folder, "verdicts")
    check_folder_free(out, overwrite=options.overwrite, own=VERDICTS_FOLDER)
    detector = load_detector(folder, options.compute.chosen())
    rate = asked_rate(folder, detector, options.false_alarms)
    selection = select_images(
        folder, detector.model, options.data, "all", options.choice, quiet=options.quiet
    )
    check_sizes(selection, folder, options.data)
    images, labelled = selection.images, selection.labelled
    pictures = Pictures(images, np.arange(len(images)), labelled.labels, labelled.files)
    with step_progress(f"scoring {options.data.source}", quiet=options.quiet) as progress:
        found = detector.detect(pictures, maps=options.maps, progress=progress)
    table = verdict_table(labelled, selection.index, found, rate)
    heat = detector.calibration.heat
    maps = None
    if found.maps is not None and heat is not None:
        maps = heat_overlay(images, found.maps, heat)
    page = anomaly_page(
        pictures.names(),
        images,
        found,
        detector.calibration,
        false_alarms=rate,
        command=command_line("anomaly", ["score", *args]),
        lang=options.lang,
        maps=maps,
    )
    write_verdicts(out, table, page, maps, overwrite=options.overwrite)
    _print(table.iloc[found.order()], int(found.anomalous(rate).sum()), rate)
    say(out)
    return 0


def check_sizes(selection: Selection, run: Run, given: DataConfig) -> None:
    """Raises ShapeError for a picture of another size than all good ones had, which none were
    resized from: what a resize does to it, no good picture has been through.
    """
    sizes = selection.sizes_in_files()
    if sizes is None or run.config.data.image_size is not None or given.image_size is not None:
        return
    height, width, _ = run.facts.image_shape
    names = selection.labelled.files or ()
    other = [
        (name, size) for name, size in zip(names, sizes, strict=True) if size != (height, width)
    ]
    if other:
        name, size = other[0]
        raise ShapeError(
            f"{given.source}: pictures must be {height} × {width}, as the good ones, got "
            f"{several(len(other), 'other')} (as {name!r}, {size[0]} × {size[1]}). Fix: cut them "
            f"as the good ones were, or resize them with --image-size {height} {width}"
        )


def _print(table: "pd.DataFrame", anomalous: int, rate: float) -> None:
    printed = new_table()
    name = "file" if "file" in table else "index"
    for title in (name, "score", "p_value", "verdict"):
        printed.add_column(title, justify="left" if title == name else "right")
    for _, row in table.head(SHOWN).iterrows():
        score, p = f"{row['score']:.4g}", f"{row['p_value']:.4f}"
        printed.add_row(str(row[name]), score, p, str(row["verdict"]))
    rest = f", the first {SHOWN} of {len(table):,}" if len(table) > SHOWN else ""
    print_table(printed, f"the most anomalous first{rest}")
    say(f"{anomalous:,} of {len(table):,} pictures are anomalous, at {rate:.3g} false alarms")
