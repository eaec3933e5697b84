"""How far the latent of an image is from those of good ones."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from sklearn.covariance import LedoitWolf

from reparam.errors import DataError
from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    AnomalyScore,
    Fitted,
    Good,
    Maps,
    Seen,
)
from reparam.fields import option
from reparam.types import PerExample

FULL_COVARIANCE = 512
"""Latent dimensions up to which correlations count, as in `GaussianPrior`."""


@ANOMALY_SCORES.register("latent-distance")
@dataclass(frozen=True)
class LatentDistance(AnomalyScore):
    """The Mahalanobis distance of the posterior's mean to those of the good training pictures.

    Their covariance is shrunk as Ledoit & Wolf 2004 do, so that it has an inverse however few they
    are; above 512 dimensions it is diagonal.
    """

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        """Raises DataError where the latents do not differ, or are too few for an inverse."""
        z = good.latents.astype(np.float64)
        if z.std(0).max() <= np.finfo(np.float32).eps * np.abs(z).max():
            raise _without_spread(self.type, len(z))
        if z.shape[1] > FULL_COVARIANCE:
            whitening = 1 / np.maximum(z.std(0), 1e-12)
        else:
            whitening = np.linalg.cholesky(self._inverse(z))
        return {"mean": torch.from_numpy(z.mean(0)), "whitening": torch.from_numpy(whitening)}

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        apart = seen.posterior.mean.cpu().double() - fitted["mean"]
        whitening = fitted["whitening"]
        whitened = apart @ whitening if whitening.ndim == 2 else apart * whitening
        return whitened.norm(dim=1), None

    def _inverse(self, z: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "d d"]:
        """Of their covariance, which of two pictures is not shrunk."""
        shrunk = LedoitWolf().fit(z)
        values = np.linalg.eigvalsh(shrunk.covariance_)
        if values[0] <= len(values) * np.finfo(np.float64).eps * values[-1]:
            raise _without_spread(self.type, len(z))
        return shrunk.precision_


def _without_spread(score: str, count: int) -> DataError:
    return DataError(
        f"score {score}: good training pictures must be several whose latents differ, got {count} "
        "whose covariance has no inverse. Fix: give more and different ones, or leave it out of "
        "--scores"
    )


@ANOMALY_SCORES.register("latent-neighbours")
@dataclass(frozen=True)
class LatentNeighbours(AnomalyScore):
    """The mean distance of the posterior's mean to the nearest ones of good training pictures."""

    count: int = option(5, least=1)
    """How many of the nearest."""

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        """Raises DataError for fewer pictures than neighbours."""
        return {"latents": enough(torch.from_numpy(good.latents), self.count, self.type)}

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        z = seen.posterior.mean.cpu()
        return mean_of_nearest(z, fitted["latents"], self.count), None


def enough(rows: Float[torch.Tensor, "N d"], count: int, score: str) -> Float[torch.Tensor, "N d"]:
    """The rows of good pictures. Raises DataError where they are fewer than the neighbours."""
    if len(rows) < count:
        raise DataError(
            f"score {score}: there must be {count} good training pictures, got {len(rows)}. Fix: "
            f"give more, or lower --{score}-count"
        )
    return rows


def mean_of_nearest(
    x: Float[torch.Tensor, "B d"], known: Float[torch.Tensor, "N d"], count: int
) -> Float[torch.Tensor, " B"]:
    """The mean of the distances to the ``count`` nearest known ones; in float64, whose digits a
    matrix product needs for near ones.
    """
    x, known = x.double(), known.double()
    middle = known.mean(0)
    squared = squared_distances(x - middle, known - middle)
    return squared.topk(count, largest=False).values.clamp(min=0).sqrt().mean(1)


def squared_distances(
    x: Float[torch.Tensor, "*B d"], y: Float[torch.Tensor, "N d"]
) -> Float[torch.Tensor, "*B N"]:
    """‖x − y‖² by a matrix product, which may be a little below 0."""
    return x.square().sum(-1, keepdim=True) - 2 * x @ y.T + y.square().sum(1)
