"""Covariances as any numbers: lower triangular factors with the diagonal's logarithm inside.

A raw factor (d, d) is of a full covariance, a raw row (d,) of a diagonal one: its logarithmic
standard deviations. In a mixture both have a component's number in front.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.model.priors.base import check_latents_to_fit
from reparam.types import Latents

Covariance = Literal["auto", "full", "diagonal"]

LARGEST_FULL = 512
"""Dimensions above which auto takes a diagonal covariance: a full one has d² numbers."""

FLOOR = 1e-6
"""Least share of the largest eigenvalue (or variance) that one of a fitted covariance has."""


def is_diagonal(covariance: Covariance, d: int) -> bool:
    """Whether the covariance in d dimensions is diagonal."""
    return covariance == "diagonal" or (covariance == "auto" and d > LARGEST_FULL)


def lower(raw: Float[Tensor, "*k d d"]) -> Float[Tensor, "*k d d"]:
    """L, with Σ = L Lᵀ: below the diagonal as ``raw``, on it exp(raw). Every raw gives one."""
    return raw.tril(-1) + torch.diag_embed(raw.diagonal(dim1=-2, dim2=-1).exp())


def raw_of(factor: Float[Tensor, "*k"], *, diagonal: bool = False) -> Float[Tensor, "*k"]:
    """The inverse of ``lower``; of a ``diagonal`` covariance, the logarithms of the deviations."""
    if diagonal:
        return factor.log()
    return factor.tril(-1) + torch.diag_embed(factor.diagonal(dim1=-2, dim2=-1).log())


def standardised(centred: Latents, factor: Float[Tensor, " d *d2"]) -> Latents:
    """L⁻¹ of each row; ``factor``: L, or the standard deviations (d,)."""
    if factor.ndim == 1:
        return centred / factor
    return torch.linalg.solve_triangular(factor, centred.T, upper=False).T


def fitted_normal(
    z: Latents, *, diagonal: bool = False
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d *d2"]]:
    """Mean and lower factor of the maximum-likelihood normal distribution, in float64; of a
    ``diagonal`` covariance, the standard deviations. Raises DataError for too few or collapsed
    latents.

    Latents may lie on a line or plane (dead dimensions of an AE), where the likelihood has no
    maximum: eigenvalues, or variances, below a millionth of the largest are raised to it.
    """
    check_latents_to_fit(z, per_dimension=0 if diagonal else 2)
    z = z.double()
    mean = z.mean(0)
    if diagonal:
        variance = z.var(0, correction=0)
        return mean, variance.clamp_min(FLOOR * variance.max()).sqrt()
    covariance = (z - mean).T @ (z - mean) / len(z)
    values, vectors = torch.linalg.eigh(covariance)
    least = FLOOR * values[-1]
    if values[0] < least:
        covariance = (vectors * values.clamp_min(least)) @ vectors.T
    return mean, torch.linalg.cholesky(covariance)
