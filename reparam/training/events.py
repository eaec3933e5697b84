"""What happens while training. The loop emits events and knows nothing of who listens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reparam.model import Autoencoder


@dataclass(frozen=True)
class Started:
    """Before the first step; ``first_epoch`` and ``first_batch`` are 0 for a new run."""

    epochs: int
    first_epoch: int
    first_batch: int
    steps_per_epoch: int
    images: int
    device: str
    precision: str
    kernels: str
    """native or pytorch: what computes the convolutions."""
    seconds: float
    """Spent in training steps by earlier sessions."""


@dataclass(frozen=True)
class StepDone:
    """After every step; ``losses()`` is computed only when somebody looks (it waits for a GPU).

    ``epoch`` counts from 1, ``batch`` from 1 within the epoch, ``images`` is the batch's size.
    """

    epoch: int
    batch: int
    images: int
    losses: Callable[[], Mapping[str, float]]
    model: Autoencoder


@dataclass(frozen=True)
class EpochDone:
    """After an epoch's validation and checkpoint; ``metrics`` is its line in metrics.jsonl."""

    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """After the last step of this session, however it came to its end."""


Event = Started | StepDone | EpochDone | Ended
Listener = Callable[[Event], None]
