"""reparam anomaly test: how well known defects are found."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from reparam.cli.calibrating import asked_rate
from reparam.cli.flags import RUN, Compute, parse
from reparam.cli.progress import step_progress
from reparam.cli.reading import reading_progress
from reparam.cli.selection import like_the_runs
from reparam.cli.tables import new_table, print_table
from reparam.cli.terminal import print_json
from reparam.data import DataConfig
from reparam.errors import ConfigError, ReparamError
from reparam.evaluation import (
    ALL_DEFECTS,
    GOOD_FOLDER,
    Detected,
    Detection,
    Detector,
    LabelledPictures,
    Measured,
    Pictures,
    check_images,
    count_seen,
    detection,
    load_detector,
    read_labelled,
)
from reparam.fields import MOST_SEED, check_options, option
from reparam.printable import note, say, several
from reparam.runs import Run

FIGURES = {
    "image_auroc": "image AUROC",
    "best_f1": "best F1",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
}
"""What is measured of each kind, and what it is called."""

LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class AnomalyTestOptions:
    """Measure how well known defects are told from good pictures, and where.

    TEST is a folder as MVTec AD and anomalib have them: good/ with good pictures, one folder for
    each kind of defect, and masks in ground_truth/. By kind of defect: the area under the ROC curve
    of images and of pixels, AUPRO (overlap with each region), and the best F1, each with a 95 %
    interval over pictures; and how many are called anomalous.

    Examples:
      reparam anomaly test runs/good test/
      reparam anomaly test runs/good test/ --false-alarms 0.05 --json
    """

    run: Path = RUN
    """The run folder, calibrated by `reparam anomaly fit` or `calibrate`."""

    test: Path = option(Path(), positional="TEST", required=True)
    """The folder of test pictures."""

    false_alarms: float | None = None
    """Share of good pictures that may be called anomalous. By default 0.01, or the lowest that the
    calibration can tell where it has fewer than 99 good pictures."""

    image_size: tuple[int, int] | None = option(None, is_size=True)
    """Height and width that the pictures are brought to, where they are not the good ones'."""

    anomaly_seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the intervals."""

    json: bool = False
    """Print the figures as JSON."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute()

    def __post_init__(self) -> None:
        check_options(self)


def run(args: Sequence[str]) -> int:
    options = parse(AnomalyTestOptions(), args, prog="reparam anomaly test")
    folder = Run.open(options.run)
    detector = load_detector(folder, options.compute.chosen())
    rate = asked_rate(folder, detector, options.false_alarms)
    labelled = _read(folder, detector, options)
    _warn_of_seen(folder, labelled, options)
    pictures = Pictures(labelled.images, np.arange(len(labelled.images)))
    with step_progress(f"testing {folder.path}", quiet=options.quiet) as progress:
        found = detector.detect(pictures, progress=progress)
    by_kind = detection(
        found.score.clip(-LARGEST, LARGEST),
        labelled.kinds,
        found.maps,
        labelled.masks,
        rng=np.random.default_rng(options.anomaly_seed),
    )
    alarms = _alarms(labelled, found, rate)
    if options.json:
        print_json({kind: _plain(of, alarms[kind]) for kind, of in by_kind.items()})
    else:
        _print(by_kind, labelled, alarms, rate)
    return 0


def _read(run: Run, detector: Detector, options: AnomalyTestOptions) -> LabelledPictures:
    """The test pictures, read as the run's own were. Raises ShapeError for those of another size
    than the good ones, which none were resized from.
    """
    if detector.model.classes and detector.model.classifier is None:
        raise ConfigError(
            f"reparam anomaly test must have a run that reads no labels, or finds them, got "
            f"{run.path}, a conditional one without a classifier. Fix: train with another --model"
        )
    config = like_the_runs(DataConfig(str(options.test)), run)
    own = run.config.data.image_size and run.facts.image_shape[:2]
    config = replace(config, image_size=options.image_size or own)
    with reading_progress(quiet=options.quiet) as progress:
        labelled = read_labelled(options.test, config, progress)
    check_images(detector.model, labelled.images)
    return labelled


def _warn_of_seen(run: Run, labelled: LabelledPictures, options: AnomalyTestOptions) -> None:
    """Good pictures that the detector has learned from look better than new ones do."""
    good = labelled.kinds.count(GOOD_FOLDER)
    given = Pictures(labelled.images, np.arange(good))
    with contextlib.suppress(ReparamError):  # the run's images are elsewhere, or were arrays
        with reading_progress(quiet=options.quiet) as progress:
            seen = count_seen(given, run.images(progress))
        if seen:
            note(
                f"warning: {seen:,} of {several(good, 'good picture')} in {options.test} are among "
                "those that the detector was made from: its figures would be too good. Fix: test "
                "with others"
            )


def _alarms(labelled: LabelledPictures, found: Detected, rate: float) -> dict[str, float]:
    """The share that is called anomalous of each kind, of all defects, and of good pictures."""
    bad, kinds = found.anomalous(rate), np.array(labelled.kinds)
    shares = {kind: float(bad[kinds == kind].mean()) for kind in dict.fromkeys(labelled.kinds)}
    return {ALL_DEFECTS: float(bad[kinds != GOOD_FOLDER].mean()), **shares}


def _plain(of: Detection, called: float) -> dict[str, object]:
    figures = {name: asdict(getattr(of, name)) for name in FIGURES}
    keys = ("value", "low", "high", "note")
    return {
        **{name: {key: figure[key] for key in keys} for name, figure in figures.items()},
        "called_anomalous": called,
    }


def _print(
    by_kind: Mapping[str, Detection],
    labelled: LabelledPictures,
    alarms: Mapping[str, float],
    rate: float,
) -> None:
    table = new_table()
    table.add_column("defects")
    for title in ("pictures", *FIGURES.values(), "called anomalous"):
        table.add_column(title, justify="right")
    good = labelled.kinds.count(GOOD_FOLDER)
    for kind, of in by_kind.items():
        count = len(labelled.kinds) - good if kind == ALL_DEFECTS else labelled.kinds.count(kind)
        cells = [_cell(getattr(of, name)) for name in FIGURES]
        table.add_row(kind, f"{count:,}", *cells, f"{alarms[kind]:.1%}")
    print_table(table, f"against {several(good, 'good picture')}; 95 % intervals over pictures")
    say(f"good pictures that are called anomalous: {alarms[GOOD_FOLDER]:.1%}, asked for {rate:.1%}")


def _cell(figure: Measured) -> str:
    if figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
