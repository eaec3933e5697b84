"""The explorer's bundle: everything that the page shows of one or more runs, as files.

The same runs give the same bytes, but for the judge's classes, which are there where the judge is
kept: nothing in it says when, where or by whom it was made.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from reparam._version import __version__
from reparam.data import ImageSet, Progress
from reparam.errors import ConfigError, check_positive
from reparam.export.entry import run_entry
from reparam.export.given_columns import given_columns, read_table
from reparam.export.manifest import Manifest
from reparam.export.onnx import OnnxModel, export_onnx
from reparam.printable import printable_json
from reparam.runs import Run, RunView, look_at, numbered, with_distinct_titles

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Of manifest.json: the number in web/src/bundle/manifest.schema.json."""

MANIFEST = "data/manifest.json"

IMAGES = 10_000
"""Held-out images in a bundle, unless more or fewer are asked for."""

GENERATOR = f"reparam {__version__}"


@dataclass(frozen=True)
class Bundle:
    """``files``: name below the site, such as data/manifest.json, to content.

    ``onnx``: encoder and decoder of each run, by the run's id; ``views``: what they were made of.
    """

    files: Mapping[str, bytes]
    onnx: Mapping[str, tuple[OnnxModel, OnnxModel]]
    views: Mapping[str, RunView]


def make_bundle(
    runs: Sequence[Run],
    *,
    images: int = IMAGES,
    progress: Progress | None = None,
    score_progress: Progress | None = None,
    device: str = "cpu",
    columns: Path | None = None,
    training_images: bool = True,
) -> Bundle:
    """The bundle of finished runs, with at most ``images`` held-out images of each, encoded and
    scored on ``device``. ``progress``: of reading images; ``score_progress``: of scoring them by
    the detector of a run that is calibrated. ``columns``: a table of further columns to colour and
    filter by. ``training_images``: also the training images that are nearest to draws from the
    prior.

    Warns of a calibration that cannot be used. Raises ConfigError without runs or images, DataError
    for a table that does not fit, RunError for an unfinished run or one whose images cannot be
    found again, ParityError where a model cannot be exported faithfully.
    """
    table = None if columns is None else read_table(columns)
    with _one_thread():
        views = held_out_views(runs, images=images, progress=progress, device=device)
    return bundle_of(
        views,
        columns,
        table,
        score_progress=score_progress,
        device=device,
        training_images=training_images,
    )


def bundle_of(
    shown: Sequence[RunView],
    columns: Path | None = None,
    table: "pd.DataFrame | None" = None,
    *,
    score_progress: Progress | None = None,
    device: str = "cpu",
    training_images: bool = True,
    source: str | None = None,
) -> Bundle:
    """The bundle of views, whose models are on the CPU; ``table``: what ``columns`` holds;
    ``source``: where the images are from, by default what the runs were trained on.

    Warns and raises as `make_bundle` does.
    """
    files: dict[str, bytes] = {}
    halves: dict[str, tuple[OnnxModel, OnnxModel]] = {}
    entries = []
    views = dict(zip(run_ids([view.run for view in shown]), shown, strict=True))
    with _one_thread():
        for name, view in views.items():
            halves[name] = export_onnx(view.run, view.model, view.images, view.labels)
            given = {} if columns is None else given_columns(columns, view, table)
            entries.append(
                run_entry(
                    name,
                    view,
                    halves[name],
                    files,
                    given,
                    training_images=training_images,
                    device=device,
                    progress=score_progress,
                )
            )
    sources = dict.fromkeys(Path(view.run.config.data.source).name for view in views.values())
    manifest: Manifest = {
        "schema": SCHEMA,
        "generator": GENERATOR,
        "source": ", ".join(sources) if source is None else source,
        "runs": entries,
    }
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Bundle({MANIFEST: printable_json(text).encode(), **files}, halves, views)


def held_out_views(
    runs: Sequence[Run], *, images: int, progress: Progress | None = None, device: str = "cpu"
) -> list[RunView]:
    """The runs with their held-out images, encoded on ``device``; the models are on the CPU.

    Runs of equal data share what is read.
    """
    if not runs:
        raise ConfigError("an export must have at least one run folder, got none. Fix: name one")
    check_positive(images=images)
    sets: dict[str, ImageSet] = {}
    views = []
    for run in runs:
        fingerprint = run.facts.fingerprint
        if fingerprint not in sets:
            sets[fingerprint] = run.images(progress)
        view = look_at(run, sets[fingerprint], points=images, device=device)
        view.model.cpu()
        views.append(view)
    return with_distinct_titles(views)


def run_ids(runs: Sequence[Run]) -> list[str]:
    """The folders' names as an address may have them, numbered where two would be the same."""
    names = [re.sub(r"[^a-z0-9]+", "-", run.path.resolve().name.lower()) for run in runs]
    return numbered([name.strip("-") or "run" for name in names], taken=("shared",))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Several threads part a sum otherwise than one, and the last digits follow them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
