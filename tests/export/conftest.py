"""Small runs to export: finished in a moment, or never trained and with weights of any kind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reparam.data import (
    DataConfig,
    ImageSet,
    from_bytes,
    image_set_from_arrays,
    load_images,
)
from reparam.model import Autoencoder, Fittable, build_autoencoder
from reparam.runs import Run, RunConfig, preset_config, resolve
from reparam.training import train

NASTY = "<img src=x onerror=alert(1)>"
CLASSES = ("bar", NASTY, "</script><script>alert(1)</script>")

SMALL = {
    "encoder_filters": [4, 6],
    "encoder_kernels": [3, 3],
    "encoder_strides": [1, 2],
    "decoder_filters": [6],
    "decoder_kernels": [3, 3],
    "decoder_strides": [2, 1],
    "epochs": 1,
}


def noise(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)


def small(preset: str, options: dict[str, Any]) -> RunConfig:
    """A preset with small networks, and with ``options``."""
    config = preset_config(preset)
    own = config.model.encoder.type != "convolutional" or "model" in options
    sizes = {"epochs": 1} if own else SMALL
    return resolve(config, [("the test", {**sizes, **options})])


def untrained(
    folder: Path, preset: str, shape: tuple[int, int, int], **options: Any
) -> tuple[Run, Autoencoder, np.ndarray]:
    """A run's folder, its model with random weights, biases and moving statistics, its images."""
    pixels = noise(20, shape)
    images: ImageSet = image_set_from_arrays(pixels, None, None, name="noise", config=DataConfig())
    config = small(preset, options)
    config = replace(config, data=replace(config.data, source="noise"))
    run = Run.create(folder, config, images, command="none", overwrite=False)
    generator = torch.Generator().manual_seed(1)
    model = build_autoencoder(config.model, shape).eval()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif value.ndim == 1 and not name.startswith("prior"):
                value.copy_(torch.randn(value.shape, generator=generator) * 0.3)
    if model.components:
        x = from_bytes(torch.from_numpy(pixels))
        model.init_components(model.components[0].shrink(x))
    if isinstance(model.prior, Fittable):
        model.prior.fit(torch.tensor([[-3.0], [3.0]]).expand(2, model.latent_dim))
    return run, model, pixels


Finished = Callable[..., Run]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``finished("vae", shape=(9, 7, 3), latent_dim=3)``: a run of 60 images, trained an epoch."""
    made: dict[str, Run] = {}

    def make(preset: str, *, shape: tuple[int, int, int] = (9, 7, 1), **options: Any) -> Run:
        key = repr((preset, shape, sorted(options.items())))
        if key not in made:
            folder = tmp_path_factory.mktemp("export")
            source = folder / "noise.npz"
            labels = np.arange(60) % 3
            np.savez(source, images=noise(60, shape), labels=labels, class_names=np.array(CLASSES))
            config = small(preset, options)
            config = replace(config, data=DataConfig(source=str(source)))
            images = load_images(config.data)
            run = Run.create(folder / "My run!", config, images, command="none", overwrite=False)
            train(run, images)
            made[key] = run
        return made[key]

    return make
