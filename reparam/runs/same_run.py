"""Which run tensors belong to: the options and images that their numbers follow from."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from reparam.errors import RunError
from reparam.runs.config import RunConfig
from reparam.runs.options import TYPE, to_mapping
from reparam.runs.records import Facts
from reparam.types import Json

FREE = frozenset(
    (
        "epochs",
        "early_stop",
        "device",
        "precision",
        "kernels",
        "accumulate",
        "checkpoint_seconds",
        "sample_every",
        "logger",
        "tensorboard",
        "on_nan",
        "deterministic",
    )
)
"""Options of training that may differ between a run's sessions: how far it goes, where, in how
many parts, and what is written on the way."""


def identity(config: RunConfig, facts: Facts) -> Json:
    """What tells a run's weights and checkpoints from those of other runs.

    Equal runs have equal ones: either's checkpoint is the other's too.
    """
    options = to_mapping(config)
    training = {k: v for k, v in options["training"].items() if k not in FREE}
    own = {name: options[name] for name in ("seed", "inputs", "model", "objective")}
    terms = {term[TYPE]: term for term in options["terms"]}
    own |= {"terms": list(terms), "term": terms}
    return {"images": facts.fingerprint, **own, "training": training}


def check_same_run(own: Json, found: object, file: Path) -> None:
    """Raises RunError when the identity in a file is not the run's ``own``, and names a difference.

    Options that one of both does not have yet are not compared.
    """
    if not isinstance(found, Mapping) or not found:
        raise RunError(
            f"{file}: does not say of which run it is, as config.json's would. Fix: restore the "
            "right file, or train again"
        )
    other = dict(_leaves(found))
    for name, value in _leaves(own):
        if name in other and other[name] != value:
            raise RunError(
                f"{file}: belongs to a different run than config.json: {name} differs, "
                f"{other[name]!r} there and {value!r} here. Fix: restore the right file, or train "
                "again"
            )


def _leaves(values: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, values
