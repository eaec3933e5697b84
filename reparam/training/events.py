"""What happens while training. The loop emits events and knows nothing of who listens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reparam.model import Autoencoder, LossUnit
from reparam.runs import Epoch


@dataclass(frozen=True)
class Preparing:
    """Before a part of what precedes the first step, which takes time: ``str`` says which."""

    what: str

    def __str__(self) -> str:
        return f"{self.what} ..."


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
    losses: LossUnit
    """The unit in which epochs compare: the article's leaves out σ², which must not move then."""


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
    """After an epoch's validation, and its checkpoint where one is due; ``metrics`` is its line in
    metrics.jsonl.
    """

    metrics: Epoch


@dataclass(frozen=True)
class Warned:
    """Something looks wrong, once in a run: ``kind`` is its name, ``str`` a line with the fix.

    ``epoch`` counts from 1; 0 is before training.
    """

    epoch: int
    kind: str
    message: str

    def __str__(self) -> str:
        when = f"after epoch {self.epoch}: " if self.epoch else ""
        return f"warning: {when}{self.message}"


@dataclass(frozen=True)
class BackedOff:
    """The run went back because of a NaN or infinite loss, and continues with a lower rate.

    ``epoch`` and ``batch`` are where it continues (as ``first_epoch`` and ``first_batch``),
    ``backoffs`` counts from 1, ``rate_factor`` is what multiplies the learning rate from here on.
    """

    epoch: int
    batch: int
    backoffs: int
    rate_factor: float
    reason: str

    def __str__(self) -> str:
        place = f"the end of epoch {self.epoch}" if self.epoch else "the initial weights"
        place = f"batch {self.batch} of epoch {self.epoch + 1}" if self.batch else place
        return (
            f"backoff {self.backoffs}: back to {place}, with {self.rate_factor:g} of the learning "
            f"rate, since {self.reason}"
        )


@dataclass(frozen=True)
class Finishing:
    """Before a part of what follows the last step, which takes time: ``str`` says which."""

    what: str

    def __str__(self) -> str:
        return f"{self.what} ..."


@dataclass(frozen=True)
class Ended:
    """After the last step of this session, also after an interrupt or an error."""


Event = Preparing | Started | StepDone | EpochDone | Warned | BackedOff | Finishing | Ended
Listener = Callable[[Event], None]
