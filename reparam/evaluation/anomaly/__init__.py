"""Anomaly detection: what differs from good pictures, where, and how sure that is."""

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

__all__ = [
    "ALL",
    "GOOD",
    "KINDS",
    "Detection",
    "HeatScale",
    "LabelledPictures",
    "aupro",
    "best_f1",
    "detection",
    "heat_overlay",
    "heat_scale",
    "image_auroc",
    "pixel_auroc",
    "plant",
    "read_labelled",
]
