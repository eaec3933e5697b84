"""Scores of how anomalous an image is, one family a file."""

from reparam.evaluation.anomaly.scores.background import LikelihoodRatio
from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    AnomalyScore,
    Fitted,
    Good,
    Maps,
    Pictures,
    Scored,
    Seen,
)
from reparam.evaluation.anomaly.scores.deep import FeatureNeighbours, Padim, PatchCore
from reparam.evaluation.anomaly.scores.densities import NegativeElbo, NegativeLogLikelihood
from reparam.evaluation.anomaly.scores.features import FeatureDistance
from reparam.evaluation.anomaly.scores.latents import LatentDistance, LatentNeighbours
from reparam.evaluation.anomaly.scores.pixels import SquaredError, StructuralError
from reparam.evaluation.anomaly.scores.statistics import LocalStatistics

__all__ = [
    "ANOMALY_SCORES",
    "AnomalyScore",
    "FeatureDistance",
    "FeatureNeighbours",
    "Fitted",
    "Good",
    "LatentDistance",
    "LatentNeighbours",
    "LikelihoodRatio",
    "LocalStatistics",
    "Maps",
    "NegativeElbo",
    "NegativeLogLikelihood",
    "Padim",
    "PatchCore",
    "Pictures",
    "Scored",
    "Seen",
    "SquaredError",
    "StructuralError",
]
