"""Mean losses of a set are the means of its images' terms, whatever the batches."""

import math

import numpy as np
import pytest
import torch

from reparam.model import BATCH, ModelConfig, build_autoencoder
from reparam.objective import ObjectiveConfig, elbo_terms
from reparam.objective.units import variance_of
from reparam.training import mean_losses

SHAPE = (4, 5, 1)
D = math.prod(SHAPE)


def small(posterior: str):
    torch.manual_seed(0)
    config = ModelConfig(
        posterior=posterior,
        encoder_filters=(3,),
        encoder_kernels=(3,),
        encoder_strides=(2,),
        decoder_filters=(3,),
        decoder_kernels=(3, 3),
        decoder_strides=(2, 1),
        batch_norm=True,
        dropout=0.25,
    )
    return build_autoencoder(config, SHAPE, variance_of(100.0, D))


def byte_images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@pytest.mark.parametrize("n", [1, BATCH, BATCH + 7])
def test_they_are_the_mean_of_every_image(n):
    """The last, smaller batch weighs by its images, not as a batch."""
    ae, images = small("delta").eval(), byte_images(n)
    objective = ObjectiveConfig(regulariser="none")
    found = mean_losses(ae, images, objective)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        mse = (x - ae.reconstruct(x)).square().mean().item()
        loss = elbo_terms(ae, x, objective).loss.mean().item()
    assert found["mse"] == pytest.approx(mse, rel=1e-5)
    assert found["loss_article"] == pytest.approx(loss, rel=1e-5)
    assert found["rate_nats"] == 0


def test_a_seed_gives_the_same_figures_and_leaves_the_model_and_the_random_state():
    vae, images = small("diagonal-normal").train(), byte_images(20)
    before = {name: values.clone() for name, values in vae.state_dict().items()}
    random_state = torch.get_rng_state()
    objective = ObjectiveConfig(weight=100.0)
    first, again = (mean_losses(vae, images, objective, seed=3) for _ in range(2))
    assert first == again
    assert first["mse"] != mean_losses(vae, images, objective, seed=4)["mse"]
    assert vae.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, values in vae.state_dict().items():
        assert torch.equal(values, before[name]), name
