"""The inverse multiquadratic kernel, summed over scales."""

import numpy as np
from jaxtyping import Float

from reparam.types import LatentArray

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Of Tolstikhin et al. 2018, as in their published code."""

ROWS = 64
"""Of the matrix at a time, so that its seven passes are over what the processor's cache holds."""


def inverse_multiquadratic(
    a: LatentArray, b: Float[np.ndarray, "M d"], scales: tuple[float, ...] = SCALES
) -> Float[np.ndarray, "N M"]:
    """Σ_scales C / (C + ‖a − b‖²) with C = 2 d σ² · scale (Tolstikhin et al. 2018, §4), σ = 1.

    2 d is the mean squared distance of two samples of N(0, I). Without unit, at most the number of
    scales; float32, as a kernel's rounding is far below its sampling error.
    """
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    centre = b.mean(0)  # keeps ‖a‖² + ‖b‖² − 2ab from cancelling where both lie far from 0
    a, b = a - centre, b - centre
    squares, turned = np.square(b).sum(1), -2 * b.T
    total = np.zeros((len(a), len(b)), np.float32)
    for start in range(0, len(a), ROWS):
        rows = slice(start, start + ROWS)
        exact = a[rows] @ turned + np.square(a[rows]).sum(1)[:, None] + squares
        distance = exact.clip(0).astype(np.float32)
        term = np.empty_like(distance)
        for scale in scales:
            c = np.float32(2 * a.shape[1] * scale)
            np.add(distance, c, out=term)
            np.divide(c, term, out=term)
            total[rows] += term
    return total
