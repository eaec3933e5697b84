"""Tiny finished runs of every kind that the figures have to cope with."""

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.model import Distribution, Noise, Posterior, Prior, posteriors_of, uniform
from reparam.report.page import Chapter, chapter
from reparam.runs import Run, RunView, look_at, preset_config, resolve
from reparam.training import train
from reparam.types import Language, Latents, PerExample

NASTY = '<img src=x onerror="alert(1)">'

KINDS = {
    "vae": ("vae", 2, 1, True),
    "ae": ("ae", 2, 1, True),
    "vae-1d": ("vae", 1, 1, True),
    "vae-5d-colour": ("vae", 5, 3, True),
    "ae-40d": ("ae", 40, 1, True),
    "burda": ("burda", 5, 1, True),
    "vae-unlabelled": ("vae", 2, 2, False),
    "vae-mixture": ("vae", 2, 1, True),
}
"""Preset, latent dimensions, channels, whether there are labels."""

NOISE = DataConfig(source="noise")

OPTIONS: dict[str, dict[str, object]] = {
    "vae-mixture": {"prior": "mixture", "prior_components": 3},
    "without-a-rate": {"posterior": "diagonal-normal", "prior": "standard-normal"},
}
"""Other options of some of them."""


def make_images(channels: int, labelled: bool) -> ImageSet:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (60, 9, 7, channels)).astype(np.uint8)
    labels = np.arange(60) % 3 if labelled else None
    names = [r"$\foo$_cat", NASTY, "_개"] if labelled else None
    return image_set_from_arrays(images, labels, names, name="noise", config=DataConfig())


def make_run(
    folder: Path,
    preset: str,
    latent_dim: int,
    images: ImageSet,
    name: str,
    data: DataConfig = NOISE,
) -> Run:
    convolutional = {
        "encoder_filters": [4, 4],
        "encoder_kernels": [3, 3],
        "encoder_strides": [1, 2],
        "decoder_filters": [4],
        "decoder_kernels": [3, 3],
        "decoder_strides": [2, 1],
    }
    dense = {"encoder_widths": [12, 8], "decoder_widths": [8]}
    small = {"latent_dim": latent_dim, "epochs": 2, **OPTIONS.get(name, {})}
    small |= dense if preset == "burda" else convolutional
    config = replace(resolve(preset_config(preset), [("the test", small)]), data=data)
    run = Run.create(folder / name, config, images, command=f"made for {name}", overwrite=False)
    train(run, images)
    return run


@pytest.fixture(scope="session", params=KINDS)
def view(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunView:
    preset, latent_dim, channels, labelled = KINDS[request.param]
    images = make_images(channels, labelled)
    folder = tmp_path_factory.mktemp("runs")
    return look_at(make_run(folder, preset, latent_dim, images, request.param), images)


@pytest.fixture(scope="session")
def in_korean(view: RunView) -> Chapter:
    """The run's figures; drawing takes long."""
    return chapter(view, None, "ko")


@pytest.fixture(scope="session")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[RunView]:
    """An AE and a VAE of the same images."""
    images = make_images(1, labelled=True)
    folder = tmp_path_factory.mktemp("pair")
    return [look_at(make_run(folder, name, 2, images, name), images) for name in ("ae", "vae")]


@dataclass(frozen=True)
class Logistic(Distribution):
    """A posterior as a plug-in has it: two parameters, no entropy, no standard normal noise."""

    centre: Latents
    log_scale: Latents

    @property
    def mean(self) -> Latents:
        return self.centre

    @property
    def variance(self) -> Latents:
        return (2 * self.log_scale).exp() * (math.pi**2 / 3)

    def rsample(self, noise: Noise = None) -> Latents:
        u = uniform(self.centre.shape, noise, self.centre)
        return self.centre + self.log_scale.exp() * torch.logit(u, eps=1e-6)

    def entropies(self) -> None:
        return None

    def log_prob(self, z: Latents) -> PerExample:
        y = (z - self.centre) * (-self.log_scale).exp()
        return (2 * F.logsigmoid(y) - y - self.log_scale).sum(1)


class Laplace(Prior):
    """A prior as a plug-in has it: draws and a density, and nothing else."""

    kind: ClassVar[str] = "laplace"

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.of_one = torch.distributions.Laplace(0.0, 1.0)
        self.latent_dim = latent_dim

    def describe(self, lang: Language = "en") -> str:
        return "라플라스 분포" if lang == "ko" else "a Laplace distribution"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        u = torch.rand(n, self.latent_dim, generator=generator).clamp(1e-6, 1 - 1e-6)
        return self.of_one.icdf(u)

    def log_prob(self, z: Latents) -> PerExample:
        return self.of_one.log_prob(z).sum(1)


def with_other_parts(view: RunView) -> RunView:
    """The view, with a logistic posterior and a Laplace prior."""
    model = copy.deepcopy(view.model)
    model.prior = Laplace(view.latent_dim)
    model.posterior = Posterior(Logistic, model.encoder.feature_shape, model.latent)
    return replace(view, model=model, q=posteriors_of(model, view.images))
