"""The aggregate posterior's density: an even mixture of diagonal normal distributions."""

import numpy as np
from jaxtyping import Float

BLOCK = 4_000_000
"""Numbers of a block of the M × N table, which is never held whole."""

LN_2PI = float(np.log(2 * np.pi))


def normal_log_density(
    z: Float[np.ndarray, "N d"], mu: Float[np.ndarray, "N d"], log_var: Float[np.ndarray, "N d"]
) -> Float[np.ndarray, " N"]:
    """ln N(z_i; mu_i, exp(log_var_i)) row by row, in nats."""
    z, mu, log_var = (np.asarray(a, np.float64) for a in (z, mu, log_var))
    return -0.5 * (LN_2PI + log_var + np.square(z - mu) * np.exp(-log_var)).sum(1)


def mixture_log_density(
    z: Float[np.ndarray, "M d"], mu: Float[np.ndarray, "N d"], log_var: Float[np.ndarray, "N d"]
) -> Float[np.ndarray, " M"]:
    """ln (1/N) Σ_j N(z_i; mu_j, exp(log_var_j)) in nats, exact: all N terms at each of M points.

    The M × N exponents are one matrix product a block, in float64: with precisions w,
    −½ Σ w (z − mu)² = [z², z] · [−½ w, w mu] − ½ Σ w mu².
    """
    z, mu, log_var = (np.asarray(a, np.float64) for a in (z, mu, log_var))
    centre = mu.mean(0)  # far from 0 the squares would cancel
    z, mu = z - centre, mu - centre
    precision = np.exp(-log_var)
    factors = np.concatenate([-0.5 * precision, precision * mu], 1).T
    constant = -0.5 * (LN_2PI + log_var + precision * np.square(mu)).sum(1)
    found = np.empty(len(z))
    rows = max(1, BLOCK // len(mu))
    for start in range(0, len(z), rows):
        part = z[start : start + rows]
        terms = np.concatenate([np.square(part), part], 1) @ factors
        terms += constant
        largest = terms.max(1)
        terms -= largest[:, None]
        np.exp(terms, out=terms)
        found[start : start + rows] = largest + np.log(terms.sum(1))
    return found - np.log(len(mu))
