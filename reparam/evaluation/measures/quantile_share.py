"""The share of one sample beyond a quantile of another, with its exact test."""

from dataclasses import dataclass

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Float

from reparam.evaluation.measures.measured import REPEATS, percentile_interval


@dataclass(frozen=True)
class ShareBeyond:
    """``share`` of the asked values above ``limit``, the (1 − level) quantile of the known ones.

    ``expected``: of values from the distribution of the known ones. ``p_value``: of more than that.
    """

    share: float
    low: float
    high: float
    limit: float
    expected: float
    p_value: float


def share_beyond(
    known: Float[np.ndarray, " n"],
    asked: Float[np.ndarray, " m"],
    level: float,
    rng: np.random.Generator,
) -> ShareBeyond:
    """``limit`` is the k-th largest of n known values, k = round(level · n), at least 1.

    Where both samples come from one distribution, their values are exchangeable: the expected share
    beyond the limit is k / (n + 1) exactly, and the count beta-binomial, which gives the one-sided
    p-value. The interval covers the share beyond the true quantile. How many known values lie above
    that is Binomial(n, level), whatever their distribution: this says where among them it may be,
    also of the few largest, where a bootstrap of the limit does not. The asked values are then
    drawn again, with half a success and half a failure added, so that the interval has a width at
    0 and at 1.
    """
    n, m = len(known), len(asked)
    k = max(round(level * n), 1)
    ordered = np.sort(known)[::-1]
    limit = float(ordered[k - 1])
    # how many of the asked are above each of the known, from the largest on
    above = m - np.searchsorted(np.sort(asked), ordered, side="right")
    beyond = int(above[k - 1])
    # the true quantile is between two neighbours of the known, or beyond all of them
    between = np.concatenate([[0], above, [m]])
    largest = rng.binomial(n, level, REPEATS)
    exceeding = between[largest] + rng.random(REPEATS) * np.diff(between)[largest]
    replicates = rng.binomial(m, (exceeding + 0.5) / (m + 1)) / m
    low, high = percentile_interval(replicates)
    return ShareBeyond(
        share=beyond / m,
        low=low,
        high=high,
        limit=limit,
        expected=k / (n + 1),
        p_value=float(scipy.stats.betabinom.sf(beyond - 1, m, k, n - k + 1)),
    )
