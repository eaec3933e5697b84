"""Each kind of noise has its statistics, stays in [0, 1] and follows its seed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.objective import corrupt

KINDS = ["gaussian", "masking", "salt-and-pepper"]
SHARES = ["masking", "salt-and-pepper"]
shares = st.floats(0, 1)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=25)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(seed: int, channels: int = 3, n: int = 4, side: int = 16) -> torch.Tensor:
    """Strictly between 0 and 1, so that a pixel put to either end is seen to have changed."""
    return 0.1 + 0.8 * torch.rand(n, channels, side, side, generator=generator(seed))


@quick
@given(kind=st.sampled_from(KINDS), amount=shares, seed=seeds)
def test_pixels_stay_in_range_and_the_clean_images_stay_clean(kind, amount, seed):
    x = images(seed)
    before = x.clone()
    noisy = corrupt(x, kind, amount, generator(seed))
    assert noisy.shape == x.shape
    assert noisy.dtype == x.dtype
    assert ((noisy >= 0) & (noisy <= 1)).all()
    assert torch.equal(x, before)


@quick
@given(kind=st.sampled_from(KINDS), seed=seeds)
def test_amount_zero_is_the_identity(kind, seed):
    x = images(seed)
    assert torch.equal(corrupt(x, kind, 0.0, generator(seed)), x)


@given(amount=shares)
def test_kind_none_is_the_identity_at_any_amount(amount):
    x = images(0)
    assert torch.equal(corrupt(x, "none", amount), x)


@quick
@given(kind=st.sampled_from(KINDS), seed=seeds)
def test_the_same_seed_gives_the_same_noise(kind, seed):
    x = images(0)
    first = corrupt(x, kind, 0.3, generator(seed))
    assert torch.equal(first, corrupt(x, kind, 0.3, generator(seed)))
    assert not torch.equal(first, corrupt(x, kind, 0.3, generator(seed + 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_images_or_pixels_share_their_noise(kind):
    x = torch.full((2, 1, 16, 16), 0.5)
    noisy = corrupt(x, kind, 0.3, generator(1))
    assert not torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0, 0, 0], noisy[0, 0, 1])


@quick
@given(amount=st.floats(0.001, 0.09), seed=seeds)
def test_gaussian_noise_has_its_deviation(amount, seed):
    """On grey images and with σ ≤ 0.09 nothing is cut off (5.5 σ): mean 0, deviation σ."""
    x = torch.full((5, 2, 40, 40), 0.5)
    noise = corrupt(x, "gaussian", amount, generator(seed)) - x
    n = x.numel()
    assert abs(noise.mean().item()) < 6 * amount / math.sqrt(n)
    assert noise.std().item() == pytest.approx(amount, rel=6 / math.sqrt(2 * n))
    channels = noise.transpose(0, 1).flatten(1)
    assert abs(torch.corrcoef(channels)[0, 1].item()) < 6 / math.sqrt(n / 2)


def test_gaussian_noise_is_cut_at_black_and_white():
    """Of black pixels half stay black, of white ones half stay white."""
    for value in (0.0, 1.0):
        x = torch.full((1, 1, 100, 100), value)
        noisy = corrupt(x, "gaussian", 0.1, generator(2))
        assert (noisy == value).float().mean().item() == pytest.approx(0.5, abs=0.03)


def changed(x: torch.Tensor, noisy: torch.Tensor) -> torch.Tensor:
    return noisy != x


@quick
@given(kind=st.sampled_from(SHARES), amount=shares, seed=seeds)
def test_the_share_of_changed_pixels_is_the_amount(kind, amount, seed):
    x = images(seed, n=8, side=32)
    share = changed(x, corrupt(x, kind, amount, generator(seed)))[:, 0].float().mean().item()
    assert share == pytest.approx(amount, abs=6 * math.sqrt(amount * (1 - amount) / 8192) + 1e-3)


@quick
@given(kind=st.sampled_from(SHARES), seed=seeds)
def test_a_pixel_changes_in_all_channels_at_once(kind, seed):
    x = images(seed, channels=3)
    noisy = corrupt(x, kind, 0.4, generator(seed))
    mask = changed(x, noisy)
    assert torch.equal(mask.any(1), mask.all(1))
    assert torch.equal(
        noisy[mask].view(-1).unique(), torch.tensor([0.0, 1.0])[: 1 + (kind != "masking")]
    )
    where = mask.all(1)
    values = noisy.permute(0, 2, 3, 1)[where]
    assert torch.equal(values.amin(1), values.amax(1))  # black or white, never coloured


@pytest.mark.parametrize(("kind", "values"), [("masking", {0.0}), ("salt-and-pepper", {0.0, 1.0})])
def test_amount_one_changes_every_pixel(kind, values):
    noisy = corrupt(images(3), kind, 1.0, generator(4))
    assert set(noisy.unique().tolist()) == values


@quick
@given(amount=st.floats(0.1, 1), seed=seeds)
def test_salt_is_as_frequent_as_pepper(amount, seed):
    x = images(seed, channels=1, n=8, side=32)
    noisy = corrupt(x, "salt-and-pepper", amount, generator(seed))
    salt, pepper = (noisy == 1).float().mean().item(), (noisy == 0).float().mean().item()
    for share in (salt, pepper):
        half = amount / 2
        assert share == pytest.approx(half, abs=6 * math.sqrt(half * (1 - half) / 8192))


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ConfigError, match="gaussian, masking or salt-and-pepper, got 'speckle'"):
        corrupt(images(0), "speckle", 0.3)
