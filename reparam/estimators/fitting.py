"""Where an estimator's ``fit`` writes its run, and who listens to the training."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reparam.errors import ConfigError, RunError
from reparam.fields import as_path
from reparam.printable import note
from reparam.runs import Epoch, Run, RunConfig, check_writable, is_empty
from reparam.training import BackedOff, EpochDone, Event, Listener, Warned, writers


@contextmanager
def as_it_was(estimator: object) -> Iterator[None]:
    """What fails in the block leaves the estimator as it was: a model goes with the range of the
    pixels that it was fitted to.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def folder_of(out: object) -> Path | None:
    """The option ``out`` as a path. Raises ConfigError for what is none."""
    if not isinstance(out, str | Path | None):
        raise ConfigError(f"out must be a path, got {out!r}. Fix: name a folder")
    return None if out is None else as_path(out)


def check_free(path: Path) -> None:
    """Raises ConfigError where no run can be written, RunError where something is."""
    check_writable(path / "config.json", fix="choose another out")
    if path.exists() and not (path.is_dir() and is_empty(path)):
        raise RunError(
            f"{path}: fit must write a new run folder, got one that holds something. Fix: choose "
            "another out, or reparam.load what exists there"
        )


def listeners(
    run: Run, config: RunConfig, title: str, *, quiet: bool, kept: bool
) -> list[Listener]:
    """Of a training. ``title`` begins the lines that it prints unless ``quiet``; ``kept``: the run
    folder stays, so that pictures of samples go there.
    """
    found: list[Listener] = []
    if not quiet:
        found.append(functools.partial(_say, title, config.training.epochs))
    return [*found, *writers(run, samples=kept)]


def _say(title: str, epochs: int, event: Event) -> None:
    """A line an epoch on stderr, and one when something looks wrong."""
    if isinstance(event, BackedOff | Warned):
        note(f"{title}: {event}")
    if isinstance(event, EpochDone):
        metrics: Epoch = event.metrics
        note(
            f"{title}: epoch {metrics.epoch}/{epochs}, loss {metrics.held_out['loss_nats']:.2f} "
            "nats"
        )
