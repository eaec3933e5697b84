"""reparam relocate: where a run's images are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.cli.flags import RUN, parse
from reparam.cli.reading import reading_progress
from reparam.fields import option
from reparam.printable import say
from reparam.runs import Run, writing


@dataclass(frozen=True)
class RelocateOptions:
    """Say where the images of a run are now: they were moved, or the run was, to another machine.

    They are read as they were for training, and must be the same to the last pixel. From then on
    resume, score, report and all else find them. Nothing but the place is changed. A run of
    arrays in memory, or of weights that were changed in Python, is told of its images in this way.

    Examples:
      reparam relocate runs/photos-vae ~/pictures/photos
      reparam relocate runs/mnist-vae mnist --data-dir /scratch/mnist
    """

    run: Path = RUN
    """The run folder."""

    data: str = option("", positional="DATA", required=True)
    """The folder or file, or the name: digits, mnist, fashion-mnist."""

    data_dir: Path | None = None
    """Folder with the four IDX files of mnist or fashion-mnist, else REPARAM_DATA or download."""

    quiet: bool = False
    """No progress."""


def run(args: Sequence[str]) -> int:
    options = parse(RelocateOptions(), args, prog="reparam relocate")
    folder = Run.open(options.run)
    with writing(folder.path), reading_progress(quiet=options.quiet) as progress:
        moved = folder.relocated(options.data, options.data_dir, progress)
    say(f"{moved.path}: its images are at {moved.config.data.source}")
    return 0
