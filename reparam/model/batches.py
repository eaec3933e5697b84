"""A model on more rows than fit at once: in evaluation mode, without gradients."""

from collections.abc import Callable

import numpy as np
import torch

from reparam.data import RowReader
from reparam.model.autoencoder import Autoencoder
from reparam.types import IndexArray

BATCH = 500


def in_batches(
    model: Autoencoder,
    rows: np.ndarray,
    function: Callable[[torch.Tensor], torch.Tensor],
    index: IndexArray | None = None,
) -> torch.Tensor:
    """``function`` of every batch of ``rows``, copied to the model's device; on the CPU.

    ``index``: which rows, in which order; all by default. The array may be mapped from disc and
    larger than memory. The model is left in the mode in which it was.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    reader = RowReader(rows)
    count = len(rows) if index is None else len(index)
    found = torch.empty(0)
    with torch.no_grad():
        for start in range(0, count, BATCH):
            wanted = slice(start, start + BATCH)
            batch = torch.from_numpy(reader.take(wanted if index is None else index[wanted]))
            part = function(batch.to(device)).cpu()
            if start == 0:  # one piece: thousands of small ones would keep memory from being freed
                found = torch.empty((count, *part.shape[1:]), dtype=part.dtype)
            found[wanted] = part
    model.train(was_training)
    return found
