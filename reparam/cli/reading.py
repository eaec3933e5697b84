"""Progress of reading many pictures: a bar on a terminal, one line elsewhere. On stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reparam.data import Progress as ReadProgress


@contextmanager
def reading_progress(*, quiet: bool = False) -> Iterator[ReadProgress | None]:
    """What ``load_images`` takes to tell how far it is; what is done in one go shows nothing."""
    if quiet:
        yield None
        return
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("[bold]reading {task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )
    tasks = {}

    def progress(what: str, done: int, total: int) -> None:
        if what not in tasks:
            if done == total:
                return
            tasks[what] = bar.add_task(what, total=total)
            if console.is_terminal:
                bar.start()
            else:
                print(f"reading {what} of {total:,} files ...", file=sys.stderr, flush=True)
        bar.update(tasks[what], completed=done)

    try:
        yield progress
    finally:
        if tasks and console.is_terminal:
            bar.stop()
