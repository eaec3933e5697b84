"""A bundle kept in the folder of its first run, so that the next start does not make it again."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from reparam._version import __version__
from reparam.extras import EXTRAS
from reparam.registry import loaded_plugins

KEPT = ("export/explorer.bundle", "export/explorer-pair.bundle")
"""Where one run's bundle is kept, and that of two, below the first: ZIP archives."""

RUN_SUFFIXES = frozenset((".json", ".jsonl", ".safetensors"))
"""Of the files in a run folder that a bundle is made from: options, weights, scorecards, ..."""

PACKAGE = Path(__file__).parents[1]

JUDGES = "judges"
"""Their folder in the user's cache, as in `cache_path` of the judge, which brings PyTorch."""

DATA = "data/"
"""How the name of every file of a bundle begins. A kept file of another name could take the place
of the page's scripts."""


def bundle_key(runs: Sequence[Path], options: Mapping[str, object]) -> str:
    """What a bundle follows from: the runs' files and folder names, the ``options``, of which a
    path stands for the file's content, plug-ins, and this package's code.

    The image set is not read: a run belongs to images that do not change.
    """
    judges = platformdirs.user_cache_path("reparam") / JUDGES
    facts = {
        "runs": [[run.resolve().name, _run_files(run)] for run in runs],
        "options": {k: _digest(v) if isinstance(v, Path) else v for k, v in options.items()},
        "plugins": list(loaded_plugins().values()),
        # What gives columns where it is there: the judges, and the networks of anomaly scores.
        "judges": sorted(file.name for file in judges.glob("*")),
        "extras": [module for module in EXTRAS["perceptual"] if find_spec(module)],
        # A checkout changes without its version.
        "code": [__version__, *(f.stat().st_mtime_ns for f in sorted(PACKAGE.rglob("*.py")))],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def kept_bundle(runs: Sequence[Path], key: str) -> Mapping[str, bytes] | None:
    """The bundle's files by name, as `keep_bundle` wrote them; None where there is none with this
    ``key``, or it is damaged."""
    try:
        with zipfile.ZipFile(_place(runs)) as kept:
            names = kept.namelist()
            if kept.comment.decode("ascii") != key or not all(n.startswith(DATA) for n in names):
                return None
            return {name: kept.read(name) for name in names}
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def keep_bundle(runs: Sequence[Path], key: str, files: Mapping[str, bytes]) -> None:
    """Raises OSError or ReparamError where the folder cannot be written to."""
    from reparam.runs import write_atomically  # brings PyTorch

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as kept:
        kept.comment = key.encode("ascii")
        for name, data in files.items():
            kept.writestr(name, data)
    write_atomically(_place(runs), packed.getvalue(), durable=False)


def _place(runs: Sequence[Path]) -> Path:
    return runs[0] / KEPT[len(runs) - 1]


def _run_files(run: Path) -> list[tuple[str, str]]:
    files = [f for f in sorted(run.iterdir()) if f.suffix in RUN_SUFFIXES and f.is_file()]
    return [(file.name, _digest(file)) for file in files]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
