"""What is measured: a model with its held-out images, their latents, and training images."""

import copy
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from reparam.data import Factors, ImageSet, RowReader, Split
from reparam.errors import DataError
from reparam.evaluation.inference import on_cpu
from reparam.evaluation.judge import Judge
from reparam.evaluation.scoring.config import ScoreConfig
from reparam.model import Autoencoder, Distribution, Prior, labels_of, posteriors_of, rows_at_once
from reparam.types import IndexArray, LabelArray, LatentArray, PixelArray

TRAIN_IMAGES = 10_000
"""Training images that the held-out ones are compared with, drawn at random where there are more.
"""

LEAST = 10
"""Images of a split that can be scored."""


@dataclass(frozen=True)
class Part:
    """Some images with what the encoder says of them.

    ``images`` is the whole set, which stays where it is: ``index`` (M) says which of it these are.
    ``labels`` (M) are theirs, −1 where unknown, and ``read`` (M) what the model takes them to be;
    ``q`` has their posteriors, on the CPU, and ``z`` (M, d) one draw of each (a point).
    """

    images: PixelArray
    index: IndexArray
    labels: Int[np.ndarray, " M"] | None
    read: Int[np.ndarray, " M"] | None
    q: Distribution
    z: Float[np.ndarray, "M d"]

    @property
    def mean(self) -> LatentArray:
        """Of the posteriors, (M, d)."""
        return self.q.mean.numpy()

    def __len__(self) -> int:
        return len(self.index)

    def pixels(self, rows: slice | IndexArray) -> PixelArray:
        """A copy of the images at these places of the part, as bytes."""
        return RowReader(self.images).take(self.index[rows])

    def batches(self) -> Iterator[tuple[slice, PixelArray]]:
        """All of the images, a batch at a time, with their places in the part."""
        most = rows_at_once(self.images.shape[1:])
        for start in range(0, len(self), most):
            rows = slice(start, min(start + most, len(self)))
            yield rows, self.pixels(rows)


@dataclass(frozen=True)
class Subject:
    """``prior`` is the one that the model samples from, on the CPU: whatever is random is drawn
    there, so that it is the same for every device. ``model`` and ``judge`` are on one device.

    ``shares``: of each class among the labelled training images (K), or None. ``factors``: of
    the whole set, where they are known.
    """

    model: Autoencoder
    prior: Prior
    judge: Judge
    config: ScoreConfig
    source: str
    split: str
    held_out: Part
    train: Part
    class_names: tuple[str, ...]
    shares: np.ndarray | None
    factors: Factors | None

    def rng(self, measure: str) -> np.random.Generator:
        """A random stream of the measure's own: no figure depends on what else is asked."""
        return np.random.default_rng([self.config.score_seed, zlib.crc32(measure.encode())])

    def torch_seed(self, measure: str) -> int:
        return int(self.rng(measure).integers(2**31))

    def draw_labels(self, n: int, measure: str) -> LabelArray | None:
        """Labels for n latents from a prior, by the classes' shares: for conditional models."""
        if self.shares is None:
            return None
        return self.rng(f"labels {measure}").choice(len(self.shares), n, p=self.shares)


def check_scorable(images: ImageSet) -> Split:
    """The split that a scorecard is of. Raises DataError where no images are held out, and for
    fewer than ten of either.
    """
    split = images.held_out()
    if split == "train":
        raise DataError(
            f"{images.name}: a scorecard is of images that the model has not seen, got none held "
            "out. Fix: raise --test-fraction"
        )
    for name in (split, "train"):
        count = len(images.splits[name])
        if count < LEAST:
            raise DataError(
                f"{images.name}: a scorecard needs at least {LEAST} {name} images, got {count}. "
                "Fix: hold more of them out"
            )
    return split


def subject(
    model: Autoencoder,
    images: ImageSet,
    judge: Judge,
    config: ScoreConfig,
    device: torch.device | str = "cpu",
) -> Subject:
    """Encodes held-out and training images, by a copy of the model on ``device``.

    Raises what `check_scorable` raises.
    """
    split = check_scorable(images)
    model = copy.deepcopy(model).to(device).eval()  # the caller's own stays as it is, and where
    rng = np.random.default_rng([config.score_seed, 0])
    parts = {}
    sizes: dict[Split, int] = {split: config.images, "train": TRAIN_IMAGES}
    for name, most in sizes.items():
        index = images.splits[name]
        if len(index) > most:
            index = np.sort(rng.choice(index, most, replace=False))
        parts[name] = encoded(model, images.images, images.labels, index, rng)
    shares = None
    if images.labels is not None:
        known, held_out = images.labelled("train"), images.labelled(split)
        if len(known) < len(images.splits["train"]) and len(held_out):
            known = held_out  # who labels a few images labels as many of each class
        counts = np.bincount(images.labels[known], minlength=len(images.class_names))
        shares = counts / counts.sum()
    return Subject(
        model=model,
        prior=on_cpu(model.prior),
        judge=judge.on(device),
        config=config,
        source=images.name,
        split=split,
        held_out=parts[split],
        train=parts["train"],
        class_names=images.class_names,
        shares=shares,
        factors=images.factors,
    )


def encoded(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None,
    index: IndexArray,
    rng: np.random.Generator,
) -> Part:
    """The images at ``index`` with their posteriors and a draw of each."""
    q = posteriors_of(model, images, labels, index)
    own = None if labels is None else labels[index]
    read = labels_of(model, images, labels, index)
    return Part(images, index, own, read, q, q.rsample(rng).numpy())


def subject_hashes(model: Autoencoder, images: str) -> dict[str, str]:
    """What a scorecard is about: SHA-256 of the weights and of the prior, and the images'
    fingerprint.
    """
    tensors = model.state_dict()
    prior = {name: tensor for name, tensor in tensors.items() if name.startswith("prior.")}
    weights = {name: tensor for name, tensor in tensors.items() if name not in prior}
    return {
        "weights": _digest("", weights),
        "prior": _digest(model.prior.kind, prior),
        "images": images,
    }


def _digest(kind: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(kind.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
