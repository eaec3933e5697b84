"""Scoring runs as the commands do it: progress, and nothing measured twice."""

from reparam.cli.progress import step_progress
from reparam.data import ImageSet
from reparam.errors import RunError
from reparam.evaluation import (
    CheckedScorecard,
    Judge,
    Scorecard,
    ScoreConfig,
    check_can_score,
    check_scorable,
    check_scorecard,
    judge_for,
    score_run,
)
from reparam.printable import note
from reparam.runs import Run


def check_first(
    run: Run, config: ScoreConfig, *, again: bool = False, by_image: bool = False
) -> None:
    """Looks at what `scored` needs beside images, before they are read. Raises what
    `check_can_score` raises, where there is no scorecard to show.
    """
    found = _found(run, config, by_image=by_image)
    if again or found.card is None or found.stale:
        check_can_score(run, config)


def kept_scorecard(run: Run) -> Scorecard | None:
    """The run's scorecard with what of it is valid, whatever its options; None without."""
    try:
        return check_scorecard(run).card
    except RunError:  # damaged: it is made again
        return None


def _found(run: Run, config: ScoreConfig, *, by_image: bool) -> CheckedScorecard:
    try:
        return check_scorecard(run, config, by_image=by_image)
    except RunError as error:  # damaged: it is made again
        return CheckedScorecard(None, str(error))


def scored(
    run: Run,
    images: ImageSet,
    config: ScoreConfig,
    *,
    again: bool = False,
    by_image: bool = False,
    quiet: bool = False,
    judge: Judge | None = None,
    device: str = "cpu",
) -> Scorecard:
    """The run's scorecard: the one that it has, where all of it is valid and made with these
    options, or else a new one, written to its folder. ``by_image``: with the figures of each image.
    """
    if not again:
        found = _found(run, config, by_image=by_image)
        if found.card is not None and not found.stale:
            return found.card
        if found.stale and not quiet:
            note(f"{run.path}: scored again: {found.stale}")
    judge = judge or judge_with_progress(images, quiet=quiet, device=device)
    with step_progress(f"scoring {run.path}", quiet=quiet) as progress:
        return score_run(run, images, config, judge=judge, progress=progress, device=device)


def judge_with_progress(images: ImageSet, *, quiet: bool, device: str = "cpu") -> Judge:
    """The images' judge; says what it is and how good. Raises what `check_scorable` raises."""
    check_scorable(images)
    with step_progress(f"judge of {images.name}", quiet=quiet) as progress:
        judge = judge_for(images, progress=progress, device=device)
    if not quiet:
        cached = ", from the cache" if judge.from_cache else f", trained in {judge.seconds:.0f} s"
        note(f"judge: {judge.description}{cached}")
    return judge
