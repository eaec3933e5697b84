"""Gaps: how much of the prior lies where the encoder puts nothing."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import betabinom

from reparam.errors import DataError
from reparam.evaluation.measures.measured import (
    Measured,
    absent,
    bootstrap,
    percentile_interval,
)
from reparam.model import DiagonalNormal, Distribution
from reparam.types import LatentArray

MOST_COMPONENTS = 10_000
"""Training posteriors kept in an ``AggregatePosterior``, evenly spaced in the order given."""

MOST_POINTS = 5000
"""Held-out latents, and prior draws, that ``prior_gaps`` asks about."""

LARGEST_DIMENSION = 10
"""Above it a density of 10,000 normals says little between its centres."""

LEVEL = 0.01
BANDWIDTHS = np.geomspace(0.01, 1.5, 18)
HELD_OUT_POINTS = 1000
NARROWEST = 1e-6

Queries = Float[np.ndarray, "M d"]


@dataclass(frozen=True)
class AggregatePosterior:
    """q(z) as an even mixture: of training images' posteriors, or of a kernel at each point.

    ``components`` has n distributions in float64; ``bandwidth`` is the kernel's, in standard
    deviations of each dimension, and None for posteriors.
    """

    components: Distribution
    bandwidth: float | None = None

    @classmethod
    def of_posteriors(cls, q: Distribution) -> "AggregatePosterior":
        """From training images' posteriors: of more than 10,000, as many evenly spaced ones."""
        kept = torch.from_numpy(_evenly(len(q.mean), MOST_COMPONENTS))
        return cls(q.rows(kept).double())

    @classmethod
    def of_points(cls, z: LatentArray, rng: np.random.Generator) -> "AggregatePosterior":
        """From points, by a Gaussian kernel density estimate: for an AE's training latents.

        The bandwidth, one factor on the standard deviation of every dimension, is the one of 18
        that gives held-out points (a fifth, at most 1,000) the highest mean log density under the
        others (maximum likelihood: Duin 1976). A dimension that does not vary gets a very narrow
        kernel. Raises DataError for fewer than 10 points.
        """
        points = z[rng.permutation(len(z))[:MOST_COMPONENTS]].astype(np.float64)
        if len(points) < 10:
            raise DataError(
                "a kernel density needs at least 10 latents to choose its bandwidth, got "
                f"{len(points)}. Fix: give those of more images"
            )
        spread = np.maximum(points.std(0), NARROWEST)
        cut = min(len(points) // 5, HELD_OUT_POINTS)
        held_out, others = points[:cut], points[cut:]
        scores = [
            cls(_kernels(others, spread, h), h).log_density(held_out).mean() for h in BANDWIDTHS
        ]
        best = float(BANDWIDTHS[int(np.argmax(scores))])
        return cls(_kernels(points, spread, best), best)

    @property
    def shape(self) -> tuple[int, int]:
        """How many components there are, and in how many dimensions."""
        n, d = self.components.mean.shape
        return n, d

    def log_density(self, z: Queries) -> Float[np.ndarray, " M"]:
        """ln q(z) in nats at M points, exact: all n terms at each, in blocks."""
        return self.components.mixture_log_prob(torch.from_numpy(z).double()).numpy()


def prior_gaps(
    density: AggregatePosterior,
    held_out_z: LatentArray,
    draws: Queries,
    rng: np.random.Generator,
) -> Measured:
    """The share of the prior's mass where q(z) is below its 1 % quantile at held-out latents.

    ``density`` comes from training images, ``held_out_z`` is one draw of q(z|x) for each held-out
    image. 0.01 is ideal, more means gaps: places the prior reaches and the encoder does not.

    The reference fits no second density, since none would change it: where held-out latents and
    draws come from one distribution, their log densities under any density fitted to other points
    are exchangeable, so that the expected share below the k-th lowest of n is k / (n + 1) exactly,
    and the count of draws below it is beta-binomial, which gives the one-sided p-value. The
    interval is the bootstrap's, over latents (and so the quantile) and draws. Only for d ≤ 10.
    """
    components, d = density.shape
    if d > LARGEST_DIMENSION:
        return absent(f"only for up to {LARGEST_DIMENSION} latent dimensions, this model has {d}")
    n, m = min(len(held_out_z), MOST_POINTS), min(len(draws), MOST_POINTS)
    if n * LEVEL < 1:
        return absent(f"a 1 % quantile needs at least {1 / LEVEL:.0f} held-out latents, got {n}")
    inside = density.log_density(held_out_z[rng.choice(len(held_out_z), n, replace=False)])
    asked = density.log_density(draws[rng.choice(len(draws), m, replace=False)])
    k = round(LEVEL * n)
    inside.sort()
    below = int(np.count_nonzero(asked < inside[k - 1]))

    def resampled(i: np.ndarray) -> float:
        quantile = np.partition(inside[i], k - 1)[k - 1]
        return float((asked[rng.integers(0, m, m)] < quantile).mean())

    low, high = percentile_interval(bootstrap(resampled, n, rng))
    if below == 0:
        high = 1 - 0.05 ** (1 / m)  # no draw of m: the bootstrap sees no error at all
    p = float(betabinom.sf(below - 1, m, k, n - k + 1))
    note = f"{n:,} held-out latents, {m:,} draws, {components:,} components"
    return Measured(below / m, low, high, k / (n + 1), p, n, note)


def _evenly(count: int, most: int) -> np.ndarray:
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _kernels(points: np.ndarray, spread: np.ndarray, bandwidth: float) -> DiagonalNormal:
    log_var = np.broadcast_to(2 * np.log(bandwidth * spread), points.shape)
    return DiagonalNormal(torch.from_numpy(points), torch.from_numpy(log_var.copy()))
