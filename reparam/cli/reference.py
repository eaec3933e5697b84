"""The reference of the command line as Markdown, from the same parsers as --help-all."""

import contextlib
import importlib
import io
import re
from collections.abc import Iterator

from reparam.cli.anomaly import STEPS
from reparam.cli.flags import HELP_ALL, HelpShown, Parser
from reparam.cli.main import COMMANDS

OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
"""An option in a sentence."""


def reference() -> dict[str, str]:
    """A page of Markdown for each command, by its name, such as ``train`` or ``anomaly fit``."""
    return {name: _page(parser_of(name)) for name in command_modules()}


def command_modules() -> dict[str, str]:
    """The module below ``reparam.cli`` of every command that takes options, by its name."""
    found: dict[str, str] = {}
    for name, command in COMMANDS.items():
        steps = {f"anomaly {step}": module for step, (module, _) in STEPS.items()}
        found |= steps if name == "anomaly" else {name: command.module}
    return found


def parser_of(name: str, *words: str) -> Parser:
    """What makes the help of a command; ``words``: those that ask for it, and what chooses parts.
    By default for all of its options.
    """
    module = importlib.import_module(f"reparam.cli.{command_modules()[name]}")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module.run(words or [HELP_ALL])
    except HelpShown as shown:
        return shown.parser
    raise AssertionError(f"{name}: a help text must be asked for, got {words}")


def table_row(*cells: str) -> str:
    """A row of a Markdown table: its last cell is text, the others are code."""
    *codes, text = cells
    return f"| {' | '.join([*(f'`{_cell(code)}`' for code in codes), _cell(_plain(text))])} |"


def _page(parser: Parser) -> str:
    lines = [f"# {parser.prog}", "", *_paragraphs(parser.description or ""), ""]
    lines += ["```sh", parser.format_usage().removeprefix("usage: ").strip(), "```", ""]
    lines += ["Examples:", "", "```sh", *parser.examples, "```", ""]
    for title, entries in parser.sections():
        lines += [f"## {title[0].upper()}{title[1:]}", ""]
        what = "argument" if title == "positional arguments" else "option"
        lines += [f"| {what} | meaning |", "| --- | --- |"]
        lines += [table_row(what, text) for what, text in entries]
        lines.append("")
    return "\n".join(lines)


def _paragraphs(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield line if line.startswith("  ") else _plain(line)


def _plain(text: str) -> str:
    """Text whose letters are not read as Markdown, but for `code`; options are code."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        for letter in "\\*_<[":
            parts[i] = parts[i].replace(letter, f"\\{letter}")
        parts[i] = OPTION.sub(r"`\g<0>`", parts[i])
    return "`".join(parts)


def _cell(text: str) -> str:
    """In a table."""
    return " ".join(text.split()).replace("|", "\\|")
