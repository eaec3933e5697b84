"""Intervals from standard deviations, where a bootstrap would be biased."""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from reparam.evaluation.measures.measured import LEVEL

QUANTILE = float(norm.ppf((1 + LEVEL) / 2))


def jackknife_deviation(left_out: Float[np.ndarray, " n"]) -> float:
    """The standard deviation of a statistic, from its values with one point, or group, left out.

    √((n − 1)/n · Σ (T₋ᵢ − mean)²), which errs on the wide side (Efron & Stein 1981). For
    U-statistics Arvesen 1969; for groups Shao & Wu 1989.
    """
    return math.sqrt((len(left_out) - 1) * left_out.var())


def normal_interval(value: float, deviation: float) -> tuple[float, float]:
    """The 95 % interval of a normally distributed estimate."""
    return value - QUANTILE * deviation, value + QUANTILE * deviation
