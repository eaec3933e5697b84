"""Progress of reading many pictures: a bar on a terminal, one line elsewhere. On stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from reparam.cli.terminal import Terminal, title_column
from reparam.data import Progress as ReadProgress
from reparam.printable import note, printable


@contextmanager
def reading_progress(*, quiet: bool = False) -> Iterator[ReadProgress | None]:
    """What ``load_images`` takes to tell how far it is; what is done in one go shows nothing."""
    if quiet:
        yield None
        return
    console = Terminal(stderr=True)
    bar = Progress(
        title_column("reading "),
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
            tasks[what] = bar.add_task(printable(what), total=total)
            if console.is_terminal:
                bar.start()
            else:
                note(f"reading {what} of {total:,} files ...")
        bar.update(tasks[what], completed=done)

    try:
        yield progress
    finally:
        if tasks and console.is_terminal:
            bar.stop()
