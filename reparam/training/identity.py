"""Which run a checkpoint belongs to: the options and images that its numbers follow from."""

from collections.abc import Mapping
from typing import Any

from reparam.errors import RunError
from reparam.training.run import Run

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


def identity(run: Run) -> dict[str, Any]:
    """What tells the run's checkpoints from those of other runs, by name.

    Equal runs have equal ones: either's checkpoint is the other's too.
    """
    record = run.record()
    own = {"images": record["fingerprint"], "seed": record["seed"]}
    for section in ("model", "objective", "training"):
        own |= {name: value for name, value in record[section].items() if name not in FREE}
    return own


def check_same_run(run: Run, found: Mapping[str, Any]) -> None:
    """Raises RunError when a checkpoint's identity is another run's, and names a difference.

    Options that one of both does not have yet are not compared.
    """
    own = identity(run)
    odd = [name for name in own if name in found and found[name] != own[name]]
    if odd:
        raise RunError(
            f"{run.checkpoint}: is another run's, with {odd[0]} {found[odd[0]]!r}, where this one "
            f"has {own[odd[0]]!r}; restore the right file, or train again"
        )
