"""The models as scikit-learn estimators, and runs as such."""

from reparam.estimators.inputs import whole
from reparam.estimators.presets import AE, VAE, DenoisingAE, load

__all__ = ["AE", "VAE", "DenoisingAE", "load", "whole"]
