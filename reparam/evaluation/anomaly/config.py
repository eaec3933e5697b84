"""Which scores there are, which decides, and how good pictures are looked at."""

from dataclasses import dataclass
from typing import Literal

from reparam.errors import ConfigError, unknown_name
from reparam.evaluation.anomaly.combining import COMBINATIONS
from reparam.evaluation.anomaly.scores import (
    AnomalyScore,
    FeatureDistance,
    FeatureNeighbours,
    LatentDistance,
    LatentNeighbours,
    LocalStatistics,
    Padim,
    PatchCore,
    SquaredError,
    StructuralError,
)
from reparam.evaluation.anomaly.table import PEAK
from reparam.fields import MOST_SEED, check_options, option

AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True)
class AnomalyConfig:
    """How a run is calibrated on good pictures."""

    scores: tuple[AnomalyScore, ...] = (
        SquaredError(),
        StructuralError(),
        LocalStatistics(),
        FeatureDistance(),
        LatentDistance(),
        LatentNeighbours(),
        FeatureNeighbours(),
        Padim(),
        PatchCore(),
    )
    """Scores to choose from and to combine; those that the model cannot have are left out."""

    decide_by: str = option(AUTO, common=True)
    """What decides, such as ssim. A score, a score with -peak behind it (the highest value of its
    map), or a combination of the p-values of all (fisher, harmonic-mean, min, max). auto: the
    combination that tells planted defects from good pictures best, unless one score is clearly
    better."""

    contamination: float | Literal["auto"] = option(0.0, least=0, below=0.5)
    """Share of the held-out good pictures, the worst, that is not counted as good. auto: those
    further above the median than 5 times the distance of the median and the 90th percentile. With
    0, false alarms are as rare as asked for; good pictures that do not count add to them."""

    anomaly_seed: int = option(0, least=0, most=MOST_SEED)
    """Seed of the planted defects and of what is drawn where there are many pictures."""

    def __post_init__(self) -> None:
        check_options(self)
        if not self.scores:
            raise ConfigError("scores must be at least one, got none. Fix: omit --scores")
        names = {score.type for score in self.scores}
        known = [AUTO, *names, *(name + PEAK for name in names), *COMBINATIONS]
        if self.decide_by not in known:
            raise ConfigError(
                f"{unknown_name('decide_by', self.decide_by, known)}. Fix: take one, or add its "
                "score to --scores"
            )


def score_of(column: str) -> str:
    """The score that a column is of."""
    return column.removesuffix(PEAK)


DEFAULT = AnomalyConfig()
