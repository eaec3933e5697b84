"""The bundle's columns say what Python says, and a given table is matched by image."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from manifests import read_manifest

from reparam.data import DataConfig, load_images
from reparam.errors import ConfigError, DataError
from reparam.evaluation import (
    AnomalyConfig,
    Pictures,
    calibrate,
    evaluation_loss,
    good_pictures,
    judge_for,
    kept_detector,
    load_detector,
    save_calibration,
    scores_of,
)
from reparam.evaluation.anomaly.scores import LatentDistance, LikelihoodRatio, SquaredError
from reparam.export.bundle import MANIFEST, Bundle, make_bundle
from reparam.export.columns import columns_of
from reparam.export.given_columns import check_table, given_columns, read_table
from reparam.runs import Run, look_at
from reparam.training import train

from .conftest import Finished, noise, small


def columns(bundle: Bundle) -> dict[str, tuple[np.ndarray, list[str]]]:
    """The first run's columns as the page reads them, and their words."""
    entries: list[dict[str, Any]] = read_manifest(bundle.files[MANIFEST])["runs"][0]["points"][
        "columns"
    ]
    return {
        entry["name"]: (
            np.frombuffer(bundle.files[entry["file"]], "<f4"),
            [level["name"] for level in entry["levels"]],
        )
        for entry in entries
    }


def test_the_models_own_columns(finished: Finished) -> None:
    run = finished("vae")
    found = columns(make_bundle([run]))
    view = look_at(run, run.images())
    loss = evaluation_loss(view.model, run.config)
    scores = scores_of(loss, view.images, view.labels, seed=run.config.seed).columns
    for name in ("distortion_nats", "rate_nats", "squared_error", "log_likelihood_bound_nats"):
        np.testing.assert_allclose(found[name][0], scores[name], rtol=1e-5)
    mu = view.mu.astype(np.float64)
    np.testing.assert_allclose(found["latent_norm"][0], np.sqrt((mu**2).sum(1)), rtol=1e-6)
    # The prior is standard normal, of two dimensions.
    density = -0.5 * (mu**2).sum(1) - np.log(2 * np.pi)
    np.testing.assert_allclose(found["log_prior_nats"][0], density, rtol=1e-5)
    distance = np.sort(np.linalg.norm(mu[:, None] - mu[None], axis=2), 1)
    np.testing.assert_allclose(found["neighbour_distance"][0], distance[:, 10], rtol=1e-4)
    assert found["position"][0].tolist() == run.images().splits["test"].tolist()


def test_an_ae_has_no_column_that_says_nothing(finished: Finished) -> None:
    found = columns(make_bundle([finished("ae")]))
    assert "rate_nats" not in found  # 0 for every image
    assert {"distortion_nats", "latent_norm"} <= set(found)


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a folder of pictures, of which two in different folders have one name."""
    from PIL import Image

    work = tmp_path_factory.mktemp("filed")
    for k, image in enumerate(noise(40, (8, 8, 1))):
        file = work / "pictures" / f"c{k % 2}" / f"{k // 2 if k < 2 else k:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(file)
    data = DataConfig(source=str(work / "pictures"), test_fraction=0.5)
    config = small("vae", {})
    config = type(config)(**{**vars(config), "data": data})
    images = load_images(data)
    run = Run.create(work / "run", config, images, command="test", overwrite=False)
    train(run, images)
    return Run.open(work / "run")


@pytest.fixture
def calibrated(finished: Finished, tmp_path: Path) -> Run:
    """A copy of a run, with a detector."""
    run = Run.open(Path(shutil.copytree(finished("vae").path, tmp_path / "run")))
    config = AnomalyConfig((SquaredError(), LatentDistance()), decide_by="fisher")
    save_calibration(run, calibrate(run.load_model(), good_pictures(run.images()), config))
    return run


def test_a_calibrated_run_has_scores_and_p_values_of_its_images(calibrated: Run) -> None:
    found = columns(make_bundle([calibrated]))
    view = look_at(calibrated, calibrated.images())
    pictures = Pictures(view.images, np.arange(len(view.images)))
    expected = load_detector(calibrated).detect(pictures)
    np.testing.assert_allclose(found["anomaly_score"][0], expected.score, rtol=1e-6)
    np.testing.assert_allclose(found["p_value"][0], expected.p, rtol=1e-6)
    assert found["p_value"][1] == []


def test_how_far_the_scoring_is_and_where_it_runs(calibrated: Run) -> None:
    """Also on a second device where there is one."""
    devices = ["cpu", *["cuda"] * torch.cuda.is_available()]
    for device in devices:
        seen: list[tuple[int, int]] = []

        def progress(_: str, done: int, total: int, seen: list[tuple[int, int]] = seen) -> None:
            seen.append((done, total))

        view = look_at(calibrated, calibrated.images())
        before = columns_of(view, judged=False)["anomaly_score"][0]
        found = columns_of(view, judged=False, device=device, progress=progress)
        np.testing.assert_allclose(found["anomaly_score"][0], before, rtol=1e-3)
        assert seen[0] == (0, len(view.mu))
        detector = kept_detector(calibrated, device)
        assert detector is not None
        assert detector.model.device.type == device


def left_out(run: Run) -> str:
    """The warning without which the columns of a calibrated run lack its scores."""
    with pytest.warns(UserWarning, match="anomalies are left out") as warned:
        found = columns_of(look_at(run, run.images()), judged=False)
    assert "squared_error" in found
    assert not {"anomaly_score", "p_value"} & set(found)
    (only,) = warned
    return str(only.message)


def test_a_run_without_a_detector_has_no_anomaly_columns(finished: Finished) -> None:
    run = finished("vae")
    found = columns_of(look_at(run, run.images()), judged=False)
    assert not {"anomaly_score", "p_value"} & set(found)


def test_a_calibration_of_other_weights_is_told_of(calibrated: Run) -> None:
    file = calibrated.path / "anomaly.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "weights": "other"}))
    message = left_out(calibrated)
    assert str(calibrated.path) in message
    assert "Fix: calibrate again" in message


def test_a_calibration_whose_background_model_is_gone_is_told_of(
    calibrated: Run, finished: Finished, tmp_path: Path
) -> None:
    background = Path(shutil.copytree(finished("vae").path, tmp_path / "background"))
    score = LikelihoodRatio(background=background)
    config = AnomalyConfig((score,), decide_by=score.type)
    save_calibration(
        calibrated, calibrate(calibrated.load_model(), good_pictures(calibrated.images()), config)
    )
    shutil.rmtree(background)
    assert str(background) in left_out(calibrated)


def test_the_judges_class_is_that_of_the_kept_judge(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = finished("vae")
    view = look_at(run, run.images())
    assert "judge_class" not in columns_of(view, judged=True)
    judge = judge_for(run.images())
    values, words = columns_of(view, judged=True)["judge_class"]
    np.testing.assert_array_equal(values, judge.labels(view.images))
    assert list(words) == list(view.class_names)
    assert "judge_class" not in columns_of(view, judged=False)


def write(path: Path, **values: Any) -> Path:
    pd.DataFrame(values).to_csv(path, index=False)
    return path


def test_rows_are_matched_by_file(filed: Run, tmp_path: Path) -> None:
    view = look_at(filed, filed.images())
    assert view.files
    bundle = make_bundle([filed])
    entry = read_manifest(bundle.files[MANIFEST])["runs"][0]["points"]["files"]
    assert json.loads(bundle.files[entry["file"]]) == list(view.files)
    order = np.random.default_rng(0).permutation(len(view.files))[1:]  # one image has no row
    table = write(
        tmp_path / "t.csv",
        file=[view.files[i] for i in order] + ["c0/other.png"],
        dose=[float(i) for i in order] + [99.0],
        good=[bool(i % 2) for i in order] + [True],
        grade=[f"g{i % 3}" for i in order] + ["none of these"],
    )
    found = columns(make_bundle([filed], columns=table))
    expected = np.arange(len(view.files), dtype=float)
    expected[[i for i in range(len(view.files)) if i not in order]] = np.nan
    np.testing.assert_array_equal(found["dose"][0], expected)
    assert found["dose"][1] == []
    values, words = found["grade"]
    assert words == ["g0", "g1", "g2"]
    np.testing.assert_array_equal(values, np.where(np.isnan(expected), np.nan, expected % 3))
    assert found["good"][1] == ["False", "True"]


def test_rows_are_matched_by_the_files_own_name(filed: Run, tmp_path: Path) -> None:
    """Where no row has the path in the folder; whatever folder the table has."""
    view = look_at(filed, filed.images())
    known = [Path(name).name for name in view.files]
    assert len(set(known)) == len(known)
    order = np.random.default_rng(0).permutation(len(known))
    for folder in ("", "D:\\scans\\", "/elsewhere/"):
        table = write(tmp_path / "t.csv", file=[folder + known[i] for i in order], dose=order)
        found = columns(make_bundle([filed], columns=table))
        assert found["dose"][0].tolist() == list(range(len(known)))


def test_names_are_the_same_in_either_unicode_form(filed: Run, tmp_path: Path) -> None:
    """As of a folder of macOS and a table of another system; images without a row are counted."""
    view = look_at(filed, filed.images())
    there = replace(view, files=("c0/caf\u0065\u0301.png", *view.files[1:]))
    path = write(tmp_path / "t.csv", file=["c0/caf\u00e9.png"], dose=[7.0])
    with pytest.warns(UserWarning, match=rf"{len(view.files) - 1} of {len(view.files)} images"):
        found = given_columns(path, there, read_table(path))
    assert found["dose"][0][0] == 7.0


def test_a_name_of_two_images_says_nothing_of_either(filed: Run, tmp_path: Path) -> None:
    view = look_at(filed, filed.images())
    twice = replace(view, files=("a/1.png", "b/1.png", *view.files[2:]))
    path = write(tmp_path / "t.csv", file=["1.png"], dose=[1])
    with pytest.raises(DataError, match=r"no images of one file name twice, got '1\.png' 2 times"):
        given_columns(path, twice, read_table(path))


def test_rows_are_matched_by_position(finished: Finished, tmp_path: Path) -> None:
    run = finished("vae")
    at = run.images().splits["test"]
    table = write(tmp_path / "t.csv", index=at[::-1], age=np.arange(len(at)), rate_nats=at[::-1])
    found = columns(make_bundle([run], columns=table))
    assert found["age"][0].tolist() == list(range(len(at)))[::-1]
    assert found["rate_nats"][0].tolist() == at.tolist()  # the given one counts


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"age": [1]}, "must have a column file or index"),
        ({"file": ["a.png"]}, "at least one other"),
        ({"file": [], "age": []}, "a row for each image, got none"),
        ({"file": ["no.png", "none.png"], "age": [1, 2]}, "at least one row must be of an image"),
        ({"file": ["a.png", "a.png"], "age": [1, 2]}, "must have no rows of one file twice"),
    ],
)
def test_a_table_that_does_not_fit(
    filed: Run, tmp_path: Path, values: dict[str, list[Any]], says: str
) -> None:
    with pytest.raises(DataError, match=says) as error:
        make_bundle([filed], columns=write(tmp_path / "t.csv", **values))
    assert "Fix: " in str(error.value)
    assert "\n" not in str(error.value)


def test_images_of_no_files_need_positions(finished: Finished, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", file=["a.png"], age=[1])
    with pytest.raises(DataError, match="matched by the column index"):
        make_bundle([finished("vae")], columns=table)


def test_what_is_no_table_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be a \.csv or \.parquet file"):
        check_table(tmp_path / "t.xlsx")
    with pytest.raises(ConfigError, match="no such file"):
        check_table(tmp_path / "t.csv")
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="must be a readable table"):
        read_table(tmp_path / "broken.parquet")
