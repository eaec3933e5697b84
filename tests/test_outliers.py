"""AnomalyDetector as scikit-learn uses outlier detectors."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from reparam import AE, VAE, AnomalyConfig, AnomalyDetector
from reparam.errors import ConfigError, DataError, RunError
from reparam.evaluation import save_calibration
from reparam.evaluation.anomaly.scores import SquaredError
from reparam.runs import Run

FAST = AnomalyConfig(scores=(SquaredError(),), decide_by="squared-error")


def slopes(n: int, seed: int) -> np.ndarray:
    """Slopes of brightness, 12 × 12, in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:12j, -1:1:12j]
    a, b = rng.uniform(-0.24, 0.24, (2, n, 1, 1))
    return 0.5 + a * x + b * y


def broken(n: int, seed: int) -> np.ndarray:
    images = slopes(n, seed)
    images[:, 3:8, 3:8] = 1 - images[:, 3:8, 3:8]
    images[:, 0:3, 8:12] = 1
    return images


def estimator(**options: object) -> AE:
    return AE(encoder="mlp", decoder="mlp", latent_dim=2, epochs=15, batch_size=16, **options)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> AnomalyDetector:
    out = tmp_path_factory.mktemp("runs") / "run"
    detector = AnomalyDetector(estimator(out=out), config=FAST, false_alarms=0.05)
    return detector.fit(slopes(300, 0))


def test_anomalies_are_found(fitted):
    assert (fitted.predict(broken(40, 1)) == -1).mean() > 0.9
    assert (fitted.predict(slopes(200, 2)) == -1).mean() < 0.15
    assert (
        roc_auc_score(
            [1] * 40 + [0] * 40,
            -fitted.score_samples(np.concatenate([broken(40, 1), slopes(40, 2)])),
        )
        > 0.95
    )
    assert fitted.detect(broken(3, 1)).maps.shape == (3, 12, 12)


def test_methods_agree(fitted):
    """predict is the verdict of the p-value, and the sign of the decision function."""
    images = np.concatenate([broken(20, 1), slopes(200, 2)])
    p, decision = fitted.p_values(images), fitted.decision_function(images)
    for rate in (0.02, 0.05, 0.1, 0.3):
        again = clone(fitted).set_params(false_alarms=rate)
        again._take(fitted.estimator_, fitted.detector_)
        assert ((again.predict(images) == -1) == (p <= rate)).all()
    assert ((fitted.predict(images) == -1) == (decision < 0)).all()
    assert decision == pytest.approx(fitted.score_samples(images) - fitted.offset_)
    assert set(fitted.predict(images)) == {-1, 1}


def test_in_a_pipeline_and_under_cross_validation():
    images = slopes(120, 0).reshape(120, -1)
    steps = (
        FunctionTransformer(lambda rows: rows * 0.5),
        AnomalyDetector(estimator(image_shape=(12, 12)), config=FAST, false_alarms=0.1),
    )
    pipeline = make_pipeline(*steps)
    assert pipeline.fit_predict(images).shape == (120,)
    assert pipeline.score_samples(images).shape == (120,)

    def auroc(fitted, rows, _y=None):
        bad = broken(len(rows), 1).reshape(len(rows), -1)
        scores = -fitted.score_samples(np.concatenate([rows, bad]))
        return roc_auc_score([0] * len(rows) + [1] * len(rows), scores)

    found = cross_val_score(pipeline, images, scoring=auroc, cv=2, error_score="raise")
    assert found.min() > 0.8


def test_the_run_that_it_leaves_can_be_calibrated_and_loaded(fitted):
    path = fitted.estimator_.get_params()["out"]
    with pytest.raises(RunError, match="has no calibration"):
        AnomalyDetector.of_run(path)
    save_calibration(Run.open(path), fitted.detector_.calibration)
    again = AnomalyDetector.of_run(path, false_alarms=0.05)
    images = slopes(20, 3)
    assert again.predict(images).tolist() == fitted.predict(images).tolist()
    assert again.p_values(images).tolist() == fitted.p_values(images).tolist()


@pytest.mark.parametrize(("pictures", "count", "rate"), [(40, 8, 1 / 9), (520, 104, 0.01)])
def test_without_a_rate_the_usual_one_or_what_so_few_can_tell(pictures, count, rate):
    """40 good pictures are a usual number: they get verdicts, at a rate that they can tell."""
    found = AnomalyDetector(estimator(), config=FAST).fit(slopes(pictures, 0))
    assert found.detector_.calibration.count == count
    assert found.false_alarms_ == pytest.approx(rate)
    images = np.concatenate([broken(20, 1), slopes(20, 2)])
    assert ((found.predict(images) == -1) == (found.p_values(images) <= rate + 1e-12)).all()
    assert set(found.predict(images)) == {-1, 1}


def test_what_cannot_be():
    with pytest.raises(NotFittedError):
        AnomalyDetector().predict(slopes(2, 0))
    with pytest.raises(
        DataError, match=r"0\.05 false alarms needs 19 held-out good pictures, got 4"
    ):
        AnomalyDetector(estimator(), false_alarms=0.05).fit(slopes(20, 0))
    with pytest.raises(ConfigError, match="held_out must be above 0"):
        AnomalyDetector(estimator(), held_out=0).fit(slopes(20, 0))
    for classes in (2, "auto"):
        with pytest.raises(ConfigError, match="reads no labels"):
            AnomalyDetector(VAE(classes=classes)).fit(slopes(200, 0))


def test_parameters_are_those_of_scikit_learn():
    detector = AnomalyDetector(estimator(), config=FAST, seed=3)
    again = clone(detector)
    assert again.get_params()["seed"] == 3
    assert again.get_params()["estimator__latent_dim"] == 2
    assert again.set_params(estimator__latent_dim=4).estimator.get_params()["latent_dim"] == 4
