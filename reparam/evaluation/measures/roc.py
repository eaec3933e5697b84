"""The area under the ROC curve with its variance."""

import math

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Float
from scipy.special import expit, logit

from reparam.evaluation.measures.measured import normal_interval


def auc(
    positive: Float[np.ndarray, " n"], negative: Float[np.ndarray, " m"]
) -> tuple[float, float, float]:
    """P(positive > negative) + ½ P(=) and the ends of its 95 % interval.

    The variance is DeLong's (DeLong, DeLong & Clarke-Pearson 1988), by ranks (Sun & Xu 2014), and
    the interval symmetric on the logit scale (Pepe 2003), so that it stays in (0, 1). Where the
    scores do not overlap at all that variance is 0; the interval then ends at 0.05^(1/min(n, m)),
    which is what n successes out of n would leave open.
    """
    n, m = len(positive), len(negative)
    rankdata = scipy.stats.rankdata
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:n] - rankdata(positive)) / m  # share of negatives below each positive
    below = 1 - (ranks[n:] - rankdata(negative)) / n
    value = float(above.mean())
    if value in (0.0, 1.0) or n < 2 or m < 2:
        end = 0.05 ** (1 / min(n, m))
        return value, min(value, end), max(value, 1 - end)
    deviation = math.sqrt(above.var(ddof=1) / n + below.var(ddof=1) / m)
    ends = normal_interval(float(logit(value)), deviation / (value * (1 - value)))
    return value, float(expit(ends[0])), float(expit(ends[1]))
