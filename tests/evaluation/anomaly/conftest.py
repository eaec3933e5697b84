"""Small models, and pictures that they see."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from reparam.evaluation.anomaly import Pictures
from reparam.model import (
    Autoencoder,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)

SHAPE = (12, 10, 1)


@dataclass(frozen=True)
class Case:
    model: Autoencoder
    pictures: Pictures


def random_pictures(n: int, shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Pictures:
    images = np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)
    return Pictures(images, np.arange(n))


def small_model(shape: tuple[int, int, int] = SHAPE, **options: object) -> Autoencoder:
    torch.manual_seed(0)
    parts = {"encoder": MlpEncoderOptions((16,)), "decoder": MlpDecoderOptions((16,))}
    return build_autoencoder(ModelConfig(**{**parts, "latent_dim": 3, **options}), shape).eval()


@pytest.fixture(scope="module")
def vae() -> Case:
    return Case(small_model(), random_pictures(40))


@pytest.fixture(scope="module")
def ae() -> Case:
    return Case(small_model(posterior=DeltaOptions()), random_pictures(40))
