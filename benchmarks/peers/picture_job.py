"""What a peer of pictures.py is asked, and what it answers: JSON both ways.

Imports no framework: what a peer does not need must not take up its memory.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RECONSTRUCTIONS = "reconstructions.npy"

RECORD = "cell.json"


@dataclass(frozen=True)
class PictureJob:
    """Train on pictures for a given time, and reconstruct those that were held out."""

    source: tuple[str, ...]
    """The words of `reparam train` that name the pictures."""
    pixels: str
    """Folder of train.npy and test.npy: the same pictures, split, bytes (N, H, W, C)."""
    out: str
    """Folder for reconstructions.npy: bytes, of the pictures of test.npy."""
    words: tuple[str, ...]
    """Flags of the peer's own."""
    seconds: float
    """0 for as long as reparam takes by itself; the others must have a time."""
    seed: int
    latents: int
    """Numbers in a latent; 0 for the peer's own choice."""
    digest: str = ""
    """SHA-256 of the pixels, and of the training that it continues from: with others it is another
    job.
    """
    origin: str = ""
    """Folder of the finished job that it continues from, where it does."""
    epochs: int | None = None
    """Of an equal training with another seed, where there was one: makes trials needless."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "PictureJob":
        values = json.loads(text)
        return cls(**{**values, **{name: tuple(values[name]) for name in ("source", "words")}})

    def asked(self) -> dict[str, object]:
        """What the answer depends on: not where things are, nor what only saves time."""
        left_out = ("source", "pixels", "out", "epochs", "origin")
        return {name: v for name, v in json.loads(self.to_json()).items() if name not in left_out}

    def training_pixels(self) -> np.ndarray:
        return np.load(Path(self.pixels) / "train.npy")

    def held_out_pixels(self) -> np.ndarray:
        return np.load(Path(self.pixels) / "test.npy")

    def save(self, reconstructions: np.ndarray) -> None:
        """Raises ValueError for pictures that are not the held-out ones, in number or form."""
        expected = self.held_out_pixels()
        if reconstructions.dtype != np.uint8 or reconstructions.shape != expected.shape:
            raise ValueError(
                f"reconstructions must be bytes {expected.shape}, found {reconstructions.dtype} "
                f"{reconstructions.shape}"
            )
        np.save(Path(self.out) / RECONSTRUCTIONS, reconstructions)


@dataclass(frozen=True)
class PictureReply:
    """What a training came to, or the package that is not there."""

    seconds: float = 0.0
    """Of reparam: the whole command. Of the others: their training loop alone."""
    epochs: float = 0.0
    images: int = 0
    """That training went through, again in every epoch."""
    parameters: int = 0
    latents: int = 0
    peak_bytes: int = 0
    precision: str = ""
    versions: str = ""
    absent: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "PictureReply":
        return cls(**json.loads(text))
