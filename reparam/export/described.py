"""What the explorer's manifest says of a run's latents and of its prior, as JSON values."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from reparam.evaluation import sample_latents
from reparam.evaluation.measures import rate
from reparam.export.quantise import floats
from reparam.model import Box, StandardNormal
from reparam.report import RunView
from reparam.types import LatentArray

DRAWS = 4096
"""Latents drawn from the prior, from which the page takes its random samples."""

SEED = 0
"""Of those draws."""


def prior_draws(view: RunView) -> LatentArray:
    """DRAWS latents from the prior; the same run, the same draws."""
    return sample_latents(view.model, DRAWS, SEED)


def described_prior(view: RunView, draws: LatentArray) -> dict[str, Any]:
    """Name, description and moments: exact where they are known, or else those of ``draws``."""
    prior = view.model.prior
    low = high = None
    match prior:
        case StandardNormal():
            mean, covariance = np.zeros(view.latent_dim), np.eye(view.latent_dim)
        case Box():
            low, high = prior.low.double().numpy(), prior.high.double().numpy()
            mean, covariance = (low + high) / 2, np.diag((high - low) ** 2 / 12)
        case _:
            mean, covariance = _moments(draws)
    return {
        "description": prior.description,
        "kind": view.config.model.prior,
        "mean": floats(mean),
        "covariance": floats(covariance),
        "low": None if low is None else floats(low),
        "high": None if high is None else floats(high),
    }


def kl_per_dimension(view: RunView) -> list[float] | None:
    """Mean of KL(q(z_j|x) ‖ N(0, 1)) over the images, of each dimension j, in nats.

    None where there is no variance, and where another prior does not part into dimensions.
    """
    if view.log_var is None or not isinstance(view.model.prior, StandardNormal):
        return None
    found: list[float] = floats(rate.kl_per_dimension(view.mu, view.log_var))
    return found


def principal_axes(mu: LatentArray) -> dict[str, Any]:
    """The mean of latents (N, d), and the axes of their covariance, of largest variance first.

    Rows are axes. Of each axis and its opposite the one is taken whose largest component is
    positive.
    """
    mean, covariance = _moments(mu)
    variances, columns = np.linalg.eigh(covariance)
    axes = columns.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1)
    return {
        "mean": floats(mean),
        "axes": floats(axes * np.where(largest < 0, -1, 1)),
        "variances": floats(np.maximum(variances[::-1], 0)),
    }


def _moments(z: LatentArray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d) and covariance (d, d), over N."""
    z = z.astype(np.float64)
    mean = z.mean(0)
    return mean, (z - mean).T @ (z - mean) / len(z)


def golden_latents(view: RunView, draws: LatentArray) -> Float[np.ndarray, "5 d"]:
    """Five latents: the images' centre, two of images and two of the prior's draws."""
    middle = view.mu.mean(0, keepdims=True)
    rows = [middle, view.mu[:1], view.mu[len(view.mu) // 2][None], draws[:2]]
    return np.concatenate(rows).astype(np.float32)


def decoded(view: RunView, latents: LatentArray) -> np.ndarray:
    """Images (N, C, H, W), float32, clipped to [0, 1], by PyTorch."""
    was_training = view.model.training
    view.model.eval()
    with torch.no_grad():
        images = view.model.decode(torch.from_numpy(latents)).clamp(0, 1).numpy()
    view.model.train(was_training)
    return np.ascontiguousarray(images)
