"""Latents with a known fault, and a tally of false alarms."""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

LEVEL = 0.05

# A 3 × 3 table of joint quantile thirds: the middle is empty, and every row and column sums to 1/3.
HOLLOW = np.array([[0.75, 1.5, 0.75], [1.5, 0.0, 1.5], [0.75, 1.5, 0.75]]) / 9


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def shifted(n: int, d: int, seed: int, by: float) -> np.ndarray:
    z = normal(n, d, seed)
    z[:, 0] += by
    return z


def scaled(n: int, d: int, seed: int, by: float) -> np.ndarray:
    z = normal(n, d, seed)
    z[:, 0] *= by
    return z


def correlated(n: int, d: int, seed: int, r: float) -> np.ndarray:
    z = normal(n, d, seed)
    z[:, 1] = r * z[:, 0] + np.sqrt(1 - r * r) * z[:, 1]
    return z


def hollow(n: int, d: int, seed: int, share: float = 1.0) -> np.ndarray:
    """Every marginal is N(0, 1) and nothing is correlated, but for ``share`` of the latents the
    first two dimensions are never both in their middle thirds."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, d))
    cell = rng.choice(9, n, p=HOLLOW.ravel())
    quantiles = (np.stack([cell // 3, cell % 3], 1) + rng.random((n, 2))) / 3
    z[: int(share * n), :2] = ndtri(quantiles)[: int(share * n)]
    return z[rng.permutation(n)].astype(np.float32)


def skewed(n: int, d: int, seed: int, share: float = 0.2) -> np.ndarray:
    """Mean 0 and variance 1 in every dimension, but ``share`` of the latents, a class of their own,
    lie 2 away from the others in all of them."""
    rng = np.random.default_rng(seed)
    far = rng.random((n, 1)) < share
    z = rng.standard_normal((n, d)) + 2 * (far - share)
    return (z / np.sqrt(1 + 4 * share * (1 - share))).astype(np.float32)


def far_class(n: int, d: int, seed: int, at: float, share: float = 0.03) -> np.ndarray:
    """``share`` of the latents lie around ``at`` √d, the others are N(0, I)."""
    z = normal(n, d, seed)
    z[: int(share * n)] += at
    return z


def most_alarms(trials: int) -> int:
    """Exceeded with probability below 1 in 1,000 by a test that holds its level of 5 %."""
    return int(binom.ppf(0.999, trials, LEVEL))


def fewest_alarms(trials: int) -> int:
    """Missed with probability below 1 in 1,000 by a test whose level is truly 5 %."""
    return int(binom.ppf(0.001, trials, LEVEL))


def alarms(p_value: Callable[[int], float | None], trials: int) -> int:
    """How many of the seeds 0 … trials − 1 give p ≤ 0.05."""
    found = [p_value(seed) for seed in range(trials)]
    assert all(p is not None and 0 <= p <= 1 for p in found)
    return sum(p is not None and p <= LEVEL for p in found)


def fewest_held(trials: int, level: float = 0.95) -> int:
    """Missed with probability below 1 in 1,000 by intervals whose level is truly that."""
    return int(binom.ppf(0.001, trials, level))
