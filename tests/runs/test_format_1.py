"""Run folders of format 1, as they were written at its time, do what they did then.

The folders are never changed: a later format reads them through its migrations.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam import load
from reparam.evaluation import ScoreConfig, sample_latents, score_run
from reparam.runs import Run, load_tensors
from reparam.runs.migrations import migrate_weights
from reparam.training import train

FOLDER = Path(__file__).parents[1] / "data" / "runs" / "format-1"
PRIORS = {
    "ae": "box",
    "ae-functional": "box",
    "vae": "standard-normal",
    "vae-stopped": "standard-normal",
    "vae-mixture": "mixture",
    "dae": "box",
    "burda": "standard-normal",
}
"""Each folder, and what it samples from."""
FINISHED = tuple(name for name in PRIORS if name != "vae-stopped")

Golden = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def golden() -> Golden:
    """What the code of that time computed, by FOLDER/VALUE."""
    with np.load(FOLDER / "golden.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def _copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs name their images by a path relative to the working directory."""
    shutil.copytree(FOLDER, tmp_path / "format-1")
    monkeypatch.chdir(tmp_path / "format-1")


def assert_close(found: np.ndarray, golden: np.ndarray, what: str, atol: float = 1e-5) -> None:
    """Equal but for float32's rounding, which differs between processors."""
    assert found.dtype == golden.dtype
    np.testing.assert_allclose(found, golden, rtol=1e-4, atol=atol, err_msg=what)


def test_every_folder_is_tested(golden: Golden) -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/config.json")}
    assert folders == set(PRIORS) == {key.partition("/")[0] for key in golden}


@pytest.mark.parametrize("name", PRIORS)
def test_what_it_computes(name: str, golden: Golden) -> None:
    estimator = load(name)
    pixels = Run.open(Path(name)).images().split_images("test")
    found = {
        "encode": estimator.transform(pixels[:5]),
        "decode": estimator.inverse_transform(golden[f"{name}/latents"]),
        "reconstruct": estimator.reconstruct(pixels[:5]),
        "sample_latents": sample_latents(estimator.model_, 3, 7),
        "sample": estimator.sample(3, seed=7),
    }
    for key, values in found.items():
        assert_close(values, golden[f"{name}/{key}"], key)
    assert estimator.score(pixels) == pytest.approx(golden[f"{name}/score"].item(), rel=1e-4)
    assert estimator.model_.prior.kind == PRIORS[name]


def test_it_is_shared_with_what_was_measured(tmp_path: Path) -> None:
    """Names of its tensors have changed since, its weights have not."""
    load("vae").save_pretrained(tmp_path / "shared")
    shared, own = Run.open(tmp_path / "shared").result(), Run.open(Path("vae")).result()
    assert shared is not None
    assert own is not None
    assert shared.splits == own.splits


@pytest.mark.parametrize("name", FINISHED)
def test_its_last_epoch_is_known(name: str) -> None:
    run = Run.open(Path(name))
    result, metrics = run.result(), run.metrics()
    assert result is not None
    assert result.epochs == len(metrics) == run.config.training.epochs
    assert [epoch.epoch for epoch in metrics] == list(range(1, len(metrics) + 1))
    assert all(epoch.valid["loss_nats"] > 0 for epoch in metrics)
    for name, losses in result.splits.items():
        assert losses["images"] == len(run.images().splits[name])


@pytest.mark.parametrize("name", FINISHED)
def test_it_is_scored(name: str) -> None:
    run, images = Run.open(Path(name)), Run.open(Path(name)).images()
    few = ScoreConfig(images=24, draws=40, likelihood_images=1, likelihood_samples=10)
    card = score_run(run, images, few)
    assert card.own.kind == PRIORS[name]
    psnr = card.find("psnr").value
    assert psnr is not None
    assert 0 < psnr < 40


@pytest.mark.parametrize(("name", "epochs"), [("vae-stopped", 3), ("ae", 4)])
def test_training_resumes_to_the_same_weights(name: str, epochs: int, golden: Golden) -> None:
    """vae-stopped from the middle of its second epoch, ae with two more epochs than planned."""
    run = Run.open(Path(name)).extended(epochs)
    train(run, run.images())
    weights = load_tensors(run.weights, "model").tensors
    prefix = f"{name}/resumed/"
    then = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in golden.items() if prefix in k}
    expected = {key: value.numpy() for key, value in migrate_weights(then, 1).items()}
    assert set(weights) == set(expected)
    for key, value in weights.items():
        assert_close(value.numpy(), expected[key], key, atol=1e-4)
    assert len(run.metrics()) == epochs
