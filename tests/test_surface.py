"""The public names, their signatures, commands and formats are those of public_surface.txt."""

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import reparam
from reparam.cli.anomaly import STEPS
from reparam.cli.main import COMMANDS
from reparam.runs.migrations import FORMAT

FILE = Path(__file__).parent / "public_surface.txt"


def _signature(name: str) -> str:
    found = getattr(reparam, name)
    if not callable(found):
        return f"{name}: {type(found).__name__}"
    try:
        words = [str(p.replace(annotation=p.empty)) for p in _parameters(found)]
    except (TypeError, ValueError):
        words = ["..."]
    return f"{name}({', '.join(re.sub(r' at 0x[0-9a-f]+', '', word) for word in words)})"


def _parameters(found: object) -> Iterator[inspect.Parameter]:
    for parameter in inspect.signature(found).parameters.values():  # type: ignore[arg-type]
        simple = isinstance(parameter.default, bool | int | float | str | type(None))
        yield (
            parameter
            if simple or parameter.default is parameter.empty
            else (parameter.replace(default="…"))
        )


def _options(module: str) -> list[str]:
    """Fields of a command's options, which its flags come from."""
    found = vars(importlib.import_module(f"reparam.cli.{module}"))
    own = [
        value
        for name, value in found.items()
        if name.endswith("Options")
        and is_dataclass(value)
        and value.__module__ == f"reparam.cli.{module}"
    ]
    return [field.name for options in own for field in fields(options)]


def _lines() -> Iterator[str]:
    yield f"run format {FORMAT}"
    yield from map(_signature, sorted(reparam.__all__))
    for command, found in COMMANDS.items():
        yield f"reparam {command}: {' '.join(_options(found.module))}".rstrip(": ")
    for step, (module, _) in STEPS.items():
        yield f"reparam anomaly {step}: {' '.join(_options(module))}".rstrip(": ")


def surface() -> str:
    return "".join(f"{line}\n" for line in _lines())


def test_the_public_surface_changes_on_purpose_only() -> None:
    known, found = FILE.read_text(encoding="utf-8").splitlines(), surface().splitlines()
    gone = [f"- {line}" for line in known if line not in found]
    new = [f"+ {line}" for line in found if line not in known]
    assert not gone + new, (
        "\n".join([*gone, *new])
        + "\nThe public surface changed. Keep an old name for a release; where it is meant, "
        "say so in CHANGELOG.md and run: python -m tests.test_surface"
    )
    assert known == found


if __name__ == "__main__":
    FILE.write_text(surface(), encoding="utf-8")
