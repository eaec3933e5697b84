"""The models in PyTorch's hands: one's own loop, and data sets of PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import reparam as rp
from reparam.data import image_set_from_dataset

TINY: dict[str, Any] = {
    "encoder": {"type": "mlp", "widths": (8,)},
    "decoder": {"type": "mlp", "widths": (8,)},
    "epochs": 1,
    "precision": "float32",
    "device": "cpu",
}


class Items(Dataset[Any]):
    """Items as they are."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> Any:
        return self.items[i]


def bytes_of(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *shape)).astype(np.uint8)


def test_a_loaded_model_trains_in_ones_own_loop(tmp_path: Path) -> None:
    """Any optimiser, any loss: the loss falls, and the estimator computes with the new weights."""
    images = bytes_of(40, 8, 8) // 4
    rp.VAE(**TINY, out=tmp_path / "run").fit(images)
    vae = rp.load(tmp_path / "run")
    before, score = vae.transform(images), vae.score(images)
    model = vae.model_
    assert isinstance(model, torch.nn.Module)
    x = torch.from_numpy(images)[:, None] / 255
    optimiser = torch.optim.SGD(model.parameters(), 1e-5)
    noise = torch.Generator().manual_seed(0)
    losses = []
    model.train()
    for _ in range(60):
        q = model.infer(x)
        z = q.rsample(noise)
        terms = model.likelihood.terms(model.pixels(z), x)
        rate = q.log_prob(z) - model.prior.log_prob(z)
        loss = (terms["distortion"] + rate).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    model.eval()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert vae.score(images) > score
    assert (vae.transform(images) != before).any()
    reread = rp.load(tmp_path / "run").transform(images)
    np.testing.assert_array_equal(reread, before)  # the run is as it was


def test_a_dataset_is_its_arrays() -> None:
    """Tensors (C, H, W) as bytes or floats, arrays and Pillow pictures: the same set."""
    images, labels = bytes_of(12, 9, 7, 3), np.arange(12) % 3
    tensors = torch.from_numpy(images).permute(0, 3, 1, 2)
    sets = [
        TensorDataset(tensors, torch.from_numpy(labels)),
        TensorDataset(tensors / 255, torch.from_numpy(labels)),
        Items([(image, int(y)) for image, y in zip(images, labels, strict=True)]),
        Items([[Image.fromarray(image), y] for image, y in zip(images, labels, strict=True)]),
    ]
    for each in sets:
        found = image_set_from_dataset(each, "X")
        np.testing.assert_array_equal(found.images, images)
        np.testing.assert_array_equal(found.labels, labels)
    grey = image_set_from_dataset(TensorDataset(tensors[:, 0]), "X")
    np.testing.assert_array_equal(grey.images[..., 0], images[..., 0])
    assert grey.labels is None


def test_a_dataset_goes_into_fit_and_transform() -> None:
    images, labels = bytes_of(40, 8, 8), np.arange(40) % 2
    data = TensorDataset(torch.from_numpy(images)[:, None] / 255, torch.from_numpy(labels))
    array, taken = rp.VAE(**TINY).fit(images, labels), rp.VAE(**TINY).fit(data)
    np.testing.assert_array_equal(taken.transform(data), array.transform(images))
    assert taken.history_[0]["valid_loss_nats"] == array.history_[0]["valid_loss_nats"]
    conditional = rp.VAE(**TINY, classes="auto").fit(data)
    assert conditional.config_.model.classes == 2
    expected = conditional.transform(images, labels)
    np.testing.assert_array_equal(conditional.transform(data), expected)
    with pytest.raises(rp.DataError, match="y must be omitted where X is an ImageSet or a Dataset"):
        rp.VAE(**TINY).fit(data, labels)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter([torch.zeros(1, 8, 8)])


BLACK = torch.zeros(1, 8, 8)


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (Endless(), rp.DataError, "must have a length, got Endless"),
        (Items([]), rp.ShapeError, "at least one image, got none"),
        (Items([BLACK, BLACK[:, 1:]]), rp.ShapeError, "8 × 8 × 1 .item 0. and 7 × 8 × 1 .item 1"),
        (Items([BLACK, BLACK - 1]), rp.DataRangeError, r"X\[1\]: float pixels must lie in \[0, 1"),
        (Items([BLACK, BLACK * torch.nan]), rp.DataRangeError, r"X\[1\]: .* must be finite"),
        (Items(["a"]), rp.DataError, r"X\[0\]: images must be an array of numbers, got dtype <U1"),
        (Items([{"image": BLACK}]), rp.DataError, r"X\[0\]: .* got dtype object"),
        (Items([(BLACK, 1, 2)]), rp.DataError, r"X\[0\]: .* a pair .image, label., got 3 values"),
        (Items([BLACK[None]]), rp.ShapeError, r"X\[0\]: an image must be .* got shape .1, 1, 8, 8"),
        (Items([(BLACK, 1), BLACK]), rp.DataError, "all items or none must have a label, got 1"),
        (Items([BLACK, (BLACK, 1)]), rp.DataError, "all items or none must have a label, got 0"),
        (Items([(BLACK, [1, 2])] * 2), rp.ShapeError, "X: labels must be one value for each image"),
    ],
)
def test_a_dataset_that_holds_no_images(dataset: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        rp.AE(**TINY).fit(dataset)


def test_one_item_of_a_data_set_is_read_as_the_image_itself() -> None:
    """A set to look at needs no splits."""
    X = bytes_of(12, 8, 8, 1).astype(np.float32) / 255
    model = rp.AE(**TINY).fit(X)
    one = TensorDataset(torch.from_numpy(X[:1]).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(model.transform(one), model.transform(X[:1]))


@pytest.mark.parametrize("pixel_range", ["fit", (0, 255), np.array([0.0, 255.0])])
def test_a_data_set_says_its_own_range(pixel_range) -> None:
    X = bytes_of(12, 8, 8, 1).astype(np.float32)
    images = TensorDataset(torch.from_numpy(X / 255).permute(0, 3, 1, 2))
    model = rp.AE(**TINY, pixel_range=pixel_range)
    with pytest.raises(rp.ConfigError, match=r"pixel_range must be None where X is an ImageSet or"):
        model.fit(images)
    model.fit(X)  # an array takes it
    with pytest.raises(rp.ConfigError, match="pixel_range must be None"):
        model.transform(images)


def test_loggers_need_a_folder_that_is_kept() -> None:
    with pytest.raises(rp.ConfigError, match="logger must have out"):
        rp.AE(**TINY, logger="tensorboard").fit(bytes_of(12, 8, 8))
