"""Gaps: how much of the prior lies where the encoder puts nothing, or too little."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from reparam.errors import DataError
from reparam.evaluation.measures.measured import LEVEL as INTERVAL
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.quantile_share import share_beyond
from reparam.model import DiagonalNormal, Distribution, Prior
from reparam.types import LatentArray

MOST_COMPONENTS = 10_000
"""Training posteriors kept in an ``AggregatePosterior``, evenly spaced in the order given."""

MOST_POINTS = 5000
"""Held-out latents, and prior draws, that ``prior_gaps`` asks about."""

LARGEST_DIMENSION = 10
"""Above it a density of 10,000 normals says little between its centres."""

LEVEL = 0.01
"""Share of held-out latents that may lie where images under-fill the prior."""

NOTHING = 0.1
"""Below so much of the prior's density, the aggregate posterior puts nothing there."""

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

        The bandwidth, one factor on the standard deviation of every dimension, is the one that
        gives held-out points (a fifth, at most 1,000) the highest mean log density under the others
        (maximum likelihood: Duin 1976): of 18, refined by a parabola. A dimension that does not
        vary gets a very narrow kernel. Raises DataError for fewer than 10 points.
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
        best = _peak(np.log(BANDWIDTHS), np.array(scores))
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
    prior: Prior,
    held_out_z: LatentArray,
    draws: Queries,
    rng: np.random.Generator,
) -> Measured:
    """Prior mass that images under-fill: where q(z) / p(z) is below what 99 % of images have.

    ``density`` is q(z) of training images, ``held_out_z`` one draw of q(z|x) for each held-out
    image, ``draws`` are the prior's. The region is that where ln q(z) − ln p(z) is below its 1 %
    quantile at held-out latents: of all regions that hold 1 % of images, the one with the most
    prior mass (Neyman & Pearson 1933), as far as ``density`` knows q. The value is that mass less
    the 1 %: 0 without gaps, and about the mass of a hole wherever it lies. The note splits it: the
    part where q is below a tenth of p holds nothing, the rest too little, as where q is narrower.

    The density ratio needs no reference of its own: where held-out latents and draws come from one
    distribution, their ratios under any density fitted to other points are exchangeable, so the
    p-value (`share_beyond`) is exact. The interval covers the mass of the region for the density as
    it is. Only for d ≤ 10.
    """
    components, d = density.shape
    if d > LARGEST_DIMENSION:
        return absent(f"only for up to {LARGEST_DIMENSION} latent dimensions, this model has {d}")
    n, m = min(len(held_out_z), MOST_POINTS), min(len(draws), MOST_POINTS)
    if n * LEVEL < 1:
        return absent(f"a 1 % quantile needs at least {1 / LEVEL:.0f} held-out latents, got {n}")

    def emptiness(z: Queries, count: int) -> Float[np.ndarray, " asked"]:
        """ln p(z) − ln q(z) of ``count`` of the points."""
        some = z[rng.choice(len(z), count, replace=False)].astype(np.float64)
        with torch.no_grad():
            log_p = prior.log_prob(torch.from_numpy(some.astype(np.float32))).double().numpy()
        return log_p - density.log_density(some)

    held_out, drawn = emptiness(held_out_z, n), emptiness(draws, m)
    found = share_beyond(held_out, drawn, LEVEL, rng)
    limit = max(found.limit, -np.log(NOTHING))
    nothing = float((drawn > limit).mean() - (held_out > limit).mean())
    note = (
        f"{max(nothing, 0.0):.3f} of it where q(z) < p(z) / 10; {n:,} held-out latents, {m:,} "
        f"draws, {components:,} components"
    )
    value, low, high = (v - found.expected for v in (found.share, found.low, found.high))
    if (1 - LEVEL) ** n > (1 - INTERVAL) / 2:  # the limit may lie beyond every held-out latent
        low, note = -found.expected, f"{note}, too few latents for a lower end of the interval"
    return Measured(value, low, high, 0.0, found.p_value, n, note)


def _peak(log_bandwidth: np.ndarray, scores: np.ndarray) -> float:
    """The bandwidth at the top of the parabola through the best score and its neighbours."""
    i = int(np.argmax(scores))
    if 0 < i < len(scores) - 1:
        left, top, right = scores[i - 1 : i + 2]
        bend = left - 2 * top + right
        shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
        return float(np.exp(log_bandwidth[i] + shift * (log_bandwidth[1] - log_bandwidth[0])))
    return float(np.exp(log_bandwidth[i]))


def _evenly(count: int, most: int) -> np.ndarray:
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _kernels(points: np.ndarray, spread: np.ndarray, bandwidth: float) -> DiagonalNormal:
    log_var = np.broadcast_to(2 * np.log(bandwidth * spread), points.shape)
    return DiagonalNormal(torch.from_numpy(points), torch.from_numpy(log_var.copy()))
