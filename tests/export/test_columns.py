"""The bundle's columns say what Python says, and a given table is matched by image."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from manifests import read_manifest

from reparam.data import DataConfig, load_images
from reparam.errors import ConfigError, DataError
from reparam.evaluation import evaluation_loss, scores_of
from reparam.export.bundle import MANIFEST, Bundle, make_bundle
from reparam.export.given_columns import check_table, read_table
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
