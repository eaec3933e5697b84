"""Where the rate goes: what z tells of the image, and how far q(z) is from the prior."""

import copy
import math

import numpy as np
import torch
from jaxtyping import Float

from reparam.evaluation.measures.measured import Measured, bootstrap, mean_of, percentile_interval
from reparam.model import Distribution, Prior, rate
from reparam.types import LatentArray

ACTIVE_VARIANCE = 0.01
"""Above it a unit is active (Burda et al. 2016, §5.2)."""


def rates(q: Distribution, z: LatentArray, prior: Prior) -> Float[np.ndarray, " N"]:
    """`reparam.model.rate` of each image with its one draw ``z``, in nats, in float64."""
    with torch.no_grad():
        return rate(_double(prior), q.double(), torch.from_numpy(z).double()).numpy()


def rate_decomposition(
    q: Distribution,
    z: LatentArray,
    prior: Prior,
    information: bool = True,
) -> dict[str, Measured]:
    """``rate`` = ``mutual_information`` + ``aggregate_kl``, in nats (Hoffman & Johnson 2016).

    rate = E_x KL(q(z|x) ‖ p), mutual_information = I(x; z), aggregate_kl = KL(q(z) ‖ p), with q(z)
    the even mixture of the N posteriors ``q`` and one draw ``z`` from each.
    I = mean ln q(z_i|x_i) − ln q(z_i), over all N × N pairs, exactly. The rate has its closed form
    where the prior knows one, else it is the mean of ln q(z_i|x_i) − ln p(z_i). aggregate_kl is the
    difference, image by image, so that the parts sum to the rate to the last digit. In float64.

    N images can show at most ln N nats: the mixture holds each z's own posterior, so I is at most
    ln N, too small when the truth is near or above it, and aggregate_kl too large by as much. The
    notes say so with the number. Intervals are Student's over images, the mixture kept.
    Without ``information`` there is the rate alone.
    """
    limit = f"at most ln N = {math.log(len(z)):.2f} nats can be seen with {len(z):,} images"
    wide, at, p = q.double(), torch.from_numpy(z).double(), _double(prior)
    with torch.no_grad():
        own, exact = wide.log_prob(at), p.kl(wide)
        each = (own - p.log_prob(at) if exact is None else exact).numpy()
    how = "one draw an image" if exact is None else "closed form"
    found = {"rate": mean_of(each, note=how)}
    if not information:
        return found
    with torch.no_grad():
        seen = (own - wide.mixture_log_prob(at)).numpy()
    return found | {
        "mutual_information": mean_of(seen, note=f"{limit}; near it, too small"),
        "aggregate_kl": mean_of(each - seen, note=f"rate − I; {limit}; near it, too large"),
    }


def _double(prior: Prior) -> Prior:
    return copy.deepcopy(prior).double()


def active_units(mu: LatentArray, rng: np.random.Generator | None = None) -> dict[str, Measured]:
    """``active_units``, the dimensions whose posterior mean varies over images by more than 0.01
    (Burda et al. 2016, §5.2: Var_x E[z_u | x]), and ``active_share`` of all d.

    The interval, over images, is given where ``rng`` is.
    """
    means = np.asarray(mu, np.float64)
    n, d = means.shape
    centred = means - means.mean(0)
    squares = np.square(centred)

    def count(weights: Float[np.ndarray, " N"]) -> float:
        variance = weights @ squares / n - np.square(weights @ centred / n)
        return float(np.count_nonzero(variance > ACTIVE_VARIANCE))

    value = count(np.ones(n))
    low = high = None
    if rng is not None and n > 1:
        counts = bootstrap(lambda i: count(np.bincount(i, minlength=n) * 1.0), n, rng)
        low, high = percentile_interval(counts)
    note = f"of {d}; variance of the mean above {ACTIVE_VARIANCE}"
    share = [None if v is None else v / d for v in (low, high)]
    return {
        "active_units": Measured(value, low, high, samples=n, note=note),
        "active_share": Measured(value / d, share[0], share[1], samples=n, note=note),
    }
