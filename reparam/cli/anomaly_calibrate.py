"""reparam anomaly calibrate: a run that was trained already becomes a detector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reparam.cli.anomaly_score import check_sizes
from reparam.cli.calibrating import calibrate_run
from reparam.cli.classes import ClassChoice
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.reading import reading_progress
from reparam.cli.selection import RUNS_OWN, names_the_runs, select_images
from reparam.data import DataConfig, ImageSet
from reparam.errors import ReparamError, RunError
from reparam.evaluation import (
    AnomalyConfig,
    GoodPictures,
    Pictures,
    good_pictures,
    other_good_pictures,
)
from reparam.printable import note
from reparam.runs import ANOMALY, Run


@dataclass(frozen=True)
class CalibrateOptions:
    """Calibrate a run that `reparam train` trained on good pictures.

    By default with its own test pictures, which it has not seen. DATA names other good pictures,
    which must not be those that it was trained on: a third of them chooses what decides, with
    planted defects, the others calibrate. Writes anomaly.json into the run folder.

    Examples:
      reparam anomaly calibrate runs/good
      reparam anomaly calibrate runs/good more-good/ --overwrite
    """

    run: Path = RUN
    """The run folder."""

    data: DataConfig = RUNS_OWN

    anomaly: AnomalyConfig = field(default_factory=AnomalyConfig)

    overwrite: bool = False
    """Replace the calibration that exists."""

    quiet: bool = False
    """No progress."""

    choice: ClassChoice = ClassChoice()

    compute: Compute = Compute()


def run(args: Sequence[str]) -> int:
    options = parse(CalibrateOptions(), args, prog="reparam anomaly calibrate")
    folder = Run.open(options.run)
    if (folder.path / ANOMALY).exists() and not options.overwrite:
        raise RunError(
            f"{folder.path}: was calibrated already. Fix: replace the calibration with --overwrite"
        )
    folder.finished("a calibration is of a finished run")
    device = options.compute.chosen()
    config = options.anomaly
    calibrate_run(folder, _good(folder, options), config, device=device, quiet=options.quiet)
    return 0


def _good(folder: Run, options: CalibrateOptions) -> GoodPictures:
    """The run's own held-out pictures, or others."""
    seed, given = options.anomaly.anomaly_seed, options.data
    if not given.source or names_the_runs(given, folder):
        return good_pictures(_own(folder, options), seed)
    model = folder.load_model(own_prior=True)
    selection = select_images(folder, model, given, "all", options.choice, quiet=options.quiet)
    check_sizes(selection, folder, given)
    images, labelled = selection.images, selection.labelled
    others = Pictures(images, np.arange(len(images)), labelled.labels, labelled.files)
    try:
        own = _own(folder, options)
    except (ReparamError, OSError) as error:
        note(f"scores learn from a third of {given.source}, not from what was trained on: {error}")
        return other_good_pictures(others, None, seed)
    trained = Pictures(own.images, own.splits["train"], own.labels, own.files)
    return other_good_pictures(others, trained, seed)


def _own(folder: Run, options: CalibrateOptions) -> ImageSet:
    with reading_progress(quiet=options.quiet) as reading:
        return folder.images(reading)
