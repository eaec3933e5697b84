"""Text from outside on a terminal or a page: what a terminal would obey is shown instead.

Below everything else, since error messages quote names and files too.
"""

import html
import json
import re
import sys

_SEEN = (
    r"\x00-\x1f\x7f-\x9f"  # control characters: ESC, BEL, CR, backspace, C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks
    r"\u2028\u2029"  # line and paragraph separators
    r"\ud800-\udfff"  # surrogates: bytes of a file name that are no text
)
_IN_LINE = re.compile(f"[{_SEEN}]")
_IN_LINES = re.compile(rf"(?![\n\t])[{_SEEN}]")
_MARKS = re.compile(r"([\\`*_\[\]|~$@:]|(?<=www)\.)", re.IGNORECASE)
"""What Markdown, as the Hub shows it, takes for marks and addresses within a line."""


def printable(text: str) -> str:
    r"""``text`` as one line, in which control characters, line breaks, direction marks and lone
    surrogates are written as in Python: ``\x1b``, ``\n``, ``\u202e``. All else stays as it is.
    """
    return _IN_LINE.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines: line feeds and tabs stay."""
    return _IN_LINES.sub(_escaped, text)


def printable_json(text: str) -> str:
    r"""The same of JSON, whose value does not change: ``\u001b``, ``\u202e``."""
    return _IN_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def finite_or_null(value: object) -> object:
    """A value of JSON with None for NaN and infinite numbers, which JSON has no words for."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def as_markdown(text: str) -> str:
    """Text as it is, whatever marks of Markdown or HTML are in it; one line."""
    return _MARKS.sub(r"\\\1", html.escape(printable(text), quote=False))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def several(count: int, noun: str) -> str:
    """'1 epoch', '3,000 epochs'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def say(line: object) -> None:
    """A line of results, on stdout."""
    print(printable(str(line)), flush=True)


def print_lines(text: str) -> None:
    """Several lines on stdout."""
    print(printable_lines(text), flush=True)


def note(line: object) -> None:
    """A line for the person at the keyboard, on stderr."""
    print(printable(str(line)), file=sys.stderr, flush=True)
