"""Arrays as the explorer's page reads them: 16 bits a number, between each column's ends."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt16

from reparam.errors import NotFiniteError
from reparam.types import LatentArray

LEVELS = 65535


@dataclass(frozen=True)
class Quantised:
    """``low + (high - low) * steps / 65535`` is the value: off by half a step at most.

    ``low`` and ``high`` are the columns' ends; a column without spread has them equal.
    """

    steps: UInt16[np.ndarray, "N d"]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def data(self) -> bytes:
        """Little-endian, row by row."""
        return self.steps.astype("<u2").tobytes()


def quantised(values: LatentArray, what: str) -> Quantised:
    """``values`` (N, d), N ≥ 1. Raises NotFiniteError, which calls them ``what``."""
    if not np.isfinite(values).all():
        raise NotFiniteError(
            f"{what} must be finite numbers, got {values[~np.isfinite(values)].flat[0]}. Fix: "
            "train the run again with a lower --learning-rate"
        )
    low = np.array(floats(values.min(0)))
    high = np.array(floats(values.max(0)))
    spread = np.where(high > low, high - low, 1.0)
    steps = np.rint((values.astype(np.float64) - low) / spread * LEVELS).clip(0, LEVELS)
    return Quantised(steps.astype(np.uint16), tuple(low.tolist()), tuple(high.tolist()))


def floats(values: np.ndarray) -> Any:
    """An array as nested lists of numbers of nine digits: exact for float32, and short in JSON."""
    return _rounded(values.tolist())


def _rounded(value: Any) -> Any:
    return [_rounded(v) for v in value] if isinstance(value, list) else float(f"{value:.9g}")
