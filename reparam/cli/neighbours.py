"""reparam neighbours: the pictures of a run's set that lie nearest to others in latent space."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from rich.padding import Padding

from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.selection import (
    RUNS_OWN,
    Selection,
    SplitChoice,
    default_out,
    names_the_runs,
    own_images,
    own_selection,
    places_of,
    select_images,
)
from reparam.cli.tables import new_table, print_table
from reparam.data import DataConfig, RowReader, composed
from reparam.errors import DataError, check_positive, unknown_name
from reparam.evaluation import encode, nearest_images
from reparam.export import check_folder_free
from reparam.extras import need
from reparam.fields import option
from reparam.printable import note, say
from reparam.runs import Run

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20
"""Rows of the table that are printed, at most; neighbours.csv has all."""


@dataclass(frozen=True)
class NeighboursOptions:
    """Find the pictures of a run's set that lie nearest to others in its latent space.

    DATA has the pictures to find neighbours of: a name, an .npz or .npy file, or a folder of
    images, which are brought to the run's size; by default they are the run's own held-out ones.
    --of takes some of them. Nearest is by the Euclidean distance between the posteriors' means, and
    a picture is no neighbour of itself. Writes neighbours.csv, with the files' names in a folder,
    and sheet.png: each picture at the left, the nearest 20 beside it at most.

    Examples:
      reparam neighbours runs/photos-vae --of cats/tom.jpg 17
      reparam neighbours runs/photos-vae new/ -k 4
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    of: tuple[str, ...] = ()
    """Only these: names of files, with or without folder and suffix, or positions in the set, as
    the table of `reparam encode` has them."""

    neighbours: int = option(8, alias="-k")
    """How many neighbours of each."""

    among: SplitChoice = "all"
    """The images of the run's to look among: all, or those of a split; auto: the held-out ones."""

    out: Path | None = None
    """A folder; by default RUN/export/neighbours."""

    split: SplitChoice = "auto"
    """The images to find neighbours of; auto takes the test images of the run's own (with --of all
    of them), and all of DATA."""

    overwrite: bool = False
    """Replace the results that exist in --out."""

    quiet: bool = False
    """No progress."""

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_positive(neighbours=self.neighbours)


def run(args: Sequence[str]) -> int:
    options = parse(NeighboursOptions(), args, prog="reparam neighbours")
    need("reparam neighbours", "tables")
    # It imports pandas, which --help does without.
    from reparam.export import NEIGHBOURS_FOLDER, neighbour_table, write_neighbours

    folder = Run.open(options.run)
    out = options.out or default_out(folder, "neighbours")
    check_folder_free(out, overwrite=options.overwrite, own=NEIGHBOURS_FOLDER)
    model = folder.load_model(own_prior=True, device=options.compute.chosen())
    split: SplitChoice = "all" if options.of and options.split == "auto" else options.split
    quiet, data = options.quiet, options.data
    if names_the_runs(data, folder):  # no picture of it is another
        data = replace(data, source="")
        split = "all" if split == "auto" else split
    others = bool(data.source)
    if others:
        images = own_images(folder, places_of(data), quiet=quiet)
        queries = select_images(folder, model, data, split, options.choice, quiet=quiet)
    else:
        images, queries = own_selection(folder, data, split, quiet=quiet)
    if options.of:
        queries = _only(queries, options.of)
    among = np.arange(len(images))
    if options.among != "all":
        part = images.held_out() if options.among == "auto" else options.among
        among = images.splits[part]
    without = None if others else queries.index
    itself = without is not None and bool(np.isin(without, among).any())
    if len(among) < 1 + itself:
        raise DataError(
            f"{images.name}: there must be images to look among, got {len(among)} ("
            f"{options.among}). Fix: choose another --among"
        )
    labelled = queries.labelled
    z = encode(model, labelled.images, labelled.labels)
    found = nearest_images(
        model,
        z,
        images.images,
        images.labels,
        k=options.neighbours,
        among=among,
        without=without,
    )
    table = neighbour_table(labelled, queries.index, found, images)
    write_neighbours(out, table, labelled, found, images, overwrite=options.overwrite)
    note(f"{found.index.shape[1]} neighbours of each of {len(z)}, among {len(among)} images")
    _print(table)
    say(out)
    return 0


def _only(selection: Selection, wanted: Sequence[str]) -> Selection:
    """Those of a selection that the user names. Raises DataError for one that is not there."""
    files = selection.labelled.files or ()
    chosen = np.array([_position(name, files, selection) for name in wanted])
    labelled, labels = selection.labelled, selection.labelled.labels
    few = replace(
        labelled,
        images=RowReader(labelled.images).take(chosen),
        labels=None if labels is None else labels[chosen],
        files=tuple(files[i] for i in chosen) if files else None,
    )
    return replace(selection, index=selection.index[chosen], labelled=few)


def _position(name: str, files: Sequence[str], selection: Selection) -> int:
    """Where the picture is in the selection: by its path, its name, its name without suffix, or
    else its position in the set.
    """
    paths = [PurePosixPath(file) for file in files]
    matches: Sequence[int] = []
    bare = [str(path.with_suffix("")) for path in paths]
    for names in (files, bare, [path.name for path in paths], [path.stem for path in paths]):
        matches = matches or [
            i for i, known in enumerate(names) if composed(known) == composed(name)
        ]
    if not matches and name.isdecimal():
        matches = np.flatnonzero(selection.index == int(name)).tolist()
    if len(matches) == 1:
        return matches[0]
    where = f"{selection.name} ({selection.split})"
    if matches:
        found = ", ".join(repr(files[i]) for i in matches[:3])
        more = ", ..." if len(matches) > 3 else ""
        raise DataError(
            f"{where}: --of must name one picture, got {name!r}, which is {len(matches)} ({found}"
            f"{more}). Fix: give its path"
        )
    known = files or [f"{selection.index.min()} to {selection.index.max()}"]
    raise DataError(
        f"{where}: {unknown_name('picture', name, known, 'the table of reparam encode')}"
    )


def _print(table: "pd.DataFrame") -> None:
    """Each image, and below it the nearest ones: names of files are long, so one column has all."""
    shown, labelled = table.head(SHOWN), "label" in table
    printed = new_table()
    printed.add_column("image and its neighbours")
    if labelled:
        printed.add_column("label")
    printed.add_column("distance", justify="right")
    for query, rows in shown.groupby("query", sort=False):
        own = (str(rows["query_label"].iloc[0]) if "query_label" in rows else "",) * labelled
        printed.add_row(str(query), *own, "", style="bold")
        for row in rows.to_dict("records"):
            label = (str(row["label"]),) if labelled else ()
            name = Padding(str(row["neighbour"]), (0, 0, 0, 2))
            printed.add_row(name, *label, f"{row['distance']:.4g}")
    print_table(printed)
    if len(shown) < len(table):
        note(f"the first {len(shown)} of {len(table)} rows; neighbours.csv has all")
