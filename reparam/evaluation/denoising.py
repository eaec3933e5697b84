"""Noise on images at rest: what a denoising model is tried on."""

import numpy as np
import torch

from reparam.model import BATCH, from_bytes, to_bytes
from reparam.objective import ObjectiveConfig, corrupt
from reparam.types import PixelArray


def add_noise(images: PixelArray, noise: ObjectiveConfig, seed: int = 0) -> PixelArray:
    """Noisy copies, as ``noise.corrupt`` and ``noise.corrupt_amount`` say, rounded to bytes.

    The same seed gives the same noise.
    """
    generator = torch.Generator().manual_seed(seed)
    noisy = []
    for start in range(0, len(images), BATCH):
        x = from_bytes(torch.from_numpy(np.array(images[start : start + BATCH])))
        noisy.append(to_bytes(corrupt(x, noise.corrupt, noise.corrupt_amount, generator)))
    return np.concatenate(noisy)
