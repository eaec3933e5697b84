"""Black and white copies of images at rest: what a Bernoulli likelihood is evaluated on."""

import numpy as np
import torch
from jaxtyping import UInt8

from reparam.data import RowReader, from_bytes, to_bytes
from reparam.model import rows_at_once
from reparam.objective import binarise
from reparam.types import IndexArray, PixelArray


def binarised(
    images: PixelArray, kind: str = "dynamic", seed: int = 0, index: IndexArray | None = None
) -> UInt8[np.ndarray, "M H W C"]:
    """Copies whose bytes are 0 or 255, as `objective.binarise` makes them.

    dynamic is one draw from Bernoulli(grey value): the same seed gives the same draw. ``index``:
    which of the images, in which order; all by default. Raises ConfigError for an unknown kind.
    """
    generator = torch.Generator().manual_seed(seed)
    reader = RowReader(images)
    count = len(images) if index is None else len(index)
    drawn = np.empty((count, *images.shape[1:]), np.uint8)
    most = rows_at_once(images.shape[1:])
    for start in range(0, count, most):
        wanted = slice(start, start + most)
        rows = torch.from_numpy(reader.take(wanted if index is None else index[wanted]))
        drawn[wanted] = to_bytes(binarise(from_bytes(rows), kind, generator))
    return drawn
