"""Where the rate goes: what z tells of the image, and how far q(z) is from the prior."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from reparam.evaluation.measures.aggregate import mixture_log_density, normal_log_density
from reparam.evaluation.measures.measured import Measured, bootstrap, mean_of, percentile_interval
from reparam.types import LatentArray

ACTIVE_VARIANCE = 0.01
"""Above it a unit is active (Burda et al. 2016, §5.1)."""

LogProb = Callable[[LatentArray], Float[np.ndarray, " N"]]


def rate_decomposition(
    mu: LatentArray,
    log_var: LatentArray,
    z: LatentArray,
    rng: np.random.Generator,
    prior_log_prob: LogProb | None = None,
) -> dict[str, Measured]:
    """``rate`` = ``mutual_information`` + ``aggregate_kl``, in nats (Hoffman & Johnson 2016).

    rate = E_x KL(q(z|x) ‖ p), mutual_information = I(x; z), aggregate_kl = KL(q(z) ‖ p), with q(z)
    the even mixture of the N posteriors N(mu_j, exp(log_var_j)) and one draw ``z`` from each.
    I = mean ln q(z_i|x_i) − ln q(z_i), over all N × N pairs, exactly. The rate has its closed form
    for p = N(0, I); ``prior_log_prob`` gives ln p(z) of another prior, and then the rate is the
    mean of ln q(z_i|x_i) − ln p(z_i). aggregate_kl is the difference, image by image, so that the
    parts sum to the rate to the last digit.

    N images can show at most ln N nats: the mixture holds each z's own posterior, so I is at most
    ln N, too small when the truth is near or above it, and aggregate_kl too large by as much. The
    notes say so with the number. Intervals are the bootstrap's over images, the mixture kept.
    """
    limit = f"at most ln N = {math.log(len(z)):.2f} nats can be seen with {len(z):,} images"
    own = normal_log_density(z, mu, log_var)
    information = own - mixture_log_density(z, mu, log_var)
    if prior_log_prob is None:
        rate, how = _kl_terms(mu, log_var).sum(1), "closed form"
    else:
        rate, how = own - np.asarray(prior_log_prob(z), np.float64), "one draw an image"
    return {
        "rate": mean_of(rate, rng, note=how),
        "mutual_information": mean_of(information, rng, note=f"{limit}; near it, too small"),
        "aggregate_kl": mean_of(
            rate - information, rng, note=f"rate − I; {limit}; near it, too large"
        ),
    }


def active_units(mu: LatentArray, rng: np.random.Generator | None = None) -> dict[str, Measured]:
    """``active_units``, the dimensions whose posterior mean varies over images by more than 0.01
    (Burda et al. 2016, §5.1: Var_x E[z_u | x]), and ``active_share`` of all d.

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


def kl_per_dimension(mu: LatentArray, log_var: LatentArray) -> Float[np.ndarray, " d"]:
    """The mean over images of KL(N(mu_u, exp(log_var_u)) ‖ N(0, 1)) in each dimension, in nats.

    Kingma & Welling 2014, appendix B. The sum over dimensions is the rate.
    """
    return _kl_terms(mu, log_var).mean(0)


def _kl_terms(mu: LatentArray, log_var: LatentArray) -> Float[np.ndarray, "N d"]:
    m, v = np.asarray(mu, np.float64), np.asarray(log_var, np.float64)
    return 0.5 * (np.square(m) + np.exp(v) - 1 - v)
