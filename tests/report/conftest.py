"""Tiny finished runs of every kind that the figures have to cope with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.report import RunView, look_at
from reparam.training import Run, preset_config, train
from reparam.training.settings import apply_config_file

NASTY = '<img src=x onerror="alert(1)">'

KINDS = {
    "vae": ("vae", 2, 1, True),
    "ae": ("ae", 2, 1, True),
    "vae-1d": ("vae", 1, 1, True),
    "vae-5d-colour": ("vae", 5, 3, True),
    "ae-40d": ("ae", 40, 1, True),
    "burda": ("burda", 5, 1, True),
    "vae-unlabelled": ("vae", 2, 2, False),
}
"""Preset, latent dimensions, channels, whether there are labels."""


def make_images(channels: int, labelled: bool) -> ImageSet:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (60, 9, 7, channels)).astype(np.uint8)
    labels = np.arange(60) % 3 if labelled else None
    names = [r"$\foo$_cat", NASTY, "_개"] if labelled else None
    return image_set_from_arrays(images, labels, names, name="noise", config=DataConfig())


def make_run(folder: Path, preset: str, latent_dim: int, images: ImageSet, name: str) -> Run:
    small = {
        "latent_dim": latent_dim,
        "encoder_filters": [4, 4],
        "encoder_kernels": [3, 3],
        "encoder_strides": [1, 2],
        "decoder_filters": [4],
        "decoder_kernels": [3, 3],
        "decoder_strides": [2, 1],
        "encoder_widths": [12, 8],
        "decoder_widths": [8],
        "epochs": 2,
    }
    config = apply_config_file(preset_config(preset), small, "the test")
    config = replace(config, data=replace(config.data, source="noise"))
    run = Run.create(folder / name, config, images, command=f"made for {name}", overwrite=False)
    train(run, images)
    return run


@pytest.fixture(scope="session", params=KINDS)
def view(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunView:
    preset, latent_dim, channels, labelled = KINDS[request.param]
    images = make_images(channels, labelled)
    folder = tmp_path_factory.mktemp("runs")
    return look_at(make_run(folder, preset, latent_dim, images, request.param), images)
