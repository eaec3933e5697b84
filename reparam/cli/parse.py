"""Flags from dataclasses, and one clear line for every mistake in them."""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import tyro

from reparam.errors import ConfigError, unknown_name

T = TypeVar("T")

RunFolder = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
"""The run that a command works on."""

_BOX = str.maketrans(dict.fromkeys("╭╮╰╯│─┌┐└┘|", " "))


def parse(options: type[T], args: Sequence[str], *, prog: str, default: T | None = None) -> T:
    """``options``, a dataclass, filled from ``args``; its docstring and fields make the help.

    Fields of nested dataclasses are flags of their own, without prefix. Raises ConfigError in one
    line for an unknown flag (with the nearest one that exists) or a value that cannot be;
    SystemExit(0) after --help.
    """
    said = io.StringIO()
    extra: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(said):
            filled, unknown = tyro.cli(
                options,
                args=list(args),
                prog=prog,
                return_unknown_args=True,
                config=(tyro.conf.OmitArgPrefixes,),
                **extra,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ConfigError(f"{prog}: {_one_line(said.getvalue())}; see {prog} --help") from None
    sys.stderr.write(said.getvalue())
    if unknown:
        flag = unknown[0].split("=", 1)[0]
        if not flag.startswith("-"):
            raise ConfigError(f"{prog}: unexpected argument {flag!r}; see {prog} --help")
        known = known_flags(options)
        raise ConfigError(f"{prog}: {unknown_name('option', flag, known)}")
    return filled


def _one_line(box: str) -> str:
    """tyro's framed message without its frame and its advice."""
    lines = [line.translate(_BOX).strip() for line in box.splitlines()]
    kept: list[str] = []
    for line in filter(None, lines[1:]):  # the first line is the frame's title
        if not line.strip("-"):  # a rule
            continue
        if line.startswith(("For full helptext", "Argument helptext", "Similar arguments")):
            break
        kept.append(line)
    said = " ".join(kept) or "cannot be parsed"
    # An error of a whole section names its own option; tyro's name for the section helps nobody.
    said = re.sub(r"^Error parsing [A-Za-z_.]+: ", "", said).replace("[bold]", "")
    said = re.sub(
        r"no type matching (.+?) could be instantiated from (\[.*?\])\..*",
        r"takes \1, found \2",
        said,
    )
    return said.rstrip(".")


def known_flags(options: type) -> set[str]:
    """Every flag that ``parse`` makes of a dataclass."""
    flags = {"--help"}
    for name, hint in get_type_hints(options, include_extras=True).items():
        metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        plain = get_args(hint)[0] if metadata else hint
        if isinstance(plain, type) and dataclasses.is_dataclass(plain):
            flags |= known_flags(plain)
            continue
        renamed = [m.name for m in metadata if getattr(m, "name", None)]
        if tyro.conf.Positional in metadata:
            continue
        flag = (renamed[0] if renamed else name).replace("_", "-")
        flags.add(f"--{flag}")
        if plain is bool:
            flags.add(f"--no-{flag}")
    return flags


def value_of(flag: str, args: Sequence[str]) -> str | None:
    """The last value of a flag, looked up before the real parse: it decides the defaults."""
    found = None
    for i, arg in enumerate(args):
        if arg == flag and i + 1 < len(args):
            found = args[i + 1]
        elif arg.startswith(f"{flag}="):
            found = arg.split("=", 1)[1]
    return found
