"""Anomaly detection: what differs from good pictures, where, and how sure that is."""

from reparam.evaluation.anomaly.calibration import Calibration, calibrate
from reparam.evaluation.anomaly.combining import COMBINATIONS
from reparam.evaluation.anomaly.config import AnomalyConfig
from reparam.evaluation.anomaly.conformal import (
    USUAL_FALSE_ALARMS,
    check_rate,
    conformal_p_values,
    pictures_needed,
    usual_rate,
)
from reparam.evaluation.anomaly.detector import Detected, Detector
from reparam.evaluation.anomaly.good import (
    GoodPictures,
    count_seen,
    good_pictures,
    other_good_pictures,
)
from reparam.evaluation.anomaly.heat import HeatScale, heat_overlay, heat_scale
from reparam.evaluation.anomaly.labelled_folder import LabelledPictures, read_labelled
from reparam.evaluation.anomaly.metrics import (
    ALL,
    GOOD,
    Detection,
    aupro,
    best_f1,
    detection,
    image_auroc,
    pixel_auroc,
)
from reparam.evaluation.anomaly.planted import KINDS, plant
from reparam.evaluation.anomaly.scores import (
    ANOMALY_SCORES,
    AnomalyScore,
    Good,
    Pictures,
    Scored,
    Seen,
)
from reparam.evaluation.anomaly.storage import (
    kept_detector,
    load_detector,
    save_calibration,
)
from reparam.evaluation.anomaly.table import PEAK, score_images

__all__ = [
    "ALL",
    "ANOMALY_SCORES",
    "COMBINATIONS",
    "GOOD",
    "KINDS",
    "PEAK",
    "USUAL_FALSE_ALARMS",
    "AnomalyConfig",
    "AnomalyScore",
    "Calibration",
    "Detected",
    "Detection",
    "Detector",
    "Good",
    "GoodPictures",
    "HeatScale",
    "LabelledPictures",
    "Pictures",
    "Scored",
    "Seen",
    "aupro",
    "best_f1",
    "calibrate",
    "check_rate",
    "conformal_p_values",
    "count_seen",
    "detection",
    "good_pictures",
    "heat_overlay",
    "heat_scale",
    "image_auroc",
    "kept_detector",
    "load_detector",
    "other_good_pictures",
    "pictures_needed",
    "pixel_auroc",
    "plant",
    "read_labelled",
    "save_calibration",
    "score_images",
    "usual_rate",
]
