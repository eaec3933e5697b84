"""Reading images: how far it is (a bar on a terminal, one line elsewhere), and what was chosen."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from reparam.cli.terminal import Terminal, title_column
from reparam.data import (
    LARGEST,
    DataConfig,
    DisagreementError,
    ImageSet,
    is_folder,
    load_images,
    suited_size,
)
from reparam.data import Progress as ReadProgress
from reparam.printable import note, printable


def reading_progress(*, quiet: bool = False) -> AbstractContextManager[ReadProgress | None]:
    """What ``load_images`` takes to tell how far it is; what is done in one go shows nothing."""
    return counted_progress("reading", "files", quiet=quiet)


@contextmanager
def counted_progress(doing: str, of: str, *, quiet: bool = False) -> Iterator[ReadProgress | None]:
    """What tells how many ``of`` something are done. It shows nothing before that is begun and when
    all are done, so that several may be open at once, one within the other.
    """
    if quiet:
        yield None
        return
    console = Terminal(stderr=True)
    bar = Progress(
        title_column(f"{doing} "),
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
                note(f"{doing} {what} of {total:,} {of} ...")
        bar.update(tasks[what], completed=done)
        if bar.finished:
            stop()

    def stop() -> None:
        if tasks and console.is_terminal:
            bar.stop()

    try:
        yield progress
    finally:
        stop()


class Loader:
    """Reads the images that models are to be trained on, once for each configuration.

    Pictures that differ in size, or are grey and colour, are brought to one shape, and those of one
    size that is too large to train at to a smaller one, which is said.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._read: dict[DataConfig, tuple[ImageSet, DataConfig]] = {}

    def __call__(self, data: DataConfig) -> ImageSet:
        if data not in self._read:
            usual = self._of_usual_size(data)
            try:
                found = self._load(usual), usual
            except DisagreementError as error:
                if not self.quiet:
                    note(_chosen(error))
                found = self._load(error.suited), error.suited
            self._read[data] = self._read[found[1]] = found
        return self._read[data][0]

    def agreed(self, data: DataConfig) -> DataConfig:
        """The configuration that reads the same images without a choice, where they are read."""
        return self._read[data][1] if data in self._read else data

    def with_shape(self, data: DataConfig) -> DataConfig:
        """As ``agreed``; the pictures of a folder, whose shape may have to be chosen, are read."""
        if is_folder(data.source):
            self(data)
        return self.agreed(data)

    def _of_usual_size(self, data: DataConfig) -> DataConfig:
        size = suited_size(data) if is_folder(data.source) else None
        if size is None:
            return data
        if not self.quiet:
            note(
                f"pictures with a side above {LARGEST} pixels: read as {size[0]} × {size[1]} "
                "(--image-size and --fit choose another size)"
            )
        return replace(data, image_size=size)

    def _load(self, data: DataConfig) -> ImageSet:
        with reading_progress(quiet=self.quiet) as progress:
            return load_images(data, progress)


def _chosen(error: DisagreementError) -> str:
    assert error.suited.image_size is not None
    height, width = error.suited.image_size
    colour = "grey" if error.suited.channels == 1 else "colour"
    return (
        f"{error.told}: read as {height} × {width} {colour} (--image-size, --channels and --fit "
        "choose another shape)"
    )
