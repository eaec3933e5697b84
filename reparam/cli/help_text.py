"""What a help text says of a command and its options."""

import argparse
import inspect
import textwrap
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from reparam.registry import Registry
from reparam.runs import Option, RunConfig, options_of

HELP_COLUMN = 32
"""Where the explanations in a help text begin."""

_METAVARS: Mapping[object, str] = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH"}


def alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def value_words(value: object) -> list[str]:
    """A value as it is typed behind its flag."""
    return list(map(str, value)) if isinstance(value, tuple) else [str(value)]


ABSENT = "–"
"""The value of an option that a run's parts do not have."""


def by_flag(config: RunConfig) -> dict[str, str]:
    """Every option as it is called on the command line, with its value as it is typed there."""
    options = options_of(config).values()
    return {option.flag: " ".join(value_words(option.default)) or "none" for option in options}


def metavar(hint: object) -> str | tuple[str, ...]:
    for kind in alternatives(hint):
        if get_origin(kind) is tuple:
            inner = get_args(kind)
            if Ellipsis in inner:
                return str(metavar(inner[0]))
            return tuple(str(metavar(k)) for k in inner)
    names = []
    for kind in alternatives(hint):
        if get_origin(kind) is Literal:
            names += [str(choice) for choice in get_args(kind)]
        elif kind is not type(None):
            names.append(_METAVARS.get(kind, "VALUE"))
    names = [name for name in names if name]
    return f"{{{','.join(names)}}}" if len(names) > 1 else "".join(names) or "NAME"


def parts_text(registry: Registry | None) -> str:
    """What the members of a kind of part are, by the first line of their docstrings."""
    if registry is None:
        return ""
    if not registry.names:
        return " This package has none; a --plugin may have."
    docs = {name: (registry.find(name).__doc__ or "").strip() for name in registry.names}
    firsts = {name: doc.split("\n")[0].rstrip(".") for name, doc in docs.items()}
    return " " + "; ".join(f"{name}: {text}" for name, text in firsts.items()) + "."


def names_text(registry: Registry | None) -> str:
    return "" if registry is None else f" One of {', '.join(registry.names) or 'a --plugin'}."


def group_title(option: Option) -> str:
    """Of a group: a section, or the flag that chooses the part whose options they are."""
    *kind, name = option.group.rsplit(" ", 1)
    return f"options of --{kind[0]} {name}" if kind else f"options of {name}"


def default_text(option: Option) -> str:
    value = option.default
    if value is None or value is False or value == () or option.required:
        return ""
    if value is True:
        return f" (default: --{option.flag})"
    shown = " ".join(value_words(value))
    return f" (default: {shown})" if shown else ""


def escaped(text: str) -> str:
    """argparse formats help texts with %."""
    return text.replace("%", "%%")


def usage(prog: str, options: Sequence[Option]) -> str:
    places = [
        o.positional if o.required else f"[{o.positional}]"
        for o in options
        if o.positional is not None
    ]
    return " ".join([prog, *places, "[options]"]).replace("%", "%%")


def text_and_examples(doc: str) -> tuple[str, list[str]]:
    """A command's docstring as its text and its examples: the lines below its last "Examples:"."""
    text, _, examples = inspect.cleandoc(doc).partition("\n\nExamples:\n")
    return text, [line.strip() for line in examples.splitlines() if line.strip()]


class Formatter(argparse.HelpFormatter):
    """Paragraphs as wide as the terminal; indented lines as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=HELP_COLUMN)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled: list[str] = []
        for paragraph in text.split("\n\n"):
            if "\n  " in f"\n{paragraph}":
                filled.append(paragraph)
            else:
                filled.append(textwrap.fill(paragraph, width))
        return "\n\n".join(filled)
