"""What takes minutes: the recipes at their real sizes. Run by `make test-slow`."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reparam.data import load_images
from reparam.evaluation import binarised, importance_weighted
from reparam.model import fittable_names
from reparam.runs import Run, preset_config
from reparam.training import fit_run_prior, train

BOOKS_CODE = {"ae": 0.0520, "vae": 58.0}
"""Test losses of the book's Keras code on 2,000 images, in the article's units."""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_the_quick_recipe_beats_the_books_code(model: str, mnist_dir: Path, tmp_path: Path) -> None:
    """The article's 2,000 images, the 10,000 test images, all of MNIST's."""
    config = preset_config(model, "quick")
    data = replace(
        config.data, source="mnist", data_dir=mnist_dir, train_size=2000, valid_fraction=0.0
    )
    config = replace(config, data=data)
    images = load_images(data)
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    train(run, images)
    splits = run.finished("it is").splits
    assert splits["train"]["images"] == 2000
    assert splits["test"]["images"] == 10_000
    assert splits["test"]["loss_article"] < BOOKS_CODE[model]


@pytest.mark.slow
def test_a_latent_dimension_more_reconstructs_better(tmp_path: Path) -> None:
    """On real digits: 2 dimensions against 16, the plain recipe, the same seed."""
    losses = {}
    for d in (2, 16):
        config = preset_config("ae", "plain")
        config = replace(
            config,
            model=replace(config.model, latent_dim=d),
            training=replace(config.training, epochs=5),
        )
        images = load_images(config.data)
        run = Run.create(tmp_path / str(d), config, images, command="test", overwrite=False)
        train(run, images)
        losses[d] = run.finished("it is").splits["test"]["mse"]
    assert losses[16] < 0.6 * losses[2]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["ae", "vae"])
def test_every_fitted_prior_is_nearer_to_the_latents_of_digits(model: str, tmp_path: Path) -> None:
    """Held-out latents are likelier under each than under N(0, I); mixture and flow bend too."""
    config = preset_config(model, "quick")
    config = replace(config, training=replace(config.training, epochs=8))
    images = load_images(config.data)
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    train(run, images)
    after = {}
    for kind in fittable_names():
        found = fit_run_prior(run, images, kind)
        assert found.images == 1000
        after[kind] = found.after.nats
        assert found.after.nats > found.before[0].nats
        assert run.load_model().prior.kind == kind
    assert min(after["mixture"], after["flow"]) > after["gaussian"] + 0.05


@pytest.mark.slow
def test_the_model_of_burda_learns_in_a_few_epochs(tmp_path: Path) -> None:
    """The paper's model on 4,000 real digits, dynamically binarised.

    Independent pixels of the best brightness have about 206 nats; the paper's figure after 3,280
    epochs of 60,000 digits is 86.76, which 4,000 cannot reach.
    """
    config = preset_config("burda", "quick")
    config = replace(config, training=replace(config.training, epochs=20, rate_warm_up=0.3))
    images = load_images(config.data)
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    train(run, images)
    losses = run.finished("it is").splits["test"]
    assert 86.76 < losses["loss_nats"] < 130
    assert 10 < losses["rate_nats"] < 40
    test = binarised(images.images, index=images.splits["test"])
    bounds = [importance_weighted(run.load_model(), test, k).mean() for k in (1, 10, 100)]
    assert bounds[0] == pytest.approx(
        -losses["loss_nats"], abs=1
    )  # another draw of black and white
    assert bounds[0] + 1 < bounds[1] < bounds[2] < -86.76


MILLION = """
import sys
from pathlib import Path
from reparam.data import load_images
from reparam.runs import Run, preset_config, resolve
from reparam.training import train

options = {"encoder_filters": [4, 4], "encoder_kernels": [3, 3], "encoder_strides": [2, 2]}
options |= {"decoder_filters": [4], "decoder_kernels": [3, 3], "decoder_strides": [2, 2]}
options |= {"source": sys.argv[1], "epochs": 1, "batch_size": 512, "device": "cpu"}
config = resolve(preset_config("vae"), [("the test", options)])
images = load_images(config.data)
run = Run.create(Path(sys.argv[2]), config, images, command="test", overwrite=False)
train(run, images)
run.images()
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024)
"""


@pytest.mark.slow
def test_a_million_images_train_below_one_and_a_half_gigabytes(tmp_path: Path) -> None:
    """All of a run: reading, fingerprint, an epoch, validation, evaluation on every split."""
    pixels = np.lib.format.open_memmap(
        tmp_path / "million.npy", "w+", np.uint8, (1_000_000, 28, 28)
    )
    rng = np.random.default_rng(0)
    for start in range(0, len(pixels), 10_000):
        pixels[start : start + 10_000] = rng.integers(0, 256, (10_000, 28, 28), np.uint8)
    del pixels
    words = [sys.executable, "-c", MILLION, str(tmp_path / "million.npy"), str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    splits = Run.open(tmp_path / "run").finished("it is").splits
    assert sum(splits[split]["images"] for split in ("train", "valid", "test")) == 1_000_000
    assert int(done.stdout.splitlines()[-1]) < 1.5e9
