"""Anomaly detection: what differs from good pictures, where, and how sure that is."""

from reparam.evaluation.anomaly.calibration import Calibration, calibrate
from reparam.evaluation.anomaly.config import AnomalyConfig
from reparam.evaluation.anomaly.conformal import (
    COMBINATIONS,
    check_rate,
    combined_p_values,
    conformal_p_values,
    pictures_needed,
)
from reparam.evaluation.anomaly.detector import Detected, Detector
from reparam.evaluation.anomaly.good import GoodPictures, good_pictures, other_good_pictures
from reparam.evaluation.anomaly.planted import KINDS, plant
from reparam.evaluation.anomaly.scores import (
    ANOMALY_SCORES,
    AnomalyScore,
    Good,
    Pictures,
    Scored,
    Seen,
)
from reparam.evaluation.anomaly.storage import FILE, load_detector, save_calibration
from reparam.evaluation.anomaly.table import score_images

__all__ = [
    "ANOMALY_SCORES",
    "COMBINATIONS",
    "FILE",
    "KINDS",
    "AnomalyConfig",
    "AnomalyScore",
    "Calibration",
    "Detected",
    "Detector",
    "Good",
    "GoodPictures",
    "Pictures",
    "Scored",
    "Seen",
    "calibrate",
    "check_rate",
    "combined_p_values",
    "conformal_p_values",
    "good_pictures",
    "load_detector",
    "other_good_pictures",
    "pictures_needed",
    "plant",
    "save_calibration",
    "score_images",
]
