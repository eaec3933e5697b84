"""metrics.jsonl: a line for each finished epoch, with a digest of its own."""

import json
from collections.abc import Sequence
from pathlib import Path

from reparam.errors import RunError, reason_of
from reparam.runs.files import append_line, write_atomically
from reparam.runs.json_file import check_is_file, own_values, with_digest
from reparam.runs.records import Epoch

_FIX = "restore it, or train the run again"


def read_metrics(file: Path, run_id: str) -> list[Epoch]:
    """The finished epochs, from the first on without a gap.

    Raises RunError when the file is damaged or of another run.
    """
    if not file.exists():
        return []
    check_is_file(file, _FIX)
    try:
        # What has no line end was cut short by a crash: an epoch without checkpoint.
        *lines, _ = file.read_text(encoding="utf-8").split("\n")
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError, OSError) as error:
        raise RunError(f"{file}: damaged ({reason_of(error)}). Fix: {_FIX}") from error
    epochs = []
    for number, value in enumerate(values, 1):
        where = f"{file}, line {number}"
        own = own_values(value if isinstance(value, dict) else {}, run_id, where, _FIX)
        epochs.append(Epoch.from_mapping(own, where))
    check_lines(file, epochs, max((epoch.epoch for epoch in epochs), default=0))
    return epochs


def check_lines(file: Path, found: Sequence[Epoch], epochs: int) -> None:
    """Raises RunError unless the lines are those of the epochs 1 to ``epochs``."""
    numbers = [epoch.epoch for epoch in found]
    if numbers != list(range(1, epochs + 1)):
        got = ", ".join(map(str, numbers)) or "none"
        raise RunError(
            f"{file}: must have a line for each of {epochs} epochs, got {got}: lines are "
            f"missing or in another order. Fix: {_FIX}"
        )


def keep_metrics(file: Path, run_id: str, epochs: int) -> None:
    """Drops the lines of epochs that a resumed run will go through again, and half a line.

    Raises RunError where one of the ``epochs`` before has none.
    """
    kept = [epoch for epoch in read_metrics(file, run_id) if epoch.epoch <= epochs]
    check_lines(file, kept, epochs)
    text = "".join(_line(epoch, run_id) + "\n" for epoch in kept)
    if file.exists() and text != file.read_text(encoding="utf-8"):
        write_atomically(file, text.encode())


def add_metrics(file: Path, run_id: str, epoch: Epoch) -> None:
    """Raises DiskFullError, and adds nothing, where the disk is full."""
    append_line(file, _line(epoch, run_id))


def _line(epoch: Epoch, run_id: str) -> str:
    return json.dumps(with_digest(epoch.to_mapping(), run_id))
