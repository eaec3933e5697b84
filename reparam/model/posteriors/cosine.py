"""The cosine t = μᵀz of a von Mises–Fisher distribution: drawn, and its gradient by κ.

Its density is ∝ exp(κ t) (1 − t²)^((d − 3) / 2). Both work with the gap 1 − t, which keeps its
digits where κ is large and t near 1.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from reparam.model.posteriors.bessel import log_bessel

NODES, WEIGHTS = (torch.from_numpy(half) for half in np.polynomial.legendre.leggauss(48))
REACH = 16
"""Standard deviations of t beyond which the density is taken for 0 in an integral."""

SMALLEST, LARGEST = 1e-12, 2 - 1e-6
"""Gaps, between which gradients are finite."""

Column = Float[Tensor, "B 1"]


def variances(kappa: Column, d: int) -> tuple[Column, Column]:
    """Of z along μ, which is Var t = 1 − A² − (d − 1) A / κ with A = E t, and in each direction
    across it, A / κ (Mardia & Jupp 2000, section 9.3).
    """
    spread = log_bessel(d / 2 - 1, kappa)[1]  # κ (1 − A)
    a = 1 - spread / kappa
    return ((spread * (1 + a) - (d - 1) * a) / kappa).clamp_min(0), a / kappa


class Gap(torch.autograd.Function):
    """1 − t for each row: forward by rejection, backward by the implicit gradient."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        kappa: Column,
        epsilon: Float[Tensor, "B p d"],
        u: Float[Tensor, "B p"],
    ) -> Column:
        gap = first_accepted(kappa, epsilon, u).clamp(SMALLEST, LARGEST)
        ctx.save_for_backward(kappa, gap)
        ctx.d = epsilon.shape[2]  # type: ignore[attr-defined]
        return gap

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, gradient: Column
    ) -> tuple[Column, None, None]:
        kappa, gap = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * slope(kappa, gap, ctx.d), None, None  # type: ignore[attr-defined]


def first_accepted(
    kappa: Column, epsilon: Float[Tensor, "B p d"], u: Float[Tensor, "B p"]
) -> Column:
    """1 − t by rejection (Ulrich 1984, as corrected by Wood 1994): of p proposals, which come from
    normal ``epsilon`` and uniform ``u``, the first that is accepted, or the last.
    """
    m = epsilon.shape[2] - 1
    b = m / (2 * kappa + torch.sqrt(4 * kappa**2 + m**2))
    beta = (1 + F.normalize(epsilon, dim=2)[:, :, 0]) / 2  # Beta(m / 2, m / 2)
    near = 1 - (1 - b) * beta
    gap = 2 * b * beta / near
    log_ratio = kappa * (2 * b / (1 + b) - gap) + m * torch.log((1 + b) / (2 * near))
    accepted = log_ratio >= u.log()
    accepted[:, -1] = True
    return gap.gather(1, accepted.int().argmax(1, keepdim=True))


def slope(kappa: Column, gap: Column, d: int) -> Column:
    """∂(1 − t) / ∂κ at a fixed quantile: −1 / p(t) ∫_t^1 (s − A) p(s) ds (Figurnov et al. 2018,
    eq. 5), or, below A, the same from the other end. With s = cos θ the integrand is smooth for
    every d; by Gauss–Legendre quadrature.
    """
    nodes, weights = NODES.to(kappa), WEIGHTS.to(kappa)
    reach = REACH * variances(kappa, d)[0].sqrt()
    middle = log_bessel(d / 2 - 1, kappa)[1] / kappa  # 1 − A
    above = gap < middle
    end = torch.where(above, (gap - reach).clamp_min(0), (gap + reach).clamp_max(2))
    start, stop = _angle(gap), _angle(end)
    theta = start + (stop - start) * (nodes + 1) / 2
    each = 2 * torch.sin(theta / 2).square()
    sine = torch.sqrt(gap * (2 - gap))
    # Logarithms are added first: of many dimensions one factor overflows where the other is 0
    sines = (torch.sin(theta).abs() / sine).clamp_min(torch.finfo(sine.dtype).tiny)
    ratio = torch.exp(kappa * (gap - each) + (d - 2) * sines.log()) * sine
    # Above A the end is before the start, which gives the sign
    return ((middle - each) * ratio * weights).sum(1, keepdim=True) * (stop - start) / 2


def _angle(gap: Column) -> Column:
    return 2 * torch.asin(torch.sqrt(gap / 2))
