"""Noise to a mixture of Gaussians by conditional quantiles, numerically (Rosenblatt 1952)."""

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.types import Latents

BISECTIONS = 60
"""Halvings of the interval: beyond the last bit of float64."""


def mixture_from_normal(
    logits: Float[Tensor, " k"],
    means: Float[Tensor, "k d"],
    factors: Float[Tensor, "k d *d2"],
    u: Latents,
) -> Latents:
    """z with F(z_j | z_1 … z_{j−1}) = Φ(u_j) for each j: standard normal u gives the mixture.

    Given the dimensions before it z_j is a mixture in one dimension, whose weights are the
    components' responsibilities so far, means m_kj + Σ_{i<j} L_kji e_ki, and deviations L_kjj;
    e_k = L_k⁻¹(z − m_k). Its quantiles are found by bisection. ``factors`` (k, d) are the standard
    deviations of components with independent dimensions.
    """
    n, d = u.shape
    wide, m, factor = u.double(), means.double(), factors.double()
    log_weights = logits.double().log_softmax(0).expand(n, -1)  # (B, K)
    e = torch.zeros(n, len(m), d, dtype=torch.float64, device=u.device)
    z = torch.zeros_like(wide)
    diagonal = factor.ndim == 2
    for j in range(d):
        centres = m[:, j].expand(n, -1)
        if not diagonal:
            centres = centres + (e[:, :, :j] * factor[:, j, :j]).sum(2)
        deviations = factor[:, j] if diagonal else factor[:, j, j]
        z[:, j] = _quantiles(log_weights.softmax(1), centres, deviations, wide[:, j])
        e[:, :, j] = (z[:, j, None] - centres) / deviations
        log_weights = log_weights - 0.5 * e[:, :, j].square() - deviations.log()
    return z.to(u.dtype)


def _quantiles(
    weights: Float[Tensor, "B k"],
    centres: Float[Tensor, "B k"],
    deviations: Float[Tensor, " k"],
    u: Float[Tensor, " B"],
) -> Float[Tensor, " B"]:
    """The points below which Φ(u) of each mixture's mass lies.

    The components' own quantiles bracket the mixture's. In the upper half the mass above is
    compared, so that far tails keep their digits.
    """
    own = centres + deviations * u[:, None]
    low, high = own.amin(1), own.amax(1)
    sign = torch.where(u > 0, -1.0, 1.0).to(u)
    wanted = torch.special.ndtr(sign * u)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        mass = torch.special.ndtr(sign[:, None] * (middle[:, None] - centres) / deviations)
        below = sign * ((weights * mass).sum(1) - wanted) < 0
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2
