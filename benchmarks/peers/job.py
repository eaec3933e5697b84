"""What a peer is asked, and what it answers: JSON on the command line, JSON on the last line.

Imports no framework: what a peer does not need must not take up its memory.
"""

import gzip
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

LEARNING_RATE = 5e-4
FACTOR = 1000.0
SLOPE = 0.3


@dataclass(frozen=True)
class Job:
    """Train the article's VAE afresh for each batch size, on the CPU."""

    data: str
    """Folder with MNIST's train-images-idx3-ubyte.gz."""
    images: int
    """In an epoch: the first of MNIST's training images."""
    batch_sizes: tuple[int, ...]
    """Ascending, so that the peak memory after each is that of this size."""
    batch_norm: bool = False
    dropout: float = 0.0
    repeats: int = 1
    """Measured epochs, after one that warms up."""

    def __post_init__(self) -> None:
        if list(self.batch_sizes) != sorted(set(self.batch_sizes)) or not self.batch_sizes:
            raise ValueError(f"batch_sizes must ascend, found {self.batch_sizes}: sort them")
        if min(self.images, self.repeats, *self.batch_sizes) < 1:
            raise ValueError(f"images, repeats and batch sizes must be 1 or more, found {self}")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """Raises TypeError for other names and ValueError for values that cannot be."""
        values = json.loads(text)
        return cls(**{**values, "batch_sizes": tuple(values["batch_sizes"])})

    def pixels(self) -> np.ndarray:
        """Bytes (N, 28, 28). Raises ValueError when the file holds fewer images."""
        file = Path(self.data) / "train-images-idx3-ubyte.gz"
        raw = gzip.decompress(file.read_bytes())
        pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)[: self.images]
        if len(pixels) < self.images:
            raise ValueError(f"{file} has {len(pixels)} images, found images={self.images}")
        return pixels.copy()


@dataclass(frozen=True)
class Trained:
    """What a peer says of one training."""

    seconds: tuple[float, ...]
    """Of each measured epoch: its steps and what feeds them, without warm-up and checkpoints."""
    parameters: int
    """Trainable ones."""


@dataclass(frozen=True)
class Answer:
    """One batch size."""

    batch_size: int
    images: int
    seconds: tuple[float, ...]
    parameters: int
    peak_bytes: int

    @property
    def images_per_second(self) -> float:
        return self.images * len(self.seconds) / sum(self.seconds)


@dataclass(frozen=True)
class Reply:
    """All that a peer's process prints: answers, or the package that is not there."""

    answers: tuple[Answer, ...] = ()
    versions: str = ""
    absent: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Reply":
        values = json.loads(text)
        answers = [{**a, "seconds": tuple(a["seconds"])} for a in values.pop("answers")]
        return cls(tuple(Answer(**a) for a in answers), **values)
