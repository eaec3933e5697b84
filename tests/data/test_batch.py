"""Batch: what a model and its loss read of some images."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from reparam.data import Batch


def batch() -> Batch:
    return Batch(torch.rand(3, 2, 4, 5), torch.tensor([1, 0, 1]), torch.tensor([7, 2, 9]))


def test_the_encoder_sees_the_images_unless_they_are_corrupted():
    clean = batch()
    assert len(clean) == 3
    assert clean.seen is clean.images
    noisy = clean.with_images(clean.images, torch.zeros(3, 2, 4, 5))
    assert noisy.seen is noisy.corrupted
    assert noisy.images is clean.images
    assert noisy.labels is clean.labels
    assert noisy.index is clean.index
    # other pixels: the corruption of the earlier ones is not kept
    assert noisy.with_images(clean.images).seen is clean.images


def test_bytes_become_pixels_in_channels_last_memory():
    pixels = torch.arange(2 * 3 * 4 * 2, dtype=torch.uint8).view(2, 3, 4, 2) * 5
    found = Batch.of_bytes(pixels, None, torch.arange(2))
    assert found.images.shape == (2, 2, 3, 4)
    assert found.images.dtype == torch.float32
    assert found.images.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found.images.permute(0, 2, 3, 1) * 255, pixels.float())
    assert found.labels is None


def test_it_is_frozen():
    with pytest.raises(FrozenInstanceError):
        batch().images = torch.zeros(3, 2, 4, 5)
