"""A data set of PyTorch as an ImageSet."""

from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch.utils.data import Dataset

from reparam.data.arrays import image_set_from_arrays
from reparam.data.config import DataConfig
from reparam.data.images import ImageSet
from reparam.data.memory import check_memory
from reparam.data.pixels import as_numbers, as_pixels
from reparam.errors import DataError, ShapeError
from reparam.types import PixelArray


def image_set_from_dataset(
    dataset: Dataset[Any], name: str, config: DataConfig | None = None
) -> ImageSet:
    """The items of a Dataset as an ImageSet.

    ``config`` splits the set, by default as an estimator does: none for testing. Labels are as
    `as_labels` takes them. Raises what `items_of_dataset` and `image_set_from_arrays` raise.
    """
    pixels, labels = items_of_dataset(dataset, name)
    config = DataConfig(test_fraction=0.0) if config is None else config
    return image_set_from_arrays(pixels, labels, name=name, config=config)


def items_of_dataset(dataset: Dataset[Any], name: str) -> tuple[PixelArray, list[object] | None]:
    """The images of a map-style Dataset (with a length), and their labels where it yields pairs.

    An item is an image, or a pair (image, label). A tensor is (C, H, W) or (H, W), as torchvision's
    transforms make it; an array or a Pillow picture is (H, W) or (H, W, C). Pixels are uint8 or
    floats in [0, 1]; they are held in memory as bytes.

    Raises DataError for a set without a length, items that are neither, and labels of some items
    only; ShapeError for images of different sizes; and what `as_pixels` raises, with the item's
    number.
    """
    try:
        count = len(dataset)  # type: ignore[arg-type]
    except TypeError as error:
        raise DataError(
            f"{name}: a PyTorch Dataset must have a length, got {type(dataset).__name__}, which "
            "has none. Fix: give one with __len__ and __getitem__"
        ) from error
    if not count:
        raise ShapeError(f"{name}: a set needs at least one image, got none. Fix: give more images")
    pixels: PixelArray | None = None
    labels: list[object] = []
    for i in range(count):
        image, label = _parts(dataset[i], f"{name}[{i}]")
        if (len(labels) > 0) != (label is not None) and i:
            raise DataError(
                f"{name}: all items or none must have a label, got {len(labels)} with and item {i} "
                f"with{'out' if label is None else ''}. Fix: give all of them, or none"
            )
        if label is not None:
            labels.append(label)
        if pixels is None:
            check_memory(count * image.size, name)
            pixels = np.empty((count, *image.shape), np.uint8)
        if image.shape != pixels.shape[1:]:
            first, found = (" × ".join(map(str, s)) for s in (pixels.shape[1:], image.shape))
            raise ShapeError(
                f"{name}: images must be of one size, got {first} (item 0) and {found} (item {i}). "
                "Fix: resize them"
            )
        pixels[i] = image
    assert pixels is not None  # there is at least one item
    return pixels, labels or None


def _parts(item: object, name: str) -> tuple[UInt8[np.ndarray, "H W C"], object]:
    """The image (H, W, C) as bytes, and the label or None."""
    label: object = None
    if isinstance(item, tuple | list):
        parts: list[object] = list(item)
        if not 1 <= len(parts) <= 2:
            raise DataError(
                f"{name}: an item must be an image or a pair (image, label), got {len(parts)} "
                "values. Fix: yield pairs"
            )
        item, label = parts[0], parts[1] if len(parts) == 2 else None
        label = label.item() if isinstance(label, torch.Tensor) and label.numel() == 1 else label
    array = as_numbers(item, name)
    if isinstance(item, torch.Tensor) and array.ndim == 3:
        array = array.transpose(1, 2, 0)
    if array.ndim not in (2, 3):
        raise ShapeError(
            f"{name}: an image must be (C, H, W) or (H, W), got shape {array.shape}. Fix: yield "
            "single images"
        )
    return as_pixels(array[None], name)[0], label
