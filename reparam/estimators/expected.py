"""What scikit-learn's checks of estimators ask for and images cannot have."""

from collections.abc import Mapping

EXPECTED_FAILED_CHECKS: Mapping[str, Mapping[str, str]] = {
    "AE": {},
    "VAE": {},
    "DenoisingAE": {},
    "AnomalyDetector": {},
}
"""Of each estimator: the check and why it fails."""
