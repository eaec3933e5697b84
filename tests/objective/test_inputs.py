"""InputConfig: what is done to images, and amounts that cannot be."""

import pytest
import torch

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.objective import InputConfig, binarise, corrupt


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("gaussian", -0.1),
        ("gaussian", float("nan")),
        ("masking", -0.1),
        ("masking", 1.1),
        ("salt-and-pepper", 1.5),
    ],
)
def test_an_amount_out_of_range(kind, amount):
    with pytest.raises(ConfigError, match=f"corrupt_amount for {kind} .* got {amount}"):
        InputConfig(corrupt=kind, corrupt_amount=amount)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("gaussian", 0.0), ("gaussian", 2.0), ("masking", 0.0), ("masking", 1.0)],
)
def test_the_edges_of_the_range(kind, amount):
    assert InputConfig(corrupt=kind, corrupt_amount=amount).corrupt_amount == amount


def grey(n: int = 4) -> Batch:
    x = torch.rand(n, 1, 6, 5, generator=torch.Generator().manual_seed(0))
    return Batch(x, torch.arange(n) % 2, torch.arange(n) + 10)


def test_by_default_nothing_is_done():
    batch = grey()
    assert InputConfig().apply(batch) is batch
    assert batch.seen is batch.images


def test_the_encoder_sees_the_noise_and_the_distortion_the_image():
    batch = grey()
    config = InputConfig(corrupt="masking", corrupt_amount=0.5)
    found = config.apply(batch, torch.Generator().manual_seed(1))
    expected = corrupt(batch.images, "masking", 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(found.images, batch.images)
    assert torch.equal(found.seen, expected)
    assert torch.equal(found.labels, batch.labels)
    assert torch.equal(found.index, batch.index)


def test_both_see_binarised_pixels_and_noise_comes_after():
    batch = grey()
    black_and_white = binarise(batch.images, "threshold")
    found = InputConfig(binarise="threshold").apply(batch)
    assert torch.equal(found.images, black_and_white)
    assert found.seen is found.images
    noisy = InputConfig(binarise="threshold", corrupt="gaussian").apply(
        batch, torch.Generator().manual_seed(2)
    )
    assert torch.equal(noisy.images, black_and_white)
    expected = corrupt(black_and_white, "gaussian", 0.3, torch.Generator().manual_seed(2))
    assert torch.equal(noisy.seen, expected)
