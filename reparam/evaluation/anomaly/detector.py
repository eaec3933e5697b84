"""New pictures → how anomalous they are, with p-values and maps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from reparam.data import Progress
from reparam.evaluation.anomaly.calibration import Calibration
from reparam.evaluation.anomaly.combining import statistic_of
from reparam.evaluation.anomaly.conformal import check_rate, usual_rate
from reparam.evaluation.anomaly.scores import Maps, Pictures, Seen
from reparam.evaluation.anomaly.table import batch_scores, score_table
from reparam.evaluation.inference import check_images
from reparam.model import Autoencoder
from reparam.types import Images, PerExample


@dataclass(frozen=True)
class Detected:
    """Of N pictures, in their order.

    ``score`` is what decides, higher is more anomalous; ``p`` its conformal p-value; ``columns``
    the scores that it is made of. ``maps`` (N, H, W) are smoothed; None where no score has one.
    """

    score: Float[np.ndarray, " N"]
    p: Float[np.ndarray, " N"]
    columns: Mapping[str, Float[np.ndarray, " N"]]
    maps: Float[np.ndarray, "N H W"] | None = None

    def anomalous(self, false_alarms: float) -> Bool[np.ndarray, " N"]:
        """The verdicts: of good pictures at most this share is called anomalous, on average."""
        return self.p <= false_alarms

    def order(self) -> np.ndarray:
        """Positions of the pictures, the most anomalous first."""
        return np.lexsort((-self.score, self.p))


@dataclass(frozen=True)
class Detector:
    """A trained model with the calibration of it."""

    model: Autoencoder
    calibration: Calibration

    def rate(self, false_alarms: float | None) -> float:
        """A rate of false alarms that it can tell; None: 0.01, or the lowest that it can.

        Raises ConfigError unless it is above 0 and below 1, DataError where the held-out good
        pictures are too few for it.
        """
        count = self.calibration.count
        found = usual_rate(count) if false_alarms is None else false_alarms
        check_rate(found, count)
        return found

    def detect(
        self, pictures: Pictures, *, maps: bool = True, progress: Progress | None = None
    ) -> Detected:
        """Scores pictures (M of them), without their maps where these are not asked for.

        Raises ShapeError for pictures of another size than the model's.
        """
        check_images(self.model, pictures.images[:1])
        known = self.calibration
        table = score_table(
            self.model,
            pictures,
            known.scores,
            known.fitted,
            maps_of={known.map_score} if maps and known.map_score else set(),
            progress=progress,
        )
        columns = {name: table.columns[name] for name in known.columns}
        maps_of_all = table.maps.get(str(known.map_score))
        return Detected(known.statistic(columns), known.p_values(columns), columns, maps_of_all)

    def of_batch(self, images: Images) -> tuple[PerExample] | tuple[PerExample, Maps]:
        """What decides of a batch (B, C, H, W) in [0, 1], float64 on the CPU, and where a score has
        one, the map (B, H, W): what `detect` gives, as tensors. It can be traced.
        """
        known = self.calibration
        columns, maps = batch_scores(Seen(self.model, images), known.scores, known.fitted)
        value = statistic_of(known.decider, known.reference, columns)
        return (value, maps[known.map_score]) if known.map_score else (value,)
