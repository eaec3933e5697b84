"""A figure with what is needed to judge it: interval, reference, p-value, sample size."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest, norm

LEVEL = 0.95
"""Of every interval."""

QUANTILE = float(norm.ppf((1 + LEVEL) / 2))
"""1.96: an interval of a normal estimate reaches so many standard deviations either way."""

REPEATS = 200
"""Bootstrap replicates: enough for the 2.5 % and 97.5 % points to within a tenth of their span."""


@dataclass(frozen=True)
class Each:
    """What a mean is of: ``values`` (n), of the things at the places ``at`` (n)."""

    values: Float[np.ndarray, " n"]
    at: Int[np.ndarray, " n"]

    def within(self, index: Int[np.ndarray, " N"]) -> "Each":
        """With the places in a larger set, of which ``index`` has these things."""
        return Each(self.values, index[self.at])


@dataclass(frozen=True)
class Measured:
    """One figure.

    ``low`` and ``high`` bound its 95 % interval over images or latents (each measure says which);
    ``reference`` is what an ideal model would score at this sample size, found by measuring the
    prior against itself, or real images against real ones; ``p_value`` is that of the test which
    belongs to the measure; ``samples`` counts the images or latents behind it. ``note`` says what a
    reader must know: a limit, a subset, why there is no value (then ``value`` is None). ``each``
    has the figure of every image (or draw) where it is their mean; JSON omits it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    p_value: float | None = None
    samples: int | None = None
    note: str = ""
    each: Each | None = field(default=None, compare=False, repr=False)


def absent(why: str) -> Measured:
    """A measure that this model or these images do not have."""
    return Measured(None, note=why)


def bootstrap(
    statistic: Callable[[Int[np.ndarray, " n"]], float],
    n: int,
    rng: np.random.Generator,
    repeats: int = REPEATS,
) -> Float[np.ndarray, " repeats"]:
    """The statistic of ``repeats`` resamplings of n things, given as indices with repetition."""
    return np.array([statistic(rng.integers(0, n, n)) for _ in range(repeats)])


def percentile_interval(replicates: Float[np.ndarray, " repeats"]) -> tuple[float, float]:
    """The interval between the replicates' outer quantiles (Efron 1979): for means and shares."""
    outer = (1 - LEVEL) / 2
    low, high = np.quantile(replicates, (outer, 1 - outer))
    return float(low), float(high)


def normal_interval(value: float, deviation: float) -> tuple[float, float]:
    """The 95 % interval of a normally distributed estimate."""
    return value - QUANTILE * deviation, value + QUANTILE * deviation


def share_of(
    found: Bool[np.ndarray, " n"], *, reference: float | None = None, note: str = ""
) -> Measured:
    """The share of n things of which something is true, with Wilson's interval (1927).

    It stays within [0, 1] and has a width at 0 and at 1, where a bootstrap sees no error at all.
    """
    hits, n = int(np.count_nonzero(found)), len(found)
    low, high = binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return Measured(hits / n, float(low), float(high), reference, samples=n, note=note)


def mean_of(
    values: Float[np.ndarray, " n"],
    rng: np.random.Generator,
    *,
    reference: float | None = None,
    note: str = "",
    at: Int[np.ndarray, " n"] | None = None,
) -> Measured:
    """The mean of one figure an image, with its bootstrap interval. A single one has none.

    ``at``: the places of the images among those that are measured, where they are a part of them.
    """
    values = np.asarray(values, np.float64)
    mean, each = float(values.mean()), Each(values, np.arange(len(values)) if at is None else at)
    if len(values) < 2 or not math.isfinite(mean):
        return Measured(mean, reference=reference, samples=len(values), note=note, each=each)
    low, high = percentile_interval(bootstrap(lambda i: values[i].mean(), len(values), rng))
    return Measured(mean, low, high, reference, samples=len(values), note=note, each=each)
