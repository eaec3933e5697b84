"""Fixtures: a small set of images, short configurations, runs of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.runs import Run, RunConfig, preset_config, resolve


@pytest.fixture(scope="session")
def blobs() -> ImageSet:
    """120 images of 8 × 8: a bright square somewhere, its quadrant the label."""
    rng = np.random.default_rng(0)
    images = np.zeros((120, 8, 8, 1), np.uint8)
    labels = np.arange(120) % 4
    for image, label in zip(images, labels, strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[row : row + 4, column : column + 4] = rng.integers(120, 256, (4, 4, 1))
    return image_set_from_arrays(images, labels, name="blobs", config=DataConfig())


Configure = Callable[..., RunConfig]


@pytest.fixture(scope="session")
def small() -> Configure:
    """A configuration of small networks: ``small("vae", epochs=6, dropout=0.25)``."""

    def configure(preset: str = "vae", **options: Any) -> RunConfig:
        sizes = {
            "encoder_filters": [8, 16],
            "encoder_kernels": [3, 3],
            "encoder_strides": [1, 2],
            "decoder_filters": [16],
            "decoder_kernels": [3, 3],
            "decoder_strides": [2, 1],
        }
        plain = {
            "epochs": 6,
            "batch_size": 16,
            "precision": "float32",
            "learning_rate": 1e-3,
            "checkpoint_seconds": 0,
        }
        config = preset_config(preset, "plain")
        own = sizes if config.model.encoder.type == "convolutional" else {}
        return resolve(config, [("the test", {**own, **plain, **options})])

    return configure


@pytest.fixture
def new_run(tmp_path: Path, blobs: ImageSet) -> Callable[..., Run]:
    """Makes a run folder for the blobs: ``new_run(config, "name")``."""

    def create(config: RunConfig, name: str = "run") -> Run:
        config = replace(config, data=replace(config.data, source="blobs"))
        return Run.create(tmp_path / name, config, blobs, command="test", overwrite=False)

    return create
