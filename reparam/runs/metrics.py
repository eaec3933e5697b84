"""metrics.jsonl: a line for each finished epoch."""

import json
from pathlib import Path

from reparam.errors import RunError
from reparam.runs.files import append_line, write_atomically
from reparam.runs.records import Epoch


def read_metrics(file: Path) -> list[Epoch]:
    """The finished epochs. Raises RunError when the file is damaged."""
    if not file.exists():
        return []
    try:
        # What has no line end was cut short by a crash: an epoch without checkpoint.
        *lines, _ = file.read_text(encoding="utf-8").split("\n")
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"{file}: damaged ({error}). Fix: restore it, or train the run again"
        ) from error
    return [
        Epoch.from_mapping(value if isinstance(value, dict) else {}, f"{file}, line {number}")
        for number, value in enumerate(values, 1)
    ]


def keep_metrics(file: Path, epochs: int) -> None:
    """Drops the lines of epochs that a resumed run will go through again, and half a line."""
    if not file.exists():
        return
    text = "".join(_line(epoch) + "\n" for epoch in read_metrics(file) if epoch.epoch <= epochs)
    if text != file.read_text(encoding="utf-8"):
        write_atomically(file, text.encode())


def add_metrics(file: Path, epoch: Epoch) -> None:
    """Raises DiskFullError, and adds nothing, where the disk is full."""
    append_line(file, _line(epoch))


def _line(epoch: Epoch) -> str:
    return json.dumps(epoch.to_mapping())
