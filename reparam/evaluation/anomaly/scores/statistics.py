"""How far the lightness and the roughness of an image are from those of good ones."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    PICTURES,
    AnomalyScore,
    Fitted,
    Good,
    Maps,
    Seen,
)
from reparam.evaluation.anomaly.scores.features import enlarge, reach_of, stride_of
from reparam.evaluation.anomaly.scores.places import Places, distances, gaussians
from reparam.evaluation.windows import gaussian_window, window_means
from reparam.types import Images, PerExample

WINDOWS = (1, 2, 4)
"""Standard deviations of the windows, in 64ths of the shorter side."""

NARROWEST = 0.5
"""Standard deviation of a window, in pixels, at least."""

SIDE = 32
"""Places along a side of a picture, at most."""

LEVEL = 1 / 255
"""What differs by less is no difference: a ridge of the covariances."""

SHARED = 5
"""Pictures for each feature that all places together count as, at each of them."""


@ANOMALY_SCORES.register("local-statistics")
@dataclass(frozen=True)
class LocalStatistics(AnomalyScore):
    """Mahalanobis distance of means and standard deviations in windows, at each place.

    Windows have three sizes; the distance is to those of good training pictures there. The image's
    is the largest. Neither the model nor a network is asked: it sees what is too light or dark, too
    rough or smooth.
    """

    def fit(self, good: Good) -> dict[str, torch.Tensor]:
        features = 2 * len(WINDOWS) * good.model.image_shape[2]
        batches = good.look(self._places, PICTURES)
        return gaussians(batches, ridge=LEVEL**2, shared=SHARED * features)

    def _places(self, seen: Seen) -> Places:
        sides = [int(side) for side in seen.images.shape[2:]]  # a trace has tensors here
        found = []
        for window in WINDOWS:
            sigma = max(NARROWEST, window / 64 * min(sides))
            mean = means(seen.images, sigma)
            squares = means(seen.images.square(), sigma)
            found += [mean, (squares - mean.square()).clamp(min=0).sqrt()]
        return F.avg_pool2d(torch.cat(found, 1), stride_of(sides, SIDE), ceil_mode=True)

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        far = distances(self._places(seen), fitted)
        sides = [int(side) for side in seen.images.shape[2:]]
        return far.amax((1, 2)), enlarge(far, seen, reach_of(sides, stride_of(sides, SIDE)))


def means(images: Images, sigma: float) -> Images:
    """In Gaussian windows that end at three standard deviations."""
    shorter = min(int(side) for side in images.shape[2:])
    return window_means(images, gaussian_window(sigma, min(int(3 * sigma + 0.5), shorter - 1)))
