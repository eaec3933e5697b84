"""How far a reconstruction is from its image, pixel by pixel."""

from dataclasses import dataclass

from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    AnomalyScore,
    Fitted,
    Maps,
    Seen,
)
from reparam.evaluation.quality import mean_of_whole_windows, ssim_maps
from reparam.types import PerExample


@ANOMALY_SCORES.register("squared-error")
@dataclass(frozen=True)
class SquaredError(AnomalyScore):
    """The mean squared error of the reconstruction, in squared pixels."""

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        error = (seen.images - seen.decoded).square()
        return error.flatten(1).mean(1), error.mean(1)


@ANOMALY_SCORES.register("ssim")
@dataclass(frozen=True)
class StructuralError(AnomalyScore):
    """1 − SSIM of the reconstruction (Wang et al. 2004; for anomalies Bergmann et al. 2019).

    From 0 to 2, the mean over windows that lie wholly inside the image, as everywhere here.
    """

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        similar = ssim_maps(seen.decoded, seen.images)
        return 1 - mean_of_whole_windows(similar), 1 - similar.mean(1)
