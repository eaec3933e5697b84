"""The 256 levels of 8-bit pixels: their distance, and scales that say something about them."""

import math
from typing import TypeVar

import numpy as np
import torch
from torch.nn import functional as F

from reparam.errors import DataRangeError

LAST = 255
"""The number of the highest level; the lowest is 0."""

STEP = 1 / LAST
"""From one level to the next, in pixel units."""

T = TypeVar("T", float, np.ndarray)


def bits_per_dim(nats: T, dimensions: int, *, of_levels: bool) -> T:
    """−log p of images of D = ``dimensions`` values in nats, as bits for each value of 8 bits.

    ``of_levels``: p is a probability. If not, it is a density of pixels in [0, 1], and the
    probability of a level is taken to be the density there × STEP: the usual approximation, close
    where the density hardly changes within a step, and too large (below 0 bits) for a normal
    density with σ < 0.4 · STEP.
    """
    bits = nats / (dimensions * math.log(2))
    return bits if of_levels else bits + math.log2(LAST)


def bounded(log_scale: torch.Tensor, low: float, high: float = math.inf) -> torch.Tensor:
    """At least ``low`` and at most about ``high``: nearly the same number between them, with a
    gradient everywhere (Rybkin et al. 2021 bound log σ in this way in their code).
    """
    below = log_scale if high == math.inf else high - F.softplus(high - log_scale)
    return low + F.softplus(below - low)


def check_range(x: torch.Tensor, likelihood: str) -> None:
    """Raises DataRangeError for pixels outside of [0, 1]."""
    if x.is_cuda and torch.cuda.is_current_stream_capturing():  # which cannot look at values
        return
    low, high = (float(end) for end in x.detach().aminmax())
    if not (low >= 0 and high <= 1):
        found = low if not low >= 0 else high
        raise DataRangeError(
            f"pixels must be in [0, 1] for a {likelihood} likelihood, got {found:g}. Fix: divide "
            "bytes by 255, or take --likelihood gaussian"
        )
