"""A Gaussian of good pictures at each place of a map, and how far others are from it."""

from collections.abc import Iterable

import torch
from jaxtyping import Float

from reparam.evaluation.anomaly.scores.base import Fitted

Places = Float[torch.Tensor, "B K h w"]
"""K features at each of h × w places."""


def gaussians(
    batches: Iterable[Places], *, ridge: float, shared: float = 0
) -> dict[str, torch.Tensor]:
    """Mean and covariance of the features at each place, as ``distances`` takes them.

    ``ridge`` is added to every variance. The mean covariance of all places counts as much as
    ``shared`` pictures.
    """
    count = 0
    total = products = torch.zeros((), dtype=torch.float64)
    for x in batches:
        rows = _rows(x.cpu()).double()
        count += rows.shape[1]
        total = total + rows.sum(1, keepdim=True)
        products = products + rows.mT @ rows
    mean = total / count
    scatter = products - count * mean.mT @ mean
    free = max(1, count - 1)
    scatter = scatter + shared * scatter.mean(0) / free
    covariance = scatter / (free + shared) + ridge * torch.eye(mean.shape[2], dtype=torch.float64)
    # Σ = L Lᵀ; with W = L⁻ᵀ, |(x − μ) W| is the distance.
    lower = torch.linalg.cholesky(covariance)
    eye = torch.eye(mean.shape[2], dtype=torch.float64).expand_as(lower)
    whitening = torch.linalg.solve_triangular(lower, eye, upper=False).mT.contiguous()
    return {"mean": mean.float(), "whitening": whitening.float()}


def distances(x: Places, fitted: Fitted) -> Float[torch.Tensor, "B h w"]:
    """The Mahalanobis distance at each place."""
    apart = _rows(x) - fitted["mean"].to(x.device)
    far = (apart @ fitted["whitening"].to(x.device)).square().sum(2).sqrt().T
    return far.unflatten(1, x.shape[2:])


def _rows(x: Places) -> Float[torch.Tensor, "places B K"]:
    return x.flatten(2).permute(2, 0, 1)
