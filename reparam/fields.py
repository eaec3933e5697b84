"""What a dataclass field says of itself as an option: its explanation, and how its flag looks."""

import ast
import dataclasses
import functools
import inspect
import itertools
import linecache
import math
import operator
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from reparam.errors import ConfigError

T = TypeVar("T")

LIMITS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "least": (operator.ge, "{} or more"),
    "above": (operator.gt, "above {}"),
    "most": (operator.le, "at most {}"),
    "below": (operator.lt, "below {}"),
}
"""Names of limits, which a field's metadata may have, with what they ask for."""

MOST_SEED = 2**32 - 1
"""Every source of random numbers takes seeds up to this one."""

MOST_WHOLE = 2**53
"""What a whole number may be at most, so that counts made from several fit into 64 bits."""

_SIZE = re.compile(r"-?\d+([xX×]-?\d+)?")


def option(
    default: T,
    *,
    flag: str | None = None,
    alias: str | None = None,
    positional: str | None = None,
    required: bool = False,
    is_size: bool = False,
    common: bool | None = None,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> T:
    """A field with a flag of another name, with a short flag, or with none but a place of its own.

    ``positional``: the name that its place has in the help, such as DATA. ``required``: it must be
    given, whatever the default. ``is_size``: it is a height and a width, written as `as_size` takes
    them. ``common``: most people use it, so --help shows it, where the rest is left to --help-all;
    None: as `reparam.runs.Option.common` says. ``least``, ``above``, ``most``, ``below``: limits of
    the number, or of each number of a tuple, which `check_options` looks at.
    """
    metadata = {
        "flag": flag,
        "alias": alias,
        "positional": positional,
        "required": required,
        "is_size": is_size,
        "common": common,
        "least": least,
        "above": above,
        "most": most,
        "below": below,
    }
    found: Any = dataclasses.field(default=default, metadata=metadata)
    return found


def check_options(options: Any, prefix: str = "") -> None:
    """Raises ConfigError for a value of a dataclass that is not one of its field's Literal, or a
    number that is not within its field's limits; with limits it must be finite. ``prefix`` is that
    of the names of a part's options.
    """
    kind: type = type(options)
    choices = _choices_of(kind)
    for field in dataclasses.fields(options):
        name, value = f"{prefix}{field.name}", getattr(options, field.name)
        allowed, whole = choices.get(field.name, ((value,), True))
        if value not in allowed and (whole or isinstance(value, str)):
            raise ConfigError(
                f"{name} must be one of {', '.join(map(str, allowed))}, got {value!r}. Fix: choose "
                "one of them"
            )
        limits = {limit: field.metadata.get(limit) for limit in LIMITS}
        given = {limit: bound for limit, bound in limits.items() if bound is not None}
        for number in value if isinstance(value, tuple) else (value,):
            if not given or not isinstance(number, int | float):
                continue
            if isinstance(number, int) and number > MOST_WHOLE:
                given.setdefault("most", MOST_WHOLE)
            good = all(LIMITS[limit][0](number, bound) for limit, bound in given.items())
            if not good or not math.isfinite(number):
                within = " and ".join(LIMITS[limit][1].format(x) for limit, x in given.items())
                raise ConfigError(
                    f"{name} must be {within}, got {number}. Fix: choose another, or omit it"
                )


@functools.cache
def _choices_of(options: type) -> dict[str, tuple[tuple[object, ...], bool]]:
    """The fields that are written out (Literal): their choices, and whether these are all they may
    be; a field that may also be a number or None takes no other text.
    """
    found = {}
    for name, hint in get_type_hints(options).items():
        whole = get_origin(hint) is Literal
        kinds = (hint,) if whole else get_args(hint)
        choices = [one for kind in kinds if get_origin(kind) is Literal for one in get_args(kind)]
        if choices and str not in kinds:
            found[name] = (tuple(choices), whole)
    return found


def flag_of(field: dataclasses.Field[Any], prefix: str = "") -> str:
    """The flag of a field, without dashes in front; ``prefix`` is that of its part's options."""
    return (field.metadata.get("flag") or f"{prefix}{field.name}").replace("_", "-")


def as_size(value: object) -> object:
    """Height and width of what is written for them: 64, "64", "64x48" or "64×48"; anything else as
    it is.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if not isinstance(value, str) or not _SIZE.fullmatch(value):
        return value
    height, _, width = value.lower().replace("×", "x").partition("x")
    return (int(height), int(width or height))


def as_path(value: str | Path) -> Path:
    """What is written for a path, with ~ as the home folder; ~name, of no user, is a name."""
    return Path(os.path.expanduser(value))


@functools.cache
def field_docs(options: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, with those of its bases."""
    docs: dict[str, str] = {}
    for cls in reversed(options.__mro__):
        if dataclasses.is_dataclass(cls):
            docs |= _own_docs(cls)
    return docs


def _own_docs(cls: type) -> dict[str, str]:
    try:
        classes = _classes_in(inspect.getsourcefile(cls) or "")
    except (OSError, TypeError, SyntaxError):  # a class that was typed in, without a source
        return {}
    body = classes[cls.__qualname__].body if cls.__qualname__ in classes else []
    docs = {}
    for field, below in itertools.pairwise(body):
        name = field.target if isinstance(field, ast.AnnAssign) else None
        constant = below.value if isinstance(below, ast.Expr) else None
        text = constant.value if isinstance(constant, ast.Constant) else None
        if isinstance(name, ast.Name) and isinstance(text, str):
            docs[name.id] = " ".join(text.split())
    return docs


@functools.cache
def _classes_in(file: str) -> dict[str, ast.ClassDef]:
    """The classes of a source file by their qualified names; inspect.getsource would parse the
    whole file for each of them.
    """
    found: dict[str, ast.ClassDef] = {}

    def look(node: ast.AST, place: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found.setdefault(f"{place}{child.name}", child)
                look(child, f"{place}{child.name}.")
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                look(child, f"{place}{child.name}.<locals>.")
            elif not isinstance(child, ast.expr):  # if, with, try
                look(child, place)

    look(ast.parse("".join(linecache.getlines(file))), "")
    return found
