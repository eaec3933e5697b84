"""What the explorer's manifest says of a run's latents and of its prior, as JSON values."""

import numpy as np
import torch
from jaxtyping import Float

from reparam.evaluation import sample_latents
from reparam.export.manifest import PrincipalEntry, PriorFacts
from reparam.export.quantise import floats
from reparam.runs import RunView
from reparam.types import LatentArray

DRAWS = 4096
"""Latents drawn from the prior, from which the page takes its random samples."""

SEED = 0
"""Of those draws."""


def prior_draws(view: RunView) -> LatentArray:
    """DRAWS latents from the prior; the same run, the same draws."""
    return sample_latents(view.model, DRAWS, SEED)


def described_prior(view: RunView, draws: LatentArray) -> PriorFacts:
    """Name, description and moments: exact where they are known, or else those of ``draws``."""
    prior = view.model.prior
    exact, bounds = prior.moments(), prior.bounds()
    mean, covariance = _moments(draws)
    if exact is not None:
        mean, covariance = (moment.double().numpy() for moment in exact)
    low, high = (None, None) if bounds is None else (floats(end.double().numpy()) for end in bounds)
    return {
        "description": prior.describe(),
        "description_ko": prior.describe("ko"),
        "form": prior.form,
        "mean": floats(mean),
        "covariance": floats(covariance),
        "low": low,
        "high": high,
    }


def kl_per_dimension(view: RunView) -> list[float] | None:
    """Mean rate of each dimension over the images, in nats; None where it has no such sum."""
    if not view.is_variational:
        return None
    rates = view.model.prior.kl_by_dimension(view.q)
    if rates is None:
        return None
    found: list[float] = floats(rates.double().mean(0).numpy())
    return found


def principal_axes(mu: LatentArray) -> PrincipalEntry:
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


def decoded(view: RunView, latents: LatentArray, label: int | None) -> np.ndarray:
    """Images (N, C, H, W), float32, clipped to [0, 1], by PyTorch; ``label``: of all of them."""
    was_training = view.model.training
    view.model.eval()
    with torch.no_grad():
        labels = None if label is None else torch.full((len(latents),), label)
        images = view.model.decode(torch.from_numpy(latents), labels).clamp(0, 1).numpy()
    view.model.train(was_training)
    return np.ascontiguousarray(images)
