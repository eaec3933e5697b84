"""Results as tables on stdout."""

import math
from collections.abc import Iterable, Iterator, Mapping

from rich.padding import Padding
from rich.table import Table

from reparam.cli.terminal import Terminal
from reparam.evaluation import TOPICS, Entry, Estimate, Quality
from reparam.printable import several

MEASURES = {
    "mse": ("MSE (squared pixels)", ".5f"),
    "psnr": ("PSNR (dB)", ".2f"),
    "ssim": ("SSIM", ".4f"),
}


def new_table() -> Table:
    return Table(box=None, pad_edge=False)


def print_table(table: Table, title: str | None = None) -> None:
    """The table, below its title and an empty line if it has a title. A cell that is too wide for
    the terminal continues on its next line: no word is cut off.
    """
    console = Terminal()
    if title is not None:
        console.print()
        console.print(title, style="bold")
    for column in table.columns:
        column.overflow = "fold"
    console.print(table)


def by_topic(table: Table, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Measures by the topic that they are of; each topic first gets a line of its own."""
    listed = list(entries)
    for topic, words in TOPICS.items():
        mine = [entry for entry in listed if entry.topic == topic]
        if mine:
            table.add_row(words.en, style="bold")
        yield from mine


def named(entry: Entry) -> Padding:
    """A measure below its topic; also where its name continues on the next line."""
    return Padding(f"{entry.en}{f' ({entry.unit})' if entry.unit else ''}", (0, 0, 0, 2))


def print_quality(rows: Mapping[str, Quality]) -> None:
    """A line for each row of the mapping: mean ± standard error over the images."""
    n = next(iter(rows.values())).images
    table = new_table()
    table.add_column("")
    for title, _ in MEASURES.values():
        table.add_column(title, justify="right")
    for name, quality in rows.items():
        cells = [_cell(getattr(quality, key), form) for key, (_, form) in MEASURES.items()]
        table.add_row(name, *cells)
    print_table(table, f"over {several(n, 'image')}: mean ± standard error, pixels in 0..1")


def _cell(estimate: Estimate, form: str) -> str:
    if not math.isfinite(estimate.mean):
        return "∞"
    mean = f"{estimate.mean:{form}}"
    if math.isnan(estimate.standard_error):
        return mean
    return f"{mean} ± {estimate.standard_error:{form}}"
