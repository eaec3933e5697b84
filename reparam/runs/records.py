"""What a run folder's JSON files hold, as types."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TypeVar, get_type_hints

from typeguard import TypeCheckError

from reparam.data import SPLITS
from reparam.errors import RunError, reason_of
from reparam.types import check_value

T = TypeVar("T")

Metrics = dict[str, float]
"""Losses and weights by name; a name ends in its unit."""

SPLIT_IMAGES = "images"


@dataclass(frozen=True)
class Facts:
    """What a run knows of its images without having them, and how it came about."""

    image_shape: tuple[int, int, int]
    """Height, width, channels."""
    class_names: tuple[str, ...]
    fingerprint: str
    versions: dict[str, str]
    command: str
    created: str
    plugins: dict[str, str] = field(default_factory=dict)
    """Files that parts were registered from: path → SHA-256 of the content."""
    id: str = ""
    """Tells the run's files from those of every other; "" in runs from before there was one."""

    def __post_init__(self) -> None:
        if min(self.image_shape) < 1:
            raise ValueError(f"image_shape {self.image_shape}")


@dataclass(frozen=True)
class Epoch:
    """One line of metrics.jsonl: a finished epoch."""

    epoch: int
    """From 1."""
    step: int
    learning_rate: float
    backoffs: int
    seconds: float
    """Of training steps, since the run began."""
    weight: Metrics = field(default_factory=dict)
    """The likelihood's weight in its units, at the end of the epoch; {} for one without."""
    train: Metrics = field(default_factory=dict)
    valid: Metrics = field(default_factory=dict)
    """In the arithmetic of training, where those of a result are in float32. {} where no images are
    held out for validation."""
    warnings: dict[str, str] = field(default_factory=dict)
    """What looked wrong for the first time: kind → message."""

    @property
    def held_out(self) -> Metrics:
        """The validation losses, or those of training where there are none."""
        return self.valid or self.train

    def compared_loss(self, rate_weight: float = 1.0) -> float:
        """What epochs are compared by, in nats: their loss, and where σ² is found in training, the
        loss with the σ² that fits the held-out images best.

        ``rate_weight``: the objective's. Other epochs than it asks for have the least of a loss in
        which the rate counts once: with more of it those of the warm-up, with none the first ones.
        """
        found = self.held_out
        loss = found.get("calibrated_loss_nats", found["loss_nats"])
        return loss + (rate_weight - 1) * found.get("rate_nats", 0.0)

    def to_mapping(self) -> dict[str, object]:
        """Flat, as in the file: train_mse, valid_mse, ..."""
        values = asdict(self)
        weight, train, valid, warnings = (
            values.pop(name) for name in ("weight", "train", "valid", "warnings")
        )
        values |= weight
        values |= {f"train_{name}": value for name, value in train.items()}
        values |= {f"valid_{name}": value for name, value in valid.items()}
        return values | ({"warnings": warnings} if warnings else {})

    @classmethod
    def from_mapping(cls, values: Mapping[str, object], where: str) -> "Epoch":
        """Raises RunError for what is no epoch's line."""
        own = {f.name for f in fields(cls)} - {"weight", "train", "valid"}
        found: dict[str, object] = {name: values[name] for name in own if name in values}
        for split in ("train", "valid"):
            found[split] = {
                name.removeprefix(f"{split}_"): value
                for name, value in values.items()
                if name.startswith(f"{split}_")
            }
        found["weight"] = {
            name: value
            for name, value in values.items()
            if name not in own and not name.startswith(("train_", "valid_"))
        }
        found.setdefault("backoffs", 0)  # lines from before there were any
        return checked(cls, found, where)


@dataclass(frozen=True)
class Result:
    """result.json: the final metrics of a finished run."""

    epochs: int
    best_epoch: int
    """The epoch, from 1, whose weights are those of the run."""
    seconds: float
    """Of the steps of training, of all sessions together; validation and saving take their own."""
    images_per_second: float
    """In these seconds."""
    device: str
    precision: str
    """float32 or bf16-mixed."""
    kernels: str
    arithmetic_reason: str = ""
    """Why this precision and these kernels; empty in runs from before they were measured."""
    backoffs: int = 0
    """How often a NaN or infinite loss took the run back, with a smaller learning rate."""
    processes: int = 1
    """How many trained together."""
    weight: Metrics = field(default_factory=dict)
    """Of the squared error at the end: ``r_loss_factor``, ``sigma``, ``beta``; empty without."""
    deterministic: bool | None = None
    """Whether the same command gives the same numbers; None in runs from before this was noted."""
    deterministic_reason: str = ""
    splits: dict[str, Metrics] = field(default_factory=dict)
    """The losses of each split that has images, and under ``images`` how many."""

    @property
    def number_format(self) -> str:
        """What convolutions and matrix products were computed in."""
        return "bfloat16" if self.precision == "bf16-mixed" else "float32"

    @property
    def is_measured(self) -> bool:
        """Whether there are losses: weights that were changed after training have none."""
        return any(set(losses) > {SPLIT_IMAGES} for losses in self.splits.values())

    def to_mapping(self) -> dict[str, object]:
        """Flat, as in the file: a split's losses under its name."""
        values = asdict(self)
        splits: dict[str, Metrics] = values.pop("splits")
        return values | {
            split: {**losses, SPLIT_IMAGES: int(losses[SPLIT_IMAGES])}
            for split, losses in splits.items()
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, object], where: str) -> "Result":
        """Raises RunError for what is no result."""
        found = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        found["splits"] = {split: values[split] for split in SPLITS if split in values}
        return checked(cls, found, where)


def checked(cls: type[T], values: Mapping[str, object], where: str) -> T:
    """The record with these fields. Raises RunError where one is missing or of another type."""
    hints = get_type_hints(cls)
    plain = {name: _as(values[name], hints[name]) for name in hints if name in values}
    try:
        for name, value in plain.items():
            check_value(value, hints[name])
        return cls(**plain)
    except (TypeCheckError, TypeError, ValueError) as error:
        raise RunError(
            f"{where} must hold what reparam wrote, got: {reason_of(error)}. Fix: "
            "restore the file, or train the run again"
        ) from error


def _as(value: object, hint: object) -> object:
    """JSON has lists for tuples, and whole numbers among floats."""
    if isinstance(value, list) and str(hint).startswith("tuple"):
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint == Metrics and isinstance(value, dict):
        return {name: _as(entry, float) for name, entry in value.items()}
    if hint == dict[str, Metrics] and isinstance(value, dict):
        return {name: _as(entry, Metrics) for name, entry in value.items()}
    return value
