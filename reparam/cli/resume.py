"""reparam resume: on from the last checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reparam.cli.parse import RunFolder, parse
from reparam.cli.reading import reading_progress
from reparam.cli.session import follow, train_with_progress
from reparam.training import Run, assemble, leads, writing


@dataclass(frozen=True)
class ResumeOptions:
    """Go on with a run from its last checkpoint, or further than first planned.

    The random streams continue too: a run that was stopped and resumed ends with the same weights
    as one that was not. With --epochs the schedule is planned anew for that many epochs in all,
    which changes the rest of a one-cycle run.
    """

    run: RunFolder
    """The run folder."""

    epochs: int | None = None
    """Train until this many epochs in all, instead of as many as first planned."""

    devices: int | None = None
    """Processes on each machine, if not as many as before; each step takes as many images."""

    num_nodes: int | None = None
    """Machines, if not as many as before."""

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    options = parse(ResumeOptions, args, prog="reparam resume")
    folder = Run.open(options.run)
    own = folder.config().training
    processes = replace(
        own, devices=options.devices or own.devices, num_nodes=options.num_nodes or own.num_nodes
    )
    if not leads():
        follow(options.run, processes)
        return 0
    with writing(folder.path):
        with reading_progress(quiet=options.quiet) as progress:
            images = folder.images(progress)
        if options.epochs is not None:
            folder.extend(options.epochs)
        train_with_progress(folder, images, quiet=options.quiet, team=assemble(processes))
    return 0
