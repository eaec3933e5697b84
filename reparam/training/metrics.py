"""metrics.jsonl: a line for each finished epoch."""

import json
from pathlib import Path
from typing import Any

from reparam.errors import RunError
from reparam.training.files import append_line, write_atomically


def read_metrics(file: Path) -> list[dict[str, Any]]:
    """One mapping per finished epoch. Raises RunError when the file is damaged."""
    if not file.exists():
        return []
    try:
        # A last line that a crash cut short is an epoch without checkpoint: it comes again.
        lines = file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]
    except ValueError as error:
        raise RunError(f"{file}: damaged ({error}); restore it, or train the run again") from error


def keep_metrics(file: Path, epochs: int) -> None:
    """Drops the lines of epochs that a resumed run will go through again, and half a line."""
    if not file.exists():
        return
    kept = [line for line in read_metrics(file) if line["epoch"] <= epochs]
    text = "".join(json.dumps(line) + "\n" for line in kept)
    if text != file.read_text(encoding="utf-8"):
        write_atomically(file, text.encode())


def add_metrics(file: Path, line: dict[str, Any]) -> None:
    """Raises DiscFullError, and adds nothing, where there is no room."""
    append_line(file, json.dumps(line))
