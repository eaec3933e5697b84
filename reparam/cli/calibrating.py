"""Calibrating a run, with progress, and what came of it as a table."""

from collections.abc import Mapping

import numpy as np

from reparam.cli.progress import step_progress
from reparam.cli.tables import new_table, print_table
from reparam.evaluation import (
    USUAL_FALSE_ALARMS,
    AnomalyConfig,
    Calibration,
    Detector,
    GoodPictures,
    calibrate,
    pictures_needed,
    save_calibration,
)
from reparam.extras import install_line, lacks
from reparam.printable import note, say, several
from reparam.runs import ANOMALY, Run, command_line, writing

SCORE_EXTRAS = ("report", "tables")
"""What ``anomaly score`` needs beyond the package's own dependencies."""

SHOWN = 5
"""Pictures that are named, at most; the run's file has more."""


def calibrate_run(
    run: Run, good: GoodPictures, config: AnomalyConfig, *, device: str, quiet: bool
) -> None:
    """Calibrates and keeps it in the run folder; says what decides, and why."""
    model = run.load_model(own_prior=True, device=device)
    with writing(run.path):  # before minutes of work, which nobody could keep
        with step_progress(f"calibrating {run.path}", quiet=quiet) as progress:
            found = calibrate(model, good, config, progress)
        save_calibration(run, found)
    print_calibration(found)
    say(run.path / ANOMALY)
    if not quiet:
        line = f"next: {command_line('anomaly', ['score', str(run.path)])} NEW_PICTURES/"
        note(line + f" (first: {install_line(*SCORE_EXTRAS)})" * lacks(*SCORE_EXTRAS))


def asked_rate(run: Run, detector: Detector, asked: float | None) -> float:
    """The rate of false alarms that is asked for, or the usual one; says where that is higher than
    elsewhere, since good pictures are few. Raises what `Detector.rate` raises.
    """
    rate = detector.rate(asked)
    if asked is None and rate > USUAL_FALSE_ALARMS:
        count = detector.calibration.count
        again = command_line("anomaly", ["calibrate", str(run.path)])
        note(
            f"false alarms: {rate:.2g} of the good pictures, as rare as "
            f"{several(count, 'held-out good picture')} can tell{_more_for_usual(count)}. For "
            f"fewer: {again} MORE_GOOD_PICTURES/ --overwrite, or hold out more when training "
            "(--test-fraction); --false-alarms chooses another rate"
        )
    return rate


def _more_for_usual(count: int) -> str:
    """How many good pictures the usual rate needs, where there are fewer."""
    needed = pictures_needed(USUAL_FALSE_ALARMS)
    return f" ({USUAL_FALSE_ALARMS:g} needs {needed})" if count < needed else ""


def print_calibration(found: Calibration) -> None:
    if found.choice.image:
        _print_choice(found.choice.image, found.decider, found.choice.pictures)
    for why in dict.fromkeys(found.omitted.values()):
        names = [name for name, reason in found.omitted.items() if reason == why]
        say(f"left out: {', '.join(names)}: {why}")
    count = found.count
    say(
        f"decides: {found.decider}, against {several(count, 'good picture')} that were not trained "
        f"on; false alarms can be as rare as {1 / (count + 1):.2g}{_more_for_usual(count)}"
    )
    if found.trimmed:
        share = found.most_false_alarms(USUAL_FALSE_ALARMS)
        say(
            f"not counted as good: {_few(found.trimmed)}. Are they? If so, --contamination 0: 1 % "
            f"false alarms may otherwise be up to {share:.1%}"
        )
    elif found.far_out:
        say(
            f"far from the others: {_few(found.far_out)}. Are they good? They count as such. If "
            "not, remove them, or set them aside with --contamination auto"
        )
    else:
        note(f"the most unusual of them: {', '.join(found.worst[:SHOWN])}")


def _print_choice(by_kind: Mapping[str, Mapping[str, float]], decider: str, count: int) -> None:
    kinds = tuple(next(iter(by_kind.values())))
    table = new_table()
    table.add_column("score")
    for kind in (*kinds, "mean"):
        table.add_column(kind, justify="right")
    means = {name: float(np.mean(list(values.values()))) for name, values in by_kind.items()}
    for name in sorted(means, key=lambda name: -means[name]):
        values = [*by_kind[name].values(), means[name]]
        mark = " ←" if name == decider else ""
        table.add_row(name, *(f"{value:.3f}" for value in values[:-1]), f"{values[-1]:.3f}{mark}")
    print_table(
        table,
        f"AUROC of planted defects in {several(count, 'good picture')} that were not trained on",
    )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
