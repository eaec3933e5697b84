"""A model on more rows than fit at once: in evaluation mode, without gradients."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

import numpy as np
import torch

from reparam.data import UNKNOWN, RowReader, from_bytes
from reparam.errors import DataError
from reparam.model.autoencoder import Autoencoder
from reparam.model.posteriors import Distribution
from reparam.types import IndexArray, LabelArray, PixelArray

BATCH = 500
"""Images of a batch at most."""

LARGEST = 2**20
"""Pixels of a batch at most: a layer of 32 channels then takes 128 MB."""

T = TypeVar("T")

RowFunction = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""Rows and their labels → a tensor with as many rows."""


def rows_at_once(image_shape: Sequence[int]) -> int:
    """Images (height, width, channels) of a batch: BATCH, or fewer of large ones."""
    return max(1, min(BATCH, LARGEST // math.prod(image_shape[:2])))


def check_range(labels: LabelArray, classes: int, lowest: int = 0) -> None:
    """Raises DataError for a label that is not from ``lowest`` to ``classes`` − 1."""
    if len(labels) and not lowest <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"labels must be from 0 to {classes - 1}, as the model has {classes} classes, got "
            f"{labels.min()} to {labels.max()}. Fix: correct them, or omit those images"
        )


def each_batch(
    model: Autoencoder,
    rows: np.ndarray,
    function: Callable[[torch.Tensor, torch.Tensor | None], T],
    index: IndexArray | None = None,
    labels: LabelArray | None = None,
) -> Iterator[T]:
    """``function`` of every batch of ``rows`` with its labels, on the model's device, in order.
    Images whose label is unknown come with the one that the model's classifier finds.

    ``index``: which rows, in which order; all by default. ``labels`` has one for each row of
    ``rows``. The array may be mapped from disk and larger than memory. The model is in evaluation
    mode within ``function``, and outside of it in the mode in which it was. Raises DataError for
    labels that a conditional model does not have.
    """
    if labels is not None and model.classes:
        finds = rows.dtype == np.uint8 and model.classifier is not None  # images, not latents
        check_range(labels, model.classes, UNKNOWN if finds else 0)
    reader = RowReader(rows)
    count = len(rows) if index is None else len(index)
    most = rows_at_once(model.image_shape)
    for start in range(0, count, most):
        chosen = slice(start, start + most) if index is None else index[start : start + most]
        batch = torch.from_numpy(reader.take(chosen)).to(model.device)
        classes = None
        if labels is not None:
            classes = torch.from_numpy(labels[chosen].astype(np.int64)).to(model.device)
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                if batch.dtype == torch.uint8:
                    classes = model.labels_of(from_bytes(batch), classes)
                found = function(batch, classes)
        finally:
            model.train(was_training)
        yield found


def in_batches(
    model: Autoencoder,
    rows: np.ndarray,
    function: RowFunction,
    index: IndexArray | None = None,
    labels: LabelArray | None = None,
) -> torch.Tensor:
    """What ``each_batch`` gives, as one tensor on the CPU."""
    count = len(rows) if index is None else len(index)
    found, start = torch.empty(0), 0
    for part in each_batch(model, rows, function, index, labels):
        if start == 0:  # one piece: thousands of small ones would keep memory from being freed
            found = torch.empty((count, *part.shape[1:]), dtype=part.dtype)
        found[start : start + len(part)] = part
        start += len(part)
    return found


def labels_of(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None,
    index: IndexArray | None = None,
) -> np.ndarray | None:
    """`Autoencoder.labels_of` of images (N, H, W, C), or of those at ``index``; int64 (M,)."""
    if model.classifier is None:
        return labels if labels is None or index is None else labels[index]
    return in_batches(model, images, lambda _, y: cast(torch.Tensor, y), index, labels).numpy()


def posteriors_of(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None = None,
    index: IndexArray | None = None,
) -> Distribution:
    """q(z|x) of each image (N, H, W, C), on the CPU."""
    widths: dict[str, int] = {}

    def tensors(batch: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        q = model.infer(from_bytes(batch), classes).tensors()
        widths.update({name: tensor.shape[1] for name, tensor in q.items()})
        return torch.cat(list(q.values()), 1)

    found = in_batches(model, images, tensors, index, labels)
    parts = found.split(list(widths.values()), 1)
    return model.posterior.of(dict(zip(widths, parts, strict=True))).on_cpu()
