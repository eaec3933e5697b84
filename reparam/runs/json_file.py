"""A run's JSON files: whole, and tied to their run by a digest.

The digest covers the values and the run's id, so that neither a changed file nor another run's is
taken for this run's own. Older files have none, and are read as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from reparam.errors import RunError, no_file, reason_of
from reparam.printable import printable_json
from reparam.runs.files import write_atomically
from reparam.types import Json

DIGEST = "digest"


def with_digest(values: Mapping[str, object], run_id: str) -> Json:
    """The values with a digest of them and of the run that they are of ("" for none).

    It comes first: who removes its line by hand leaves JSON.
    """
    return {DIGEST: _digest(values, run_id), **_without_digest(values)}


def is_intact(values: Mapping[str, object], run_id: str) -> bool:
    """Whether these are values that ``with_digest`` gave, for the same run.

    Without a digest they count as intact where the run has no id.
    """
    if DIGEST not in values:
        return not run_id
    try:
        return values[DIGEST] == _digest(values, run_id)
    except RecursionError:  # nested as deep as nothing of ours
        return False


def own_values(values: Json, run_id: str, where: str, fix: str) -> Json:
    """The values without their digest. Raises RunError where they are not intact."""
    if not is_intact(values, run_id):
        raise RunError(
            f"{where} does not belong to the run's config.json: it was changed, or is of another "
            f"run. Fix: {fix}"
        )
    return _without_digest(values)


def read_mapping(file: Path, fix: str) -> Json:
    """Raises RunError when the file is no mapping in JSON."""
    check_is_file(file, fix)
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise RunError(f"{file}: cut short or damaged ({reason_of(error)}). Fix: {fix}") from error
    if not isinstance(loaded, dict):
        raise RunError(f"{file}: must hold names and values, got others. Fix: {fix}")
    return loaded


def check_is_file(file: Path, fix: str) -> None:
    """Raises RunError for a folder, and for a named pipe, which would be waited for."""
    if not file.is_file():
        raise RunError(f"{file}: {no_file(file)}. Fix: {fix}")


def write_mapping(file: Path, values: Mapping[str, object]) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    write_atomically(file, printable_json(text).encode())


def _digest(values: Mapping[str, object], run_id: str) -> str:
    text = json.dumps([run_id, _without_digest(values)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _without_digest(values: Mapping[str, object]) -> Json:
    return {name: value for name, value in values.items() if name != DIGEST}
