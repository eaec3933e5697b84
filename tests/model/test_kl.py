"""Networks of latent diffusion. That they are diffusers' is in tests/export/test_diffusers.py."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, ShapeError
from reparam.model import (
    Autoencoder,
    DeltaOptions,
    DiagonalNormalOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.model.networks import KlDecoderOptions, KlEncoderOptions


def model_of(
    shape: tuple[int, int, int], latent_channels: int | None = None, **options
) -> Autoencoder:
    torch.manual_seed(0)
    options = {"groups": 4, **options}
    encoder, decoder = KlEncoderOptions(**options), KlDecoderOptions(**options)
    config = ModelConfig(
        latent_dim=5, latent_channels=latent_channels, encoder=encoder, decoder=decoder
    )
    return build_autoencoder(config, shape).eval()


@settings(max_examples=25)
@given(
    height=st.integers(2, 30),
    width=st.integers(2, 30),
    channels=st.sampled_from([1, 3]),
    levels=st.integers(1, 3),
    spatial=st.booleans(),
    attention=st.booleans(),
)
def test_images_of_any_size_come_back_in_their_size(
    height: int, width: int, channels: int, levels: int, spatial: bool, attention: bool
) -> None:
    channels_of_latents = 2 if spatial else None
    filters = (8, 4, 8)[:levels]
    model = model_of(
        (height, width, channels), channels_of_latents, filters=filters, attention=attention
    )
    x = torch.rand(2, channels, height, width)
    sides = (-(-height // 2 ** (levels - 1)), -(-width // 2 ** (levels - 1)))
    assert model.encoder(x).shape[1:] == model.encoder.feature_shape == (32, *sides)
    assert model.latent.shape == ((2, *sides) if spatial else (5,))
    y = model(x)
    assert y.shape == x.shape
    assert ((y >= 0) & (y <= 1)).all()


def test_as_many_moments_as_the_posterior_reads() -> None:
    """Mean and variance of each channel; of an AE the point alone; of rows any number of maps."""
    for channels, posterior, needed in ((3, DiagonalNormalOptions(), 6), (3, DeltaOptions(), 3)):
        for moments in (needed - 1, needed):
            config = {
                "latent_channels": channels,
                "encoder": KlEncoderOptions(moments=moments),
                "posterior": posterior,
            }
            if moments == needed:
                ModelConfig(**config)
                ModelConfig(**{**config, "latent_channels": None, "latent_dim": 100})
                continue
            with pytest.raises(ConfigError, match=f"Fix: --encoder-moments {needed}, or fewer"):
                ModelConfig(**config)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_untrained_model_decodes_to_the_image_that_it_is_told(channels: int) -> None:
    model = model_of((10, 12, channels), 2, filters=(8, 8))
    torch.nn.init.zeros_(model.decoder.conv_out.weight)
    colour = torch.linspace(0.2, 0.7, channels)
    model.init_output_bias(colour[:, None, None].expand(channels, 10, 12))
    decoded = model.decode(torch.randn(2, model.latent_dim))
    assert torch.allclose(decoded, colour[:, None, None].expand_as(decoded), atol=1e-6)


def test_it_learns_to_copy_pictures_that_differ() -> None:
    """Squares of some grey on another grey: their variance is what a constant leaves."""
    rng = np.random.default_rng(0)
    images = np.ones((32, 1, 12, 12)) * rng.uniform(0, 1, (32, 1, 1, 1))
    for image in images:
        top, left = rng.integers(0, 7, 2)
        image[:, top : top + 5, left : left + 5] = rng.uniform(0, 1)
    x = torch.from_numpy(images).float()
    model = model_of((12, 12, 1), 4, filters=(8, 16)).train()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(80):
        loss = (model(x) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1 * x.var()


@pytest.mark.parametrize(
    "options",
    [
        {"filters": ()},
        {"filters": (8, 12), "groups": 8},
        {"filters": (0,)},
        {"blocks": 0},
        {"groups": 0},
        {"moments": 0},
    ],
)
def test_levels_that_cannot_be_are_refused(options) -> None:
    with pytest.raises(ConfigError, match="Fix: "):
        KlEncoderOptions(**options)


def test_halves_with_different_levels_are_refused_for_maps() -> None:
    config = ModelConfig(
        latent_channels=2,
        encoder=KlEncoderOptions(filters=(8, 8)),
        decoder=KlDecoderOptions(filters=(8,)),
    )
    with pytest.raises(ShapeError, match="as many levels"):
        build_autoencoder(config, (12, 12, 1))


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="12 × 12 × 1"):
        model_of((12, 12, 1), filters=(8,))(torch.rand(1, 1, 12, 13))
