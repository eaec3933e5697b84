"""What is measured: a model with its held-out images, their latents, and training images."""

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
import torch

from reparam.data import ImageSet, RowReader, Split
from reparam.errors import DataError
from reparam.evaluation.inference import posterior_parameters
from reparam.evaluation.judge import Judge
from reparam.evaluation.scoring.config import ScoreConfig
from reparam.model import Autoencoder, DiagonalNormal
from reparam.types import LabelArray, LatentArray, PixelArray

TRAIN_IMAGES = 10_000
"""Training images that the held-out ones are compared with, drawn at random where there are more.
"""


@dataclass(frozen=True)
class Part:
    """Some images with what the encoder says of them: ``mu`` and ``z`` ~ q(z|x) are (N, d).

    ``log_var`` is None for points, of which ``z`` is ``mu``.
    """

    images: PixelArray
    labels: LabelArray | None
    mu: LatentArray
    log_var: LatentArray | None
    z: LatentArray


@dataclass(frozen=True)
class Subject:
    """``shares``: of each class among all training images (K); None without labels."""

    model: Autoencoder
    judge: Judge
    config: ScoreConfig
    source: str
    split: str
    held_out: Part
    train: Part
    class_names: tuple[str, ...]
    shares: np.ndarray | None

    def rng(self, measure: str) -> np.random.Generator:
        """A random stream of the measure's own: no figure depends on what else is asked."""
        return np.random.default_rng([self.config.score_seed, zlib.crc32(measure.encode())])

    def torch_seed(self, measure: str) -> int:
        return int(self.rng(measure).integers(2**31))


def subject(model: Autoencoder, images: ImageSet, judge: Judge, config: ScoreConfig) -> Subject:
    """Encodes held-out and training images.

    Raises DataError where no images are held out, and for fewer than ten of either.
    """
    split = images.held_out()
    if split == "train":
        raise DataError(
            f"{images.name}: a scorecard is of images that the model has not seen, found none held "
            "out: raise --test-fraction"
        )
    rng = np.random.default_rng([config.score_seed, 0])
    parts = {}
    sizes: dict[Split, int] = {split: config.images, "train": TRAIN_IMAGES}
    for name, most in sizes.items():
        index = images.splits[name]
        if len(index) < 10:
            raise DataError(
                f"{images.name}: a scorecard needs at least 10 {name} images, found {len(index)}: "
                "hold more of them out"
            )
        if len(index) > most:
            index = np.sort(rng.choice(index, most, replace=False))
        pixels = RowReader(images.images).take(index)
        labels = None if images.labels is None else images.labels[index]
        parts[name] = encoded(model, pixels, labels, rng)
    shares = None
    if images.labels is not None:
        counts = np.bincount(
            images.labels[images.splits["train"]], minlength=len(images.class_names)
        )
        shares = counts / counts.sum()
    return Subject(
        model=model,
        judge=judge,
        config=config,
        source=images.name,
        split=split,
        held_out=parts[split],
        train=parts["train"],
        class_names=images.class_names,
        shares=shares,
    )


def encoded(
    model: Autoencoder, pixels: PixelArray, labels: LabelArray | None, rng: np.random.Generator
) -> Part:
    """The images with their posteriors and one draw of each."""
    parameters = posterior_parameters(model, pixels)
    mu, log_var = parameters["mu"], parameters.get("log_var")
    z = mu
    if log_var is not None:
        noise = rng.standard_normal(mu.shape, dtype=np.float32)
        z = mu + np.exp(log_var / 2) * noise
    return Part(pixels, labels, mu, log_var, z)


def posterior_at(part: Part) -> DiagonalNormal:
    """q(z|x) of every image; only where there are variances."""
    assert part.log_var is not None
    return DiagonalNormal(torch.from_numpy(part.mu), torch.from_numpy(part.log_var))


def weights_hash(model: Autoencoder) -> str:
    """SHA-256 of the model's tensors, the prior's among them: what a scorecard is about."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
