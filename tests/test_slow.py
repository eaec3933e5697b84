"""What takes minutes: the recipes at their real sizes. Run by `make test-slow`."""

from dataclasses import replace
from pathlib import Path

import pytest

from reparam.data import load_images
from reparam.training import Run, preset_config, train

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
    result = run.result()
    assert result is not None
    assert result["train"]["images"] == 2000
    assert result["test"]["images"] == 10_000
    assert result["test"]["loss_article"] < BOOKS_CODE[model]


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
        losses[d] = (run.result() or {})["test"]["mse"]
    assert losses[16] < 0.6 * losses[2]
