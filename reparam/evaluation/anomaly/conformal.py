"""Scores as p-values: how many good pictures, that the model has not seen, are as anomalous.

Where a new picture is good, and exchangeable with these, P(p ≤ α) ≤ α for every α, whatever the
model, the score and the pictures (Vovk, Gammerman & Shafer 2005, section 2; Laxhammar & Falkman
2010). So a threshold on p is a rate of false alarms.
"""

import math

import numpy as np
from jaxtyping import Float

from reparam.errors import ConfigError, DataError
from reparam.printable import several

USUAL_FALSE_ALARMS = 0.01
"""The rate of false alarms where none is asked for, if so many good pictures were held out."""


def conformal_p_values(
    good: Float[np.ndarray, " n"], scores: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """p = (1 + #{good ≥ score}) / (n + 1), above 0; ``good``: scores of held-out good pictures."""
    below = np.searchsorted(np.sort(good), scores, side="left")
    return (1 + len(good) - below) / (len(good) + 1)


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
            f"{several(count, 'picture')}. Fix: calibrate with more, or raise false_alarms "
            f"(--false-alarms) to {math.ceil(1e4 / (count + 1)) / 1e4:g}"
        )


def usual_rate(count: int) -> float:
    """The rate of false alarms where none is asked for: USUAL_FALSE_ALARMS, or the lowest that so
    few held-out good pictures can tell.
    """
    return max(USUAL_FALSE_ALARMS, 1 / (count + 1))
