"""Residual networks: any size there and back, shortcuts that are what they say, spatial latents."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, ReparamError, ShapeError
from reparam.model import ModelConfig, build_autoencoder, layer_table, memory_of_step
from reparam.model.networks import (
    ConvolutionalEncoderOptions,
    KlEncoderOptions,
    ResidualDecoderOptions,
    ResidualEncoderOptions,
)
from reparam.model.networks.residual_blocks import Double, Halve, ResidualBlock, SelfAttention


def model_of(
    shape: tuple[int, int, int], latent_channels: int | None = None, **options
) -> torch.nn.Module:
    torch.manual_seed(0)
    encoder, decoder = ResidualEncoderOptions(**options), ResidualDecoderOptions(**options)
    config = ModelConfig(
        latent_dim=5, latent_channels=latent_channels, encoder=encoder, decoder=decoder
    )
    return build_autoencoder(config, shape).eval()


@settings(max_examples=25)
@given(
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    channels=st.sampled_from([1, 3]),
    levels=st.integers(1, 3),
    spatial=st.booleans(),
)
def test_images_of_any_size_come_back_in_their_size(
    height: int, width: int, channels: int, levels: int, spatial: bool
) -> None:
    filters = (16, 32, 64)[:levels]
    model = model_of((height, width, channels), 2 if spatial else None, filters=filters)
    x = torch.rand(2, channels, height, width)
    sides = (-(-height // 2**levels), -(-width // 2**levels))
    assert model.encoder(x).shape[1:] == (filters[-1], *sides)
    assert model.latent.shape == ((2, *sides) if spatial else (5,))
    y = model(x)
    assert y.shape == x.shape
    assert ((y > 0) & (y < 1)).all()


def test_blocks_and_attention_begin_as_the_identity() -> None:
    x = torch.randn(2, 32, 4, 6)
    for block in (ResidualBlock(32, 0.0), SelfAttention(32)):
        assert torch.equal(block(x), x)


@pytest.mark.parametrize(("channels", "out"), [(16, 16), (16, 32), (16, 64)])
def test_shortcuts_keep_what_they_carry(channels: int, out: int) -> None:
    """Without their convolutions: halving takes means of pixels of one 2 × 2 block, doubling
    copies, and the two in a row keep an image that is constant in each block.
    """
    halve, double = Halve(channels, out), Double(out, channels)
    for conv in (halve.conv, double.conv):
        torch.nn.init.zeros_(conv.weight)
    blocks = torch.rand(2, 1, 3, 4).repeat_interleave(2, 2).repeat_interleave(2, 3)
    x = blocks.expand(2, channels, 6, 8)
    assert torch.allclose(halve(x), blocks[:, :, ::2, ::2].expand(2, out, 3, 4))
    assert torch.allclose(double(halve(x)), x)
    assert torch.allclose(halve(torch.randn(2, channels, 6, 8)).mean(), torch.tensor(0.0), atol=0.2)


def test_attention_is_that_of_vaswani(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against PyTorch's own scaled dot product."""
    layer = SelfAttention(32)
    torch.nn.init.normal_(layer.write.weight)
    x = torch.randn(3, 32, 5, 4)
    query, key, value = layer.read(layer.norm(x)).flatten(2).mT.chunk(3, 2)
    taken = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    expected = x + layer.write(taken.mT.unflatten(2, (5, 4)))
    assert torch.allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_untrained_model_decodes_to_the_image_that_it_is_told(channels: int) -> None:
    model = model_of((20, 12, channels), filters=(16, 32))
    torch.nn.init.zeros_(model.decoder.pixels.weight)
    colour = torch.linspace(0.2, 0.7, channels)
    model.init_output_bias(colour[:, None, None].expand(channels, 20, 12))
    decoded = model.decode(torch.randn(2, 5))
    assert torch.allclose(decoded, colour[:, None, None].expand_as(decoded), atol=1e-6)


def test_it_learns_to_copy_pictures_that_differ(small_pictures: torch.Tensor) -> None:
    model = model_of((16, 16, 3), 4, filters=(16, 32)).train()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    errors = []
    for _ in range(60):
        loss = (model(small_pictures) - small_pictures).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.2 * errors[0]


@pytest.fixture
def small_pictures() -> torch.Tensor:
    """A disc of some colour somewhere on another colour."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]
    images = []
    for _ in range(32):
        centre, radius = rng.uniform(4, 12, 2), rng.uniform(2, 5)
        inside = np.hypot(y - centre[0], x - centre[1]) < radius
        images.append(np.where(inside, *rng.uniform(0, 1, (2, 3, 1, 1))))
    return torch.from_numpy(np.stack(images)).float()


@pytest.mark.parametrize("filters", [(), (8,), (16, 80), (20, 40)])
def test_filters_that_do_not_fit_are_refused(filters: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="Fix: "):
        ResidualEncoderOptions(filters=filters)


def test_halves_with_different_levels_are_refused_for_spatial_latents_alone() -> None:
    encoder = ResidualEncoderOptions(filters=(16, 32))
    decoder = ResidualDecoderOptions(filters=(16,))
    flat = build_autoencoder(ModelConfig(encoder=encoder, decoder=decoder), (12, 12, 1))
    assert flat(torch.rand(1, 1, 12, 12)).shape == (1, 1, 12, 12)
    config = ModelConfig(latent_channels=2, encoder=encoder, decoder=decoder)
    with pytest.raises(ShapeError, match="as many levels"):
        build_autoencoder(config, (12, 12, 1))


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ReparamError, match="12 × 12 × 1"):
        model_of((12, 12, 1), filters=(16,))(torch.rand(1, 1, 12, 13))


class _NoNorm(torch.nn.Module):
    def forward(self, x: torch.Tensor, *, silu: bool = False) -> torch.Tensor:
        return self.beside(x, silu=silu)[1]

    def beside(self, x: torch.Tensor, *, silu: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        return x, torch.nn.functional.silu(x) if silu else x


def _seen(encoder: torch.nn.Module, shape: tuple[int, int, int]) -> int:
    """The side of what moves the feature in the middle, by gradients, without normalisation."""
    for module in encoder.modules():
        for name, child in module.named_children():
            if isinstance(child, torch.nn.GroupNorm):
                setattr(module, name, _NoNorm())
            elif hasattr(child, "kernel"):
                torch.nn.init.constant_(child.weight, 0.01)
    x = torch.rand(1, shape[2], *shape[:2], requires_grad=True)
    features = encoder(x)
    features[0, :, features.shape[2] // 2, features.shape[3] // 2].sum().backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    return int(rows.max() - rows.min() + 1)


@pytest.mark.parametrize(
    "options",
    [
        ResidualEncoderOptions(filters=(16,)),
        ResidualEncoderOptions(filters=(16, 32)),
        ResidualEncoderOptions(filters=(16, 16), blocks=0),
        KlEncoderOptions(filters=(8,), blocks=2, attention=False),
        KlEncoderOptions(filters=(8, 16), attention=False),
        ConvolutionalEncoderOptions(),
        ConvolutionalEncoderOptions(filters=(4, 4), kernels=(5, 3), strides=(2, 1)),
    ],
)
def test_the_receptive_field_is_what_a_feature_sees(options) -> None:
    encoder = options.build((96, 96, 1))
    assert _seen(encoder, (96, 96, 1)) == encoder.receptive_field


def test_attention_sees_the_whole_image() -> None:
    assert ResidualEncoderOptions(attention=True).build((64, 64, 3)).receptive_field is None


def test_the_memory_of_a_step_is_weights_and_what_each_image_keeps() -> None:
    model = model_of((32, 32, 3), filters=(16, 32))
    weights = sum(p.numel() for p in model.parameters())
    one, two, ten = (memory_of_step(model, batch) for batch in (1, 2, 10))
    assert ten - two == pytest.approx(8 * (two - one), abs=8)
    assert 2 * one - two == pytest.approx(16 * weights, abs=8)
    outputs = sum(4 * math.prod(row.shape) for row in layer_table(model))
    assert outputs < two - one < 10 * outputs
