"""Squared distances of distributions without bias, with intervals that also hold near 0.

An estimate of a squared distance θ that is unbiased may be below 0. Its variance is not constant:
about c θ + s², where s² is left at θ = 0 (the second-order term of a U-statistic: Serfling 1980,
section 5.3). A normal interval with the variance at the estimate is too short where the estimate
happens to be small. So the ends are those θ with (estimate − θ)² = 1.96² (c θ + s²), as Wilson's
(1927) are for a share.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reparam.evaluation.measures.measured import QUANTILE


@dataclass(frozen=True)
class SquaredDistance:
    """An estimate with its variances.

    ``first``: of the first order, as the sample's own influence values give it; at θ = 0 their
    noise alone makes it twice ``null`` on average, which `interval` takes off. ``null``: of the
    second order, of all points; an estimate that is corrected by parts of them has ``more`` of it:
    s² = ``null`` (1 + ``more``).
    """

    value: float
    first: float
    null: float
    more: float = 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of 95 %; holds the value, so that the lower end may be below 0, and then holds 0 as well.

        A value far below 0, less likely at any θ than the interval allows for, counts as −s: its
        equation has no root, or roots above 0 alone.
        """
        spread = math.sqrt(self.null * (1 + self.more))
        if spread == 0:  # all points the same, or none differs from another
            deviation = QUANTILE * math.sqrt(max(self.first, 0.0))
            return self.value - deviation, self.value + deviation
        value = max(self.value, -spread)
        # c = variance / θ: by the estimate where that is clearly above 0, else with both biased
        # upwards alike, by what noise alone adds to them (on average: by chance it may be 0)
        by_estimate = max(self.first - 2 * self.null, 0.0) / max(value, spread)
        by_noise = max(self.first, 2 * self.null) / (value + 3 * spread)
        c, z2 = max(by_estimate, by_noise), QUANTILE**2
        middle = value + z2 * c / 2
        half = math.sqrt(middle**2 - value**2 + z2 * spread**2)
        return min(middle - half, self.value), middle + half


@dataclass(frozen=True)
class Within:
    """Of a symmetric kernel matrix without its diagonal: the sum of each row, and all squares."""

    rows: Float[np.ndarray, " n"]
    squares: float

    @classmethod
    def of(cls, kernel: Float[np.ndarray, "n n"]) -> "Within":
        """Of a matrix whose diagonal is 0."""
        return cls(kernel.sum(1, dtype=np.float64), _squares(kernel))

    @property
    def mean(self) -> float:
        """Of all pairs."""
        n = len(self.rows)
        return float(self.rows.sum() / (n * (n - 1)))

    @property
    def centred_square(self) -> float:
        """Mean square of the doubly centred kernel, unbiased (U-centred: Székely & Rizzo 2014)."""
        n, total = len(self.rows), float(self.rows.sum())
        found = self.squares - 2 / (n - 2) * float(np.square(self.rows).sum())
        found += total**2 / ((n - 1) * (n - 2))
        return max(found / (n * (n - 3)), 0.0)


@dataclass(frozen=True)
class Across:
    """Of the kernel between n and m points: sums of its rows and columns, and all squares."""

    rows: Float[np.ndarray, " n"]
    columns: Float[np.ndarray, " m"]
    squares: float

    @classmethod
    def of(cls, kernel: Float[np.ndarray, "n m"]) -> "Across":
        rows, columns = (kernel.sum(axis, dtype=np.float64) for axis in (1, 0))
        return cls(rows, columns, _squares(kernel))

    @property
    def mean(self) -> float:
        return float(self.rows.sum() / (len(self.rows) * len(self.columns)))

    @property
    def centred_square(self) -> float:
        """Mean square of the kernel less the means of its rows and columns."""
        n, m, total = len(self.rows), len(self.columns), float(self.rows.sum())
        found = self.squares - float(np.square(self.rows).sum()) / m
        found += total**2 / (n * m) - float(np.square(self.columns).sum()) / n
        return max(found / ((n - 1) * (m - 1)), 0.0)


def _squares(kernel: np.ndarray) -> float:
    return float(np.einsum("ij,ij->", kernel, kernel, dtype=np.float64))


def u_statistic(kernel: Within) -> SquaredDistance:
    """E h(x, x'), the mean over all pairs (Hoeffding 1948), of at least 4 points."""
    n = len(kernel.rows)
    first = 4 * float((kernel.rows / (n - 1)).var(ddof=1)) / n
    return SquaredDistance(kernel.mean, first, 2 * kernel.centred_square / (n * (n - 1)))


def unbiased_mmd(x: Within, y: Within, across: Across) -> SquaredDistance:
    """MMD²: E k(x, x') + E k(y, y') − 2 E k(x, y), unbiased (Gretton et al. 2012, lemma 6).

    Its variance is that of a two-sample U-statistic (Sutherland et al. 2017, appendix A).
    """
    n, m = len(x.rows), len(y.rows)
    of_x = x.rows / (n - 1) - across.rows / m
    of_y = y.rows / (m - 1) - across.columns / n
    return SquaredDistance(
        value=x.mean + y.mean - 2 * across.mean,
        first=4 * float(of_x.var(ddof=1)) / n + 4 * float(of_y.var(ddof=1)) / m,
        null=2 * x.centred_square / (n * (n - 1))
        + 2 * y.centred_square / (m * (m - 1))
        + 4 * across.centred_square / (n * m),
    )
