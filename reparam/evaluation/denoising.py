"""Noise on images at rest: what a denoising model is tried on."""

import numpy as np
import torch

from reparam.data import RowReader, from_bytes, to_bytes
from reparam.model import rows_at_once
from reparam.objective import InputConfig, corrupt
from reparam.types import PixelArray


def add_noise(images: PixelArray, noise: InputConfig, seed: int = 0) -> PixelArray:
    """Noisy copies, as ``noise.corrupt`` and ``noise.corrupt_amount`` say, rounded to bytes.

    The same seed gives the same noise.
    """
    generator = torch.Generator().manual_seed(seed)
    reader, most = RowReader(images), rows_at_once(images.shape[1:])
    noisy = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), most):
        rows = slice(start, start + most)
        noisy[rows] = noisy_batch(reader.take(rows), noise, generator)
    return noisy


def noisy_batch(pixels: PixelArray, noise: InputConfig, generator: torch.Generator) -> PixelArray:
    """Noisy copies of all of ``pixels`` at once."""
    x = from_bytes(torch.from_numpy(pixels))
    return to_bytes(corrupt(x, noise.corrupt, noise.corrupt_amount, generator))
