"""A judge of images, trained once for a data set and kept in the user's cache."""

import contextlib
import hashlib
import inspect
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from jaxtyping import Float, Int, UInt8
from torch import nn

from reparam.data import ImageSet, Progress, RowReader
from reparam.errors import ConfigError, ReparamError, RunError, ShapeError
from reparam.evaluation.judge import blur, fit, network
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.training import augment, muon
from reparam.training.weights import load_tensors, save_tensors
from reparam.types import IndexArray

SEED = 0
BATCH = 500
KIND = "judge"
_CODE = "".join(inspect.getsource(module) for module in (network, fit, blur, augment, muon))
"""What decides on a judge besides the data; a change of it makes another judge."""

JudgedImages = Float[np.ndarray, "N H W C"] | UInt8[np.ndarray, "N H W C"]
"""Bytes, or floats in [0, 1]."""


@dataclass(frozen=True)
class Judge:
    """A frozen network that gives an image 64 features and, where the data has labels, a class.

    ``class_names`` is empty without labels. ``accuracy`` is the share of ``held_out`` images whose
    class it finds (None without labels), and ``error`` the mean squared error of its
    reconstructions of them, pixels in [0, 1] (None with labels). ``seconds``: what its training
    took, on the machine that did it; ``from_cache`` says whether that was now.
    """

    network: JudgeNetwork
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    accuracy: float | None
    error: float | None
    held_out: str
    seconds: float
    from_cache: bool

    @property
    def classes(self) -> int | None:
        """How many; None without labels."""
        return len(self.class_names) or None

    @property
    def feature_module(self) -> nn.Module:
        """Images (B, C, H, W) in [0, 1] → features (B, 64), differentiable, in evaluation mode."""
        return self.network.features

    @property
    def description(self) -> str:
        """One line for a report."""
        if self.accuracy is not None:
            what = (
                f"convolutional classifier of {self.classes} classes, 64 features, "
                f"{self.accuracy:.2%} right on {self.held_out}"
            )
        else:
            what = (
                "no labels: convolutional autoencoder with 64 features, mean squared error "
                f"{self.error:.4f} on {self.held_out}"
            )
        return what

    def features(self, images: JudgedImages) -> Float[np.ndarray, "N 64"]:
        """The feature layer: mean 0 and variance 1 each over the training images.

        Raises ShapeError for images of another size.
        """
        return self._of_batches(images, self.network.features)

    def labels(self, images: JudgedImages) -> Int[np.ndarray, " N"]:
        """The most likely class of each image, an index into ``class_names``.

        Raises ConfigError where the judge has no classes, ShapeError for images of another size.
        """
        if self.classes is None:
            raise ConfigError(
                "a judge gives labels where its training images have some, found none; "
                "give labels with the images, or use its features"
            )
        return self._of_batches(images, lambda x: self.network(x).argmax(1))

    def _of_batches(self, images: np.ndarray, function: Any) -> np.ndarray:
        if images.shape[1:] != self.image_shape:
            expected, found = (
                " × ".join(map(str, shape)) for shape in (self.image_shape, images.shape[1:])
            )
            raise ShapeError(
                f"the judge was trained on images of {expected} (height × width × channels), "
                f"found {found}: judge images of the same data"
            )
        device = next(self.network.parameters()).device
        reader, parts = RowReader(images), []
        with torch.no_grad():
            # One more turn for no images at all, so that the result has its columns.
            for start in range(0, max(len(images), 1), BATCH):
                rows = torch.from_numpy(reader.take(slice(start, start + BATCH))).to(device)
                x = rows.permute(0, 3, 1, 2).float()
                parts.append(function(x if rows.is_floating_point() else x / 255).cpu().numpy())
        return np.concatenate(parts)


def judge_for(images: ImageSet, *, progress: Progress | None = None, device: str = "cpu") -> Judge:
    """The judge of these images: from the cache, or else trained now on their training split.

    It depends on images, labels, splits (`ImageSet.fingerprint`) and on its own code, and is the
    same whatever the model that it judges. A damaged file in the cache is made anew. ``progress``
    is told of the steps of training, or that there are none. Raises DataError without training
    images.
    """
    path = cache_path(images)
    with contextlib.suppress(RunError):
        tensors, state = load_tensors(path, KIND)
        if progress is not None:
            progress("the judge, from the cache", 1, 1)
        classes = None if images.labels is None else len(images.class_names)
        found = JudgeNetwork(images.image_shape, classes)
        found.load_state_dict(tensors)
        found.to(device)
        found.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found.eval().requires_grad_(False)
        return Judge(found, images.image_shape, images.class_names, **state, from_cache=True)
    started = time.perf_counter()
    trained = fit.fitted(images, SEED, device, progress)
    seconds = time.perf_counter() - started
    split = images.held_out()
    accuracy, error = _tested(trained, images, images.splits[split])
    state = {
        "accuracy": accuracy,
        "error": error,
        "held_out": f"{len(images.splits[split]):,} {split} images",
        "seconds": seconds,
    }
    # A full or read-only disc: the judge is as good, and will be trained again the next time.
    with contextlib.suppress(OSError, ReparamError):
        save_tensors(path, trained.state_dict(), KIND, state)
    return Judge(trained, images.image_shape, images.class_names, **state, from_cache=False)


def cache_path(images: ImageSet) -> Path:
    """Where the judge of these images is kept."""
    digest = hashlib.sha256(f"{SEED} {images.fingerprint()} {_CODE}".encode())
    name = f"{digest.hexdigest()[:32]}.safetensors"
    return platformdirs.user_cache_path("reparam") / "judges" / name


def _tested(
    network: JudgeNetwork, images: ImageSet, index: IndexArray
) -> tuple[float | None, float | None]:
    """Accuracy, or the mean squared error of reconstructions where there are no labels."""
    device = next(network.parameters()).device
    reader, total = RowReader(images.images), 0.0
    with torch.no_grad():
        for start in range(0, len(index), BATCH):
            rows = index[start : start + BATCH]
            x = torch.from_numpy(reader.take(rows)).to(device).permute(0, 3, 1, 2).float() / 255
            out = network(x)
            if images.labels is None:
                total += (out - x).square().mean((1, 2, 3)).sum().item()
            else:
                right = out.argmax(1).cpu().numpy() == images.labels[rows]
                total += float(right.sum())
    mean = total / len(index)
    return (None, mean) if images.labels is None else (mean, None)
