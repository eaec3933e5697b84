"""What the commands print with: tables, bars and JSON in which text from outside is harmless."""

import json
import sys

from rich.console import Console
from rich.progress import ProgressColumn, TextColumn
from rich.text import Text

from reparam.printable import finite_or_null, printable, printable_json


class Terminal(Console):
    """A console that shows control characters in the text that it is given, and reads no markup in
    it; its own colours and movements are not text.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: object) -> Text:
        """Of every cell, title and line: one line each."""
        return super().render_str(printable(text), **options)  # type: ignore[arg-type]


def title_column(before: str = "") -> ProgressColumn:
    """The first column of a bar: what is done, in bold. Tasks are named by ``printable``."""
    return TextColumn(before + "{task.description}", style="bold", markup=False)


def print_json(value: object) -> None:
    """JSON on stdout, the value exactly: escaped where the terminal's encoding lacks a letter, and
    null for NaN and infinity, which JSON lacks.
    """
    value = finite_or_null(value)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8", "surrogatepass")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(printable_json(text), flush=True)
