"""Which run a checkpoint belongs to: the options and images that its numbers follow from."""

from collections.abc import Iterator, Mapping

from reparam.errors import RunError
from reparam.runs.options import TYPE, to_mapping
from reparam.runs.run import Run
from reparam.types import Json

FREE = frozenset(
    (
        "epochs",
        "early_stop",
        "device",
        "precision",
        "kernels",
        "sample_every",
        "tensorboard",
        "on_nan",
        "deterministic",
    )
)
"""Options of training that may differ between a run's sessions: how far it goes, where, and what
is written on the way."""


def identity(run: Run) -> Json:
    """What tells the run's checkpoints from those of other runs.

    Equal runs have equal ones: either's checkpoint is the other's too.
    """
    options = to_mapping(run.config)
    training = {k: v for k, v in options["training"].items() if k not in FREE}
    own = {name: options[name] for name in ("seed", "inputs", "model", "objective")}
    terms = {term[TYPE]: term for term in options["terms"]}
    own |= {"terms": list(terms), "term": terms}
    return {"images": run.facts.fingerprint, **own, "training": training}


def check_same_run(run: Run, found: Mapping[str, object]) -> None:
    """Raises RunError when a checkpoint's identity is another run's, and names a difference.

    Options that one of both does not have yet are not compared.
    """
    own, other = dict(_leaves(identity(run))), dict(_leaves(found))
    for name, value in own.items():
        if name in other and other[name] != value:
            raise RunError(
                f"{run.checkpoint}: belongs to a different run: {name} differs, {other[name]!r} "
                f"there and {value!r} here. Fix: restore the right file, or train again"
            )


def _leaves(values: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, values
