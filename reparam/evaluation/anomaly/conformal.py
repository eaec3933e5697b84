"""Scores as p-values: how many good pictures, that the model has not seen, are as anomalous.

Where a new picture is good, and exchangeable with these, P(p ≤ α) ≤ α for every α, whatever the
model, the score and the pictures (Vovk, Gammerman & Shafer 2005, section 2; Laxhammar & Falkman
2010). So a threshold on p is a rate of false alarms.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from reparam.errors import ConfigError, DataError
from reparam.printable import several

PValues = Float[np.ndarray, "*n k"]
"""The p-values of k scores, for each of n pictures."""

Combine = Callable[[PValues], Float[np.ndarray, "*n"]]
"""p-values → one statistic of each picture; higher is more anomalous."""

ROWS = 64
"""Pictures whose ranks are compared at a time."""

ROUNDING = 1e-12
"""Statistics that differ by as much, in relation, are the same."""


def conformal_p_values(
    good: Float[np.ndarray, " n"], scores: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """p = (1 + #{good ≥ score}) / (n + 1), above 0; ``good``: scores of held-out good pictures."""
    below = np.searchsorted(np.sort(good), scores, side="left")
    return (1 + len(good) - below) / (len(good) + 1)


def combined_p_values(
    good: Float[np.ndarray, "n k"], scores: Float[np.ndarray, "N k"], combine: Combine
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """Conformal p-values of a combination of k scores, and the combined statistic of each (N).

    Each picture is put among the good ones; the p-values of all n + 1 of them, among themselves,
    are combined; and the picture's rank in these statistics is its p-value. No picture is treated
    other than the others, so it is conformal whatever the dependence between the scores is, where
    the formulas of Fisher and others need independent ones.
    """
    n = len(good)
    ranks = np.stack([_at_least(column, column) for column in good.T], 1)
    of_scores = [_at_least(g, s) for g, s in zip(good.T, scores.T, strict=True)]
    own = (1 + np.stack(of_scores, 1)) / (n + 1)
    p, statistic = np.empty(len(scores)), combine(own)
    for start in range(0, len(scores), ROWS):
        rows = slice(start, start + ROWS)
        among = (ranks + (scores[rows, None] >= good)) / (n + 1)
        least = statistic[rows, None] - ROUNDING * np.abs(statistic[rows, None])
        p[rows] = (1 + (combine(among) >= least).sum(1)) / (n + 1)
    return p, statistic


def _at_least(good: Float[np.ndarray, " n"], scores: Float[np.ndarray, " N"]) -> np.ndarray:
    """For each score the number of good ones that are as high."""
    return len(good) - np.searchsorted(np.sort(good), scores, side="left")


def fisher(p: PValues) -> np.ndarray:
    """−2 Σ log p (Fisher 1925): many that are rather small."""
    return -2 * np.log(p).sum(-1)


def harmonic(p: PValues) -> np.ndarray:
    """The mean of 1 / p, one over their harmonic mean (Wilson 2019): some that are very small."""
    return (1 / p).mean(-1)


def smallest(p: PValues) -> np.ndarray:
    """−min p (Tippett 1931): one is enough."""
    return -p.min(-1)


def largest(p: PValues) -> np.ndarray:
    """−max p: all must agree."""
    return -p.max(-1)


COMBINATIONS: Mapping[str, Combine] = {
    "fisher": fisher,
    "harmonic-mean": harmonic,
    "min": smallest,
    "max": largest,
}
"""By the name of what is taken of the p-values."""


def pictures_needed(rate: float) -> int:
    """The fewest held-out good pictures for a rate of false alarms: below it p cannot be as low."""
    return max(1, math.ceil(1 / rate - 1e-9) - 1)


def check_rate(rate: float, count: int) -> None:
    """Raises ConfigError for a rate that is none, DataError where ``count`` held-out good pictures
    are too few for it.
    """
    if not 0 < rate < 1:
        raise ConfigError(
            f"false_alarms must be above 0 and below 1, got {rate:g}. Fix: such as 0.01"
        )
    if count < (needed := pictures_needed(rate)):
        raise DataError(
            f"a rate of {rate:g} false alarms needs {needed:,} held-out good pictures, got "
            f"{several(count, 'picture')}. Fix: calibrate with more, or raise --false-alarms to "
            f"{math.ceil(1e4 / (count + 1)) / 1e4:g}"
        )
