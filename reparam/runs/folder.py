"""What a folder holds: files that are not a run's own are never overwritten or deleted."""

import shutil
from pathlib import Path

from reparam.data import is_run_record
from reparam.errors import RunError
from reparam.loggers import LOGGERS
from reparam.runs.command import command_line
from reparam.runs.files import TEMPORARY, check_writable
from reparam.runs.lock import LOCK
from reparam.runs.weights import load_tensors

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PRIOR_FILE = "prior.safetensors"
METRICS = "metrics.jsonl"
CHECKPOINT = "checkpoints/last.safetensors"
RESULT = "result.json"
ARITHMETIC = "arithmetic.json"
SCORECARD = "scorecard.json"
SCORECARD_TENSORS = "scorecard.safetensors"
ANOMALY = "anomaly.json"
ANOMALY_TENSORS = "anomaly.safetensors"
SAMPLES = "samples"
EXPORTS = "export"

OWN_ENTRIES = frozenset(
    (
        CONFIG,
        WEIGHTS,
        PRIOR_FILE,
        METRICS,
        RESULT,
        SCORECARD,
        SCORECARD_TENSORS,
        ARITHMETIC,
        ANOMALY,
        ANOMALY_TENSORS,
        "report.html",
        "checkpoints",
        SAMPLES,
        "figures",
        EXPORTS,
    )
)
"""What a run folder may hold, beside the loggers' folders; one with anything else is never
replaced."""

OWN_SUFFIXES = frozenset(
    (
        ".json",
        ".jsonl",
        ".safetensors",
        ".png",
        ".html",
        ".csv",
        ".parquet",
        ".npy",
        ".npz",
        ".bundle",
    )
)
"""The kinds of files that a run and its exports are made of."""

_OF_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini", ".directory")
"""What the file managers of macOS, Windows and KDE leave in a folder that was looked at."""


def is_run(path: Path) -> bool:
    """Whether a folder is a run, also one whose record is damaged or gone: other programs have a
    config.json too.
    """
    names = (CONFIG, WEIGHTS, METRICS, RESULT, CHECKPOINT)
    return is_run_record(path / CONFIG) or sum((path / name).is_file() for name in names) > 1


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raises RunError when a new run must not be written to ``path``, ConfigError when none can.
    A run that ended before its first step was done may be replaced.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path}: must be a folder, got a file. Fix: choose another --out")
    check_writable(path / CONFIG, fix="choose a folder that you may write to")
    if not path.is_dir() or is_empty(path):
        return
    foreign = foreign_files(path)
    if foreign or path.is_symlink() or not is_run_record(path / CONFIG):
        what = repr(foreign[0]) if foreign else "no config.json of a run"
        raise RunError(f"{path}: holds other files ({what}). Fix: choose another --out")
    if not overwrite and not _is_untrained(path):
        resume = command_line("resume", [str(path)])
        raise RunError(
            f"{path}: holds a run already. Fix: continue it with `{resume}`, choose another --out, "
            "or replace it with --overwrite"
        )


def _is_untrained(path: Path) -> bool:
    """Whether a run ended before its first step was done, as one does whose part fails there: there
    is nothing to lose, and nothing in its way.
    """
    checkpoint = path / CHECKPOINT
    known = {CONFIG, ARITHMETIC, checkpoint.parent.name}
    if not {entry.name for entry in path.iterdir() if not is_incidental(entry)} <= known:
        return False
    if not checkpoint.exists():
        return True
    try:
        state = load_tensors(checkpoint, "checkpoint").state
        return state.get("epoch") == state.get("batch") == 0
    except RunError:  # damaged, or of a later version
        return False


def is_empty(path: Path) -> bool:
    """Whether a folder holds nothing but what is nobody's work."""
    return all(is_incidental(entry) for entry in path.iterdir())


def empty(path: Path) -> None:
    """Removes an older run from its folder, except its lock and its config.json.

    Raises RunError, and removes nothing, where the folder holds files that are not a run's.
    """
    check_free(path, overwrite=True)
    for entry in path.iterdir():
        # With config.json what is left is a run still, should the process be killed on the way.
        if entry.name in (LOCK, CONFIG):
            continue
        if entry.is_dir() and not entry.is_symlink():  # what a link leads to is somebody's own
            shutil.rmtree(entry)
        else:
            entry.unlink()


def is_incidental(file: Path) -> bool:
    """Whether a file is nobody's work: there while somebody writes, or left by a file manager."""
    return file.name in (LOCK, *_OF_FILE_MANAGERS) or file.name.startswith(TEMPORARY)


def foreign_files(path: Path) -> list[str]:
    """Files in a run folder, at any depth, that are not a run's: they must not be deleted."""
    files = [entry.relative_to(path) for entry in path.rglob("*") if not entry.is_dir()]
    return sorted(
        str(file)
        for file in files
        if not is_incidental(file)
        and file.parts[0] not in LOGGERS.names  # a folder of each, with files of all kinds
        and not (file.parts[0] in OWN_ENTRIES and file.suffix in OWN_SUFFIXES)
    )
