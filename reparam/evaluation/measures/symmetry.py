"""Whether latents lie symmetric about 0."""

import numpy as np

from reparam.evaluation.measures.kernel import inverse_multiquadratic
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.squared_distance import Within, u_statistic
from reparam.types import LatentArray

MOST = 2000
"""Latents of the test: the kernel's matrix grows with their square."""


def asymmetry(z: LatentArray, rng: np.random.Generator, permutations: int = 1000) -> Measured:
    """MMD² between {z} and {−z}: 0 for a distribution symmetric about 0. Without unit.

    With signs s, T(s) = 2 / (n(n−1)) Σ_{i≠j} s_i s_j [k(z_i, z_j) − k(z_i, −z_j)]; the value is
    T(1, …, 1), the unbiased U-statistic of MMD² (Gretton et al. 2012), and may be
    negative. Under symmetry every choice of signs is as likely, so the p-value, the share of
    random sign flips with T(s) ≥ T, is exact at any n. The reference is 0, the mean over flips.
    The interval covers MMD² itself (`squared_distance`).
    """
    if len(z) < 4:
        return absent(f"a test of symmetry needs at least 4 latents, got {len(z)}")
    x, note = z, ""
    if len(z) > MOST:
        x = z[rng.choice(len(z), MOST, replace=False)]
        note = f"{MOST:,} of {len(z):,} latents, drawn without repetition"
    n = len(x)
    h = 2 * (inverse_multiquadratic(x, x) - inverse_multiquadratic(x, -x))  # E h is MMD²
    np.fill_diagonal(h, 0)
    found = u_statistic(Within.of(h))
    signs = rng.choice(np.array([-1, 1], np.float32), size=(n, permutations))
    flipped = (h @ signs * signs).sum(0, dtype=np.float64) / (n * (n - 1))
    rounding = 1e-6 * float(np.abs(h).mean(dtype=np.float64))  # equal flips count as equal
    p = (1 + np.count_nonzero(flipped >= found.value - rounding)) / (1 + permutations)
    low, high = found.interval
    return Measured(found.value, low, high, 0.0, float(p), n, note)
