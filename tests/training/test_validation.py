"""Mean losses of a set are the means of its images' terms, whatever the batches."""

import math

import numpy as np
import pytest
import torch

from reparam.data import Batch
from reparam.model import (
    BATCH,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    GaussianLikelihoodOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import Elbo, Loss, Reconstruction, mean_losses, terms_of_each

SHAPE = (4, 5, 1)
D = math.prod(SHAPE)

VAE = ModelConfig(
    encoder=ConvolutionalEncoderOptions(
        filters=(3,), kernels=(3,), strides=(2,), batch_norm=True, dropout=0.25
    ),
    decoder=ConvolutionalDecoderOptions(
        filters=(3,), kernels=(3, 3), strides=(2, 1), batch_norm=True, dropout=0.25
    ),
    likelihood=GaussianLikelihoodOptions(weight=100.0),
)
AE = ModelConfig(
    encoder=VAE.encoder,
    posterior=DeltaOptions(),
    prior=BoxOptions(),
    decoder=VAE.decoder,
    likelihood=VAE.likelihood,
)


def loss_of(config: ModelConfig) -> Loss:
    torch.manual_seed(0)
    objective = Reconstruction() if config is AE else Elbo()
    return Loss(build_autoencoder(config, SHAPE), objective)


def byte_images(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@pytest.mark.parametrize("n", [1, BATCH, BATCH + 7])
def test_they_are_the_mean_of_every_image(n: int) -> None:
    """The last, smaller batch weighs by its images, not as a batch."""
    loss, images = loss_of(AE).eval(), byte_images(n)
    found = mean_losses(loss, images)
    batch = Batch.of_bytes(torch.from_numpy(images), None, torch.arange(n))
    with torch.no_grad():
        mse = (batch.images - loss.model.reconstruct(batch.images)).square().mean().item()
        whole = loss(batch).objective.mean().item()
    assert found["mse"] == pytest.approx(mse, rel=1e-5)
    assert found["loss_article"] == pytest.approx(whole, rel=1e-5)
    assert found["rate_nats"] == 0


def test_the_index_chooses_images_with_their_labels_in_its_order() -> None:
    """An image's terms do not depend on those around it; an AE draws no noise."""
    loss, images = loss_of(AE), byte_images(BATCH + 9)
    index = np.random.default_rng(2).permutation(len(images))[: BATCH + 3]
    labels = np.arange(len(images))
    every, some = terms_of_each(loss, images), terms_of_each(loss, images, labels, index)
    assert every.keys() == some.keys() >= {"loss", "distortion", "rate", "squared_error"}
    for name, values in some.items():
        np.testing.assert_allclose(values, every[name][index], rtol=1e-5)


def test_a_seed_gives_the_same_figures_and_leaves_the_model_and_the_random_state() -> None:
    loss, images = loss_of(VAE).train(), byte_images(20)
    before = {name: values.clone() for name, values in loss.state_dict().items()}
    random_state = torch.get_rng_state()
    first, again = (mean_losses(loss, images, seed=3) for _ in range(2))
    assert first == again
    assert first["mse"] != mean_losses(loss, images, seed=4)["mse"]
    assert loss.training
    assert loss.model.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, values in loss.state_dict().items():
        assert torch.equal(values, before[name]), name
