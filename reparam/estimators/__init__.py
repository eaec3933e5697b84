"""The models as scikit-learn estimators, and runs as such."""

from reparam.estimators.base import Estimator
from reparam.estimators.expected import EXPECTED_FAILED_CHECKS
from reparam.estimators.inputs import checked_rows, labels_for, whole
from reparam.estimators.presets import AE, VAE, DenoisingAE, from_pretrained, load

__all__ = [
    "AE",
    "EXPECTED_FAILED_CHECKS",
    "VAE",
    "DenoisingAE",
    "Estimator",
    "checked_rows",
    "from_pretrained",
    "labels_for",
    "load",
    "whole",
]
