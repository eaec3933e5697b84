"""Runs that a command needs: made where they are missing, continued where they exist."""

from collections.abc import Sequence
from pathlib import Path

from reparam.cli.help_text import ABSENT, by_flag
from reparam.cli.session import train_with_progress
from reparam.data import ImageSet
from reparam.errors import RunError
from reparam.runs import Run, RunConfig, check_free, is_empty
from reparam.training import Listener


def check_place(path: Path, config: RunConfig, *, overwrite: bool = False) -> None:
    """Looks at the folder of a run that ``open_or_create_run`` will make or continue, before its
    images are read. Raises RunError where another run exists, ConfigError where none can be.
    """
    if overwrite or not path.is_dir() or is_empty(path):
        check_free(path, overwrite=overwrite)
    elif not (run := Run.open(path)).is_of(config):
        raise _other_run(run, config)


def open_or_create_run(
    path: Path, config: RunConfig, images: ImageSet, *, command: str, overwrite: bool = False
) -> Run:
    """A new run, or the one that exists there if it was begun with the same configuration.

    Raises RunError where another one exists.
    """
    if overwrite or is_empty(path):
        return Run.create(path, config, images, command=command, overwrite=overwrite)
    run = Run.open(path)
    if not (run.is_of(config) and run.facts.fingerprint == images.fingerprint()):
        raise _other_run(run, config)
    return run


SHOWN = 3
"""Options that two runs differ in, which a message names, at most."""


def _other_run(run: Run, config: RunConfig) -> RunError:
    own = by_flag(run.config)
    asked = by_flag(config.for_classes(run.facts.class_names).as_recorded())
    apart = [
        f"--{name} {own.get(name, ABSENT)}, now {asked.get(name, ABSENT)}"
        for name in {**own, **asked}
        if own.get(name) != asked.get(name)
    ]
    how = "; ".join(apart[:SHOWN]) + f"; and {len(apart) - SHOWN} more" * (len(apart) > SHOWN)
    return RunError(
        f"{run.path}: holds a run with other {f'options ({how})' if apart else 'images'}. Fix: "
        "move that folder away, or, where the command has them, choose another --out or --overwrite"
    )


def trained(
    run: Run, images: ImageSet, *, quiet: bool, again: str, listeners: Sequence[Listener] = ()
) -> Run:
    """The run at its end: trained, or continued, unless it is finished already."""
    if not run.is_finished:
        train_with_progress(run, images, quiet=quiet, again=again, listeners=listeners)
    return run
