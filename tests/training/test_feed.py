"""Batches: wherever the images lie, the same bytes."""

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.data.mapping import map_pixels
from reparam.training import train
from reparam.training.feed import HostFeed, ResidentFeed, open_feed

CPU = torch.device("cpu")
SPLIT = np.array([5, 3, 8, 1, 40, 22])


def mapped(tmp_path, *, with_labels: bool) -> ImageSet:
    """50 images on disk."""
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (50, 4, 3, 1), np.uint8)
    (tmp_path / "pixels.bin").write_bytes(array.tobytes())
    pixels = map_pixels(tmp_path / "pixels.bin", array.shape)
    labels = rng.integers(0, 3, 50) if with_labels else None
    return image_set_from_arrays(pixels, labels, name="noise", config=DataConfig())


@pytest.fixture
def images(tmp_path) -> ImageSet:
    return mapped(tmp_path, with_labels=True)


@pytest.mark.parametrize("with_labels", [True, False], ids=["labels", "no labels"])
@pytest.mark.parametrize("kind", ["resident", "host", "ahead", "opened"])
def test_every_feed_gives_the_splits_images(kind, with_labels, tmp_path, monkeypatch) -> None:
    images = mapped(tmp_path, with_labels=with_labels)
    monkeypatch.setattr("reparam.training.feed.UPLOAD_BYTES", 30)
    feed = {
        "resident": lambda: ResidentFeed(images, SPLIT, CPU),
        "host": lambda: HostFeed(images, SPLIT, CPU, ahead=False),
        "ahead": lambda: HostFeed(images, SPLIT, CPU, ahead=True),
        "opened": lambda: open_feed(images, SPLIT, CPU),
    }[kind]()
    several = list(torch.tensor([2, 0, 5, 4, 1]).split(2))
    for found, one in zip(feed.batches(several), several, strict=True):
        index = SPLIT[one.numpy()]
        for batch in (found, feed.batch(one)):
            assert batch.pixels.dtype == torch.uint8
            np.testing.assert_array_equal(batch.pixels.numpy(), images.images[index])
            np.testing.assert_array_equal(batch.index.numpy(), index)
            if images.labels is None:
                assert batch.labels is None
            else:
                assert batch.labels is not None
                np.testing.assert_array_equal(batch.labels.numpy(), images.labels[index])
    assert list(feed.batches([])) == []


def test_a_feed_that_is_left_early_leaves_no_thread(images) -> None:
    import threading

    feed = HostFeed(images, SPLIT, CPU, ahead=True)
    batches = feed.batches(list(torch.arange(6).split(1)))
    next(batches)
    batches.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("feed")]


def test_an_error_in_reading_ahead_reaches_the_loop(images) -> None:
    feed = HostFeed(images, SPLIT, CPU, ahead=True)
    with pytest.raises(IndexError):
        list(feed.batches([torch.tensor([0]), torch.tensor([6])]))


def test_training_from_disk_is_training_from_memory(
    new_run, small, blobs, tmp_path, monkeypatch
) -> None:
    (tmp_path / "pixels.bin").write_bytes(blobs.images.tobytes())
    pixels = map_pixels(tmp_path / "pixels.bin", blobs.images.shape)
    on_disk = image_set_from_arrays(pixels, blobs.labels, name="blobs", config=DataConfig())
    monkeypatch.setattr("reparam.training.feed.MAPPED_FROM", 0)
    memory, disk = (new_run(small(epochs=2, dropout=0.25), name) for name in ("a", "b"))
    train(memory, blobs)
    train(disk, on_disk)
    assert memory.weights.read_bytes() == disk.weights.read_bytes()
