"""scikit-learn's own checks of estimators, and what its users do with them."""

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import estimator_checks_generator

from reparam import AE, VAE, AnomalyConfig, AnomalyDetector, DenoisingAE
from reparam.estimators import EXPECTED_FAILED_CHECKS
from reparam.evaluation.anomaly.scores import SquaredError

TINY: dict[str, Any] = {
    "encoder": {"type": "mlp", "widths": (4,)},
    "decoder": {"type": "mlp", "widths": (4,)},
    "epochs": 1,
    "precision": "float32",
    "kernels": "pytorch",
    "device": "cpu",
    "image_shape": "row",
    "pixel_range": "fit",
}

FAST = AnomalyConfig(scores=(SquaredError(),), decide_by="squared-error")

ESTIMATORS = [
    AE(**TINY),
    VAE(**TINY),
    DenoisingAE(**TINY),
    AnomalyDetector(AE(**TINY), config=FAST, false_alarms=0.5, held_out=0.5),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_checks_of_scikit_learn(estimator: BaseEstimator) -> None:
    """Those that are expected to fail do fail, so that none is named without need."""
    expected, failed = EXPECTED_FAILED_CHECKS[type(estimator).__name__], {}
    for each, check in estimator_checks_generator(estimator, mark=None):
        try:
            check(each)
        except pytest.skip.Exception:
            continue
        except Exception as error:
            failed[getattr(check, "func", check).__name__] = error
    assert failed.keys() == expected.keys(), failed
