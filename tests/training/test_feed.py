"""Batches: wherever the images lie, the same bytes."""

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, image_set_from_arrays
from reparam.data.mapping import map_pixels
from reparam.training import train
from reparam.training.feed import HostFeed, ResidentFeed, open_feed

CPU = torch.device("cpu")
SPLIT = np.array([5, 3, 8, 1, 40, 22])


@pytest.fixture
def pixels(tmp_path) -> np.ndarray:
    """Mapped from disc."""
    array = np.random.default_rng(0).integers(0, 256, (50, 4, 3, 1), np.uint8)
    (tmp_path / "pixels.bin").write_bytes(array.tobytes())
    return map_pixels(tmp_path / "pixels.bin", array.shape)


@pytest.mark.parametrize("kind", ["resident", "host", "ahead", "opened"])
def test_every_feed_gives_the_splits_images(kind, pixels, monkeypatch) -> None:
    monkeypatch.setattr("reparam.training.feed.UPLOAD_BYTES", 30)
    feed = {
        "resident": lambda: ResidentFeed(pixels, SPLIT, CPU),
        "host": lambda: HostFeed(pixels, SPLIT, CPU, ahead=False),
        "ahead": lambda: HostFeed(pixels, SPLIT, CPU, ahead=True),
        "opened": lambda: open_feed(pixels, SPLIT, CPU),
    }[kind]()
    several = list(torch.tensor([2, 0, 5, 4, 1]).split(2))
    wanted = [pixels[SPLIT[indices.numpy()]] for indices in several]
    for found, one, expected in zip(feed.batches(several), several, wanted, strict=True):
        assert found.dtype == torch.uint8
        np.testing.assert_array_equal(found.numpy(), expected)
        np.testing.assert_array_equal(feed.batch(one).numpy(), expected)
    assert list(feed.batches([])) == []


def test_a_feed_that_is_left_early_leaves_no_thread(pixels) -> None:
    import threading

    feed = HostFeed(pixels, SPLIT, CPU, ahead=True)
    batches = feed.batches(list(torch.arange(6).split(1)))
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("feed")]


def test_an_error_in_reading_ahead_reaches_the_loop(pixels) -> None:
    feed = HostFeed(pixels, SPLIT, CPU, ahead=True)
    with pytest.raises(IndexError):
        list(feed.batches([torch.tensor([0]), torch.tensor([6])]))


def test_training_from_disc_is_training_from_memory(
    new_run, small, blobs, tmp_path, monkeypatch
) -> None:
    (tmp_path / "pixels.bin").write_bytes(blobs.images.tobytes())
    mapped = map_pixels(tmp_path / "pixels.bin", blobs.images.shape)
    on_disc = image_set_from_arrays(mapped, blobs.labels, name="blobs", config=DataConfig())
    monkeypatch.setattr("reparam.training.feed.MAPPED_FROM", 0)
    memory, disc = (new_run(small(epochs=2, dropout=0.25), name) for name in ("a", "b"))
    train(memory, blobs)
    train(disc, on_disc)
    assert memory.weights.read_bytes() == disc.weights.read_bytes()
