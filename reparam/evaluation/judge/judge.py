"""A judge of images, trained once for a data set and kept in the user's cache."""

import contextlib
import copy
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import platformdirs
import torch
from jaxtyping import Float, Int, UInt8
from torch import nn

from reparam.data import ImageSet, Progress, RowReader
from reparam.errors import ConfigError, ReparamError, RunError, ShapeError
from reparam.evaluation.judge import fit
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.model import rows_at_once
from reparam.runs import load_tensors, save_tensors
from reparam.types import Images, IndexArray

VERSION = 1
"""Of how a judge is built and trained: raised by a change that gives another judge for the same
images (its network, its training, augmentation and optimiser), so that none is taken from the cache
that was trained in another way. Scorecards that a judge of another version made are stale.
"""

SEED = 0
KIND = "judge"

JudgedImages = Float[np.ndarray, "N H W C"] | UInt8[np.ndarray, "N H W C"]
"""Bytes, or floats in [0, 1]."""


@dataclass(frozen=True)
class Judge:
    """A frozen network that gives an image 64 features and, where the data has labels, a class.

    ``class_names`` is empty without labels. ``accuracy`` is the share of ``held_out`` images whose
    class it finds (None where none has a label), and ``error`` the mean squared error of its
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
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def on(self, device: torch.device | str) -> "Judge":
        """The same judge on that device: itself, where it is there."""
        wanted, own = torch.device(device), self.device
        if wanted.type == own.type and wanted.index in (None, own.index):
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))

    @property
    def feature_module(self) -> nn.Module:
        """Images (B, C, H, W) in [0, 1] → features (B, 64), differentiable, in evaluation mode."""
        return self.network.features

    @property
    def description(self) -> str:
        """One line for a report."""
        if self.classes is not None:
            tested = "of unknown accuracy, as no held-out image has a label"
            if self.accuracy is not None:
                tested = f"{self.accuracy:.2%} right on {self.held_out}"
            what = f"convolutional classifier of {self.classes} classes, 64 features, {tested}"
        else:
            what = (
                "no labels: convolutional autoencoder with 64 features, mean squared error "
                f"{self.error:.4f} on {self.held_out}"
            )
        return what

    def assess(self, x: Images) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Features (B, 64) of images on its device and, where it has classes, the most likely one
        of each (B).
        """
        with torch.no_grad():
            features = self.network.features(x)
            return features, None if self.classes is None else self.network.head(features).argmax(1)

    def features(
        self, images: JudgedImages, index: IndexArray | None = None
    ) -> Float[np.ndarray, "rows 64"]:
        """The feature layer: mean 0 and variance 1 each over the training images.

        ``index``: of these of the images only. Raises ShapeError for images of another size.
        """
        return self._of_batches(images, index, lambda x: self.assess(x)[0])

    def labels(
        self, images: JudgedImages, index: IndexArray | None = None
    ) -> Int[np.ndarray, " rows"]:
        """The most likely class of each image, an index into ``class_names``.

        Raises ConfigError where the judge has no classes, ShapeError for images of another size.
        """
        if self.classes is None:
            raise ConfigError(
                "a judge gives labels where its training images have some, got images without. "
                "Fix: give labels with the images, or use its features"
            )
        return self._of_batches(images, index, lambda x: self.network(x).argmax(1))

    def _of_batches(
        self,
        images: np.ndarray,
        index: IndexArray | None,
        function: Callable[[Images], torch.Tensor],
    ) -> np.ndarray:
        if images.shape[1:] != self.image_shape:
            expected, found = (
                " × ".join(map(str, shape)) for shape in (self.image_shape, images.shape[1:])
            )
            raise ShapeError(
                f"images must be {expected} (height × width × channels), as the judge's, got "
                f"{found}. Fix: judge images of the same data"
            )
        reader, parts = RowReader(images), []
        count, most = len(images) if index is None else len(index), rows_at_once(self.image_shape)
        with torch.no_grad():
            # One more turn for no images at all, so that the result has its columns.
            for start in range(0, max(count, 1), most):
                place = slice(start, start + most)
                rows = torch.from_numpy(reader.take(place if index is None else index[place]))
                x = rows.to(self.device).permute(0, 3, 1, 2).float()
                parts.append(function(x if rows.is_floating_point() else x / 255).cpu().numpy())
        return np.concatenate(parts)


def judge_for(images: ImageSet, *, progress: Progress | None = None, device: str = "cpu") -> Judge:
    """The judge of these images: from the cache, or else trained now on their training split.

    Where the training images are of one class, it is that of images without labels: who tells one
    class from nothing need not look. It depends on images, labels, splits
    (`ImageSet.fingerprint`) and on VERSION, and is the same whatever the model that it judges. A
    damaged file in the cache is made anew. ``progress`` gets the steps of training, or that there
    are none. Raises DataError without training images.
    """
    if images.labels is not None and len(set(images.labels[images.labelled("train")])) < 2:
        images = replace(images, labels=None, class_names=())
    path = cache_path(images)
    names = None if images.labels is None else images.class_names
    kept = kept_judge(images.fingerprint(), images.image_shape, names, device=device)
    if kept is not None:
        if progress is not None:
            progress("the judge, from the cache", 1, 1)
        return kept
    started = time.perf_counter()
    trained = fit.fitted(images, SEED, device, progress)
    seconds = time.perf_counter() - started
    split = images.held_out()
    accuracy, error = _tested(trained, images, images.labelled(split))
    judge = Judge(
        trained,
        images.image_shape,
        images.class_names,
        accuracy,
        error,
        f"{len(images.labelled(split)):,} {split} images",
        seconds,
        from_cache=False,
    )
    state = {name: getattr(judge, name) for name in ("accuracy", "error", "held_out", "seconds")}
    kind = f"{KIND} {path.stem}"
    # A full or read-only disk: the judge is as good, and will be trained again the next time.
    with contextlib.suppress(OSError, ReparamError):
        save_tensors(path, trained.state_dict(), kind, state)
    return judge


def kept_judge(
    fingerprint: str,
    image_shape: tuple[int, int, int],
    class_names: tuple[str, ...] | None,
    *,
    device: str = "cpu",
) -> Judge | None:
    """The judge of the images with this `ImageSet.fingerprint` if the cache has it, undamaged.

    ``class_names`` is None without labels.
    """
    path = _path(fingerprint)
    with contextlib.suppress(RunError):
        saved = load_tensors(path, f"{KIND} {path.stem}")  # another judge's file is not taken
        found = JudgeNetwork(image_shape, None if class_names is None else len(class_names))
        found.load_state_dict(saved.tensors)
        found.to(device)
        found.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        found.eval().requires_grad_(False)
        return Judge(found, image_shape, class_names or (), **saved.state, from_cache=True)
    return None


def cache_path(images: ImageSet) -> Path:
    """Where the judge of these images is kept."""
    return _path(images.fingerprint())


def _path(fingerprint: str) -> Path:
    digest = hashlib.sha256(f"{SEED} {VERSION} {fingerprint}".encode())
    name = f"{digest.hexdigest()[:32]}.safetensors"
    return platformdirs.user_cache_path("reparam") / "judges" / name


def _tested(
    network: JudgeNetwork, images: ImageSet, index: IndexArray
) -> tuple[float | None, float | None]:
    """Accuracy, or the mean squared error of reconstructions where there are no labels."""
    device = next(network.parameters()).device
    reader, total, most = RowReader(images.images), 0.0, rows_at_once(images.image_shape)
    with torch.no_grad():
        for start in range(0, len(index), most):
            rows = index[start : start + most]
            x = torch.from_numpy(reader.take(rows)).to(device).permute(0, 3, 1, 2).float() / 255
            out = network(x)
            if images.labels is None:
                total += (out - x).square().mean((1, 2, 3)).sum().item()
            else:
                right = out.argmax(1).cpu().numpy() == images.labels[rows]
                total += float(right.sum())
    if not len(index):
        return None, None
    mean = total / len(index)
    return (None, mean) if images.labels is None else (mean, None)
