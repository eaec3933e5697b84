"""reparam resume: continue from the last checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reparam.cli.flags import RUN, parse
from reparam.cli.reading import reading_progress
from reparam.cli.session import follow, say_next, train_with_progress
from reparam.printable import note, several
from reparam.runs import Run, writing
from reparam.training import assemble, check_loggers


@dataclass(frozen=True)
class ResumeOptions:
    """Continue a run from its last checkpoint, or further than first planned.

    The random streams continue too: a run that was stopped and resumed ends with the same weights
    as one that was not. With --epochs the schedule is planned anew for that many epochs in all,
    which changes the rest of a one-cycle run.

    Examples:
      reparam resume runs/digits-vae
      reparam resume runs/digits-vae --epochs 60
    """

    run: Path = RUN
    """The run folder."""

    epochs: int | None = None
    """Train until this many epochs in all, instead of as many as first planned."""

    devices: int | None = None
    """Processes on each machine, if not as many as before; each step takes as many images."""

    num_nodes: int | None = None
    """Machines, if not as many as before."""

    device: str | None = None
    """Where to compute, if not as before: auto, cpu, cuda or mps."""

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    options = parse(ResumeOptions(), args, prog="reparam resume")
    folder = Run.open(options.run)
    own = folder.config.training
    devices, nodes = options.devices or own.devices, options.num_nodes or own.num_nodes
    device = options.device or own.device
    team = assemble(replace(own, devices=devices, num_nodes=nodes, device=device))
    if not team.leads:
        follow(options.run, team)
        return 0
    check_loggers(own)
    with writing(folder.path):
        if not folder.checkpoint.exists():
            folder.check_untrained()
        if folder.is_finished and options.epochs is None and not options.quiet:
            note(
                f"{folder.path} is finished: it is only measured again. To train beyond its "
                f"{several(own.epochs, 'epoch')}, give --epochs"
            )
        if options.epochs is not None:
            folder.check_can_extend(options.epochs)  # written when the images are there
        with reading_progress(quiet=options.quiet) as progress:
            images = folder.images(progress)
        if options.epochs is not None:
            folder = folder.extended(options.epochs)
        train_with_progress(folder, images, quiet=options.quiet, team=team)
    if not options.quiet:
        say_next(folder)
    return 0
