"""A model on more rows than fit at once: in evaluation mode, without gradients."""

from collections.abc import Callable

import numpy as np
import torch

from reparam.data import RowReader
from reparam.model.autoencoder import Autoencoder
from reparam.model.pixels import from_bytes
from reparam.model.posteriors import Distribution
from reparam.types import IndexArray, LabelArray, PixelArray

BATCH = 500


def in_batches(
    model: Autoencoder,
    rows: np.ndarray,
    function: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor],
    index: IndexArray | None = None,
    labels: LabelArray | None = None,
) -> torch.Tensor:
    """``function`` of every batch of ``rows`` with its labels, on the model's device; on the CPU.

    ``index``: which rows, in which order; all by default. ``labels`` has one for each row of
    ``rows``. The array may be mapped from disk and larger than memory. The model is left in the
    mode in which it was.
    """
    was_training = model.training
    model.eval()
    reader = RowReader(rows)
    count = len(rows) if index is None else len(index)
    found = torch.empty(0)
    with torch.no_grad():
        for start in range(0, count, BATCH):
            place = slice(start, start + BATCH)
            chosen = place if index is None else index[place]
            batch = torch.from_numpy(reader.take(chosen)).to(model.device)
            classes = None
            if labels is not None:
                classes = torch.from_numpy(labels[chosen].astype(np.int64)).to(model.device)
            part = function(batch, classes).cpu()
            if start == 0:  # one piece: thousands of small ones would keep memory from being freed
                found = torch.empty((count, *part.shape[1:]), dtype=part.dtype)
            found[place] = part
    model.train(was_training)
    return found


def posteriors_of(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None = None,
    index: IndexArray | None = None,
) -> Distribution:
    """q(z|x) of each image (N, H, W, C), on the CPU."""
    distribution = model.posterior.distribution
    names = distribution.names()

    def tensors(batch: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
        q = model.infer(from_bytes(batch), classes).tensors()
        return torch.stack([q[name] for name in names], 1)

    stacked = in_batches(model, images, tensors, index, labels)
    return distribution(**{name: stacked[:, i] for i, name in enumerate(names)})
