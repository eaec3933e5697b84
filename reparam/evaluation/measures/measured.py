"""A figure with what is needed to judge it: interval, reference, p-value, sample size."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Bool, Float, Int
from scipy import special

LEVEL = 0.95
"""Of every interval."""

QUANTILE = float(special.ndtri((1 + LEVEL) / 2))
"""1.96: an interval of a normal estimate reaches so many standard deviations either way."""

REPEATS = 200
"""Bootstrap replicates: enough for the 2.5 % and 97.5 % points to within a tenth of their span."""


@dataclass(frozen=True)
class Each:
    """What a mean is of: ``values`` (n), of the things at the places ``at`` (n).

    ``own`` (n): where these are a few of many, the cheap figure of theirs (`mean_with_control`).
    """

    values: Float[np.ndarray, " n"]
    at: Int[np.ndarray, " n"]
    own: Float[np.ndarray, " n"] | None = None

    def within(self, index: Int[np.ndarray, " N"]) -> "Each":
        """With the places in a larger set, of which ``index`` has these things."""
        return replace(self, at=index[self.at])


@dataclass(frozen=True)
class Measured:
    """One figure.

    ``low`` and ``high`` bound its 95 % interval over images or latents (each measure says which);
    ``reference`` is what an ideal model would score: the exact value where it is known, such as 0
    of a distance, else what real images score; ``p_value`` is that of the test which belongs to the
    measure; ``samples`` counts the images or latents behind it. ``note`` says what a
    reader must know: a limit, a subset, why there is no value (then ``value`` is None). ``each``
    has the figure of every image (or draw) where it is their mean; JSON omits it. ``quantity``:
    what it is of, where that differs between models: figures of two quantities do not compare.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reference: float | None = None
    p_value: float | None = None
    samples: int | None = None
    note: str = ""
    quantity: str = ""
    each: Each | None = field(default=None, compare=False, repr=False)


def incomparable(one: Measured, other: Measured) -> bool:
    """Whether the figures are of two quantities. One that does not say, of an older scorecard,
    counts as the same.
    """
    return bool(one.quantity and other.quantity and one.quantity != other.quantity)


def absent(why: str) -> Measured:
    """A measure that this model or these images do not have."""
    return Measured(None, note=why)


def at_most(n: int, x: Float[np.ndarray, "N d"], rng: np.random.Generator) -> np.ndarray:
    """All rows, or n at random where there are more."""
    return x if len(x) <= n else x[rng.choice(len(x), n, replace=False)]


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


def student_quantile(freedom: float) -> float:
    """By how many standard errors an interval reaches out on either side; ``freedom``: Student's
    degrees, infinite for a normal distribution.
    """
    p = (1 + LEVEL) / 2
    return float(special.ndtri(p) if math.isinf(freedom) else special.stdtrit(freedom, p))


def share_of(
    found: Bool[np.ndarray, " n"],
    *,
    reference: float | None = None,
    note: str = "",
    at: Int[np.ndarray, " n"] | None = None,
) -> Measured:
    """The share of n things of which something is true, with Wilson's interval (1927).

    It stays within [0, 1] and has a width at 0 and at 1, where a bootstrap sees no error at all.

    ``at``: of images, their places among those that are measured.
    """
    hits, n = int(np.count_nonzero(found)), len(found)
    low, high = scipy.stats.binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    each = None if at is None else Each(found.astype(np.float64), at)
    return Measured(hits / n, float(low), float(high), reference, samples=n, note=note, each=each)


def mean_of(
    values: Float[np.ndarray, " n"],
    *,
    reference: float | None = None,
    note: str = "",
    at: Int[np.ndarray, " n"] | None = None,
) -> Measured:
    """The mean of one figure an image, with the interval of Student's t. A single one has none.

    Of few skewed figures (below about 50) the interval is somewhat short (docs/log.md).

    ``at``: the places of the images among those that are measured, where they are a part of them.
    """
    values = np.asarray(values, np.float64)
    mean, each = float(values.mean()), Each(values, np.arange(len(values)) if at is None else at)
    if len(values) < 2 or not math.isfinite(mean):
        return Measured(mean, reference=reference, samples=len(values), note=note, each=each)
    half = student_quantile(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Measured(
        mean, mean - half, mean + half, reference, samples=len(values), note=note, each=each
    )


def mean_with_control(
    values: Float[np.ndarray, " n"],
    own: Float[np.ndarray, " n"],
    others: Float[np.ndarray, " m"],
    *,
    note: str = "",
    at: Int[np.ndarray, " n"] | None = None,
) -> Measured:
    """The mean of a costly figure of n images, with the help of a cheap one: of these images
    ``own``, of m others ``others``, all drawn at random (double sampling: Cochran 1977, ch. 12).

    mean(values) + c (mean(others) − mean(own)), whose variance has two parts, of the n images and
    of the others: Var(values − c own) / n + c² Var(others) / m. The c with the least of it is
    Cov(values, own) / (Var(own) + Var(others) n / m). The interval is Student's with the n − 2
    degrees of freedom that a fitted c leaves. Fewer than three images, or two others, have no c.
    """
    n, m = len(values), len(others)
    mean, each = float(values.mean()), Each(values, np.arange(n) if at is None else at, own)
    if n < 3 or not all(np.isfinite(x).all() for x in (values, own, others)):
        return Measured(mean, samples=n, note=note, each=each)
    c = elsewhere = 0.0
    if m > 1:
        elsewhere = float(others.var(ddof=1)) / m
        spread = float(own.var(ddof=1)) + n * elsewhere
        c = float(np.cov(values, own)[0, 1]) / spread if spread > 0 else 0.0
        mean += c * float(others.mean() - own.mean())
    here = float(np.var(values - c * own)) / (n - 2)
    half = student_quantile(n - 2) * math.sqrt(here + c * c * elsewhere)
    return Measured(mean, mean - half, mean + half, samples=n + m, note=note, each=each)
