"""Batches for the training loop: from the device's memory, the machine's, or the disk."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import UInt8

from reparam.data import MAPPED_FROM, Batch, ImageSet, RowReader
from reparam.types import Index, IndexArray, Labels

RESIDENT_SHARE = 0.5
"""Share of an accelerator's free memory that the images may take; networks need the rest."""

UPLOAD_BYTES = 2**26


@dataclass(frozen=True)
class ByteBatch:
    """A batch with its images at rest: a quarter of the memory on its way to the device."""

    pixels: UInt8[torch.Tensor, "B H W C"]
    labels: Labels | None
    index: Index

    def batch(self) -> Batch:
        return Batch.of_bytes(self.pixels, self.labels, self.index)

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return tuple(t for t in (self.pixels, self.labels, self.index) if t is not None)

    def clone(self) -> "ByteBatch":
        labels = None if self.labels is None else self.labels.clone()
        return ByteBatch(self.pixels.clone(), labels, self.index.clone())

    def rows(self, chosen: slice) -> "ByteBatch":
        labels = None if self.labels is None else self.labels[chosen]
        return ByteBatch(self.pixels[chosen], labels, self.index[chosen])

    def to(self, device: torch.device) -> "ByteBatch":
        labels = None if self.labels is None else self.labels.to(device, non_blocking=True)
        pixels, index = (t.to(device, non_blocking=True) for t in (self.pixels, self.index))
        return ByteBatch(pixels, labels, index)

    def __len__(self) -> int:
        return len(self.pixels)


@runtime_checkable  # beartype checks it under pytest
class Feed(Protocol):
    """Images of a split by their number in it, on the device that trains."""

    def batch(self, numbers: Index) -> ByteBatch: ...

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[ByteBatch]:
        """``batch`` of each, in order; the next may be fetched while one is used."""
        ...


def open_feed(images: ImageSet, split: IndexArray, device: torch.device) -> Feed:
    """Resident on an accelerator where the split fits there; else gathered batch by batch."""
    needed = len(split) * images.images[:1].nbytes
    if device.type != "cpu" and needed <= RESIDENT_SHARE * free_memory(device):
        return ResidentFeed(images, split, device)
    return HostFeed(images, split, device, ahead=images.images.nbytes >= MAPPED_FROM)


def free_memory(device: torch.device) -> int:
    """Bytes that an accelerator has left."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()


def labels_of(images: ImageSet, index: IndexArray) -> Labels | None:
    """The class of some images, as a tensor."""
    if images.labels is None:
        return None
    return torch.from_numpy(images.labels[index].astype(np.int64))


class ResidentFeed:
    """The whole split on the device: a batch costs no transfer."""

    def __init__(self, images: ImageSet, split: IndexArray, device: torch.device) -> None:
        shape = (len(split), *images.image_shape)
        self.pixels = torch.empty(shape, dtype=torch.uint8, device=device)
        reader = RowReader(images.images)
        rows = max(1, UPLOAD_BYTES // images.images[:1].nbytes)
        for start in range(0, len(split), rows):  # the host never holds a copy of all
            part = torch.from_numpy(reader.take(split[start : start + rows]))
            self.pixels[start : start + rows].copy_(part)
        labels = labels_of(images, split)
        self.labels = None if labels is None else labels.to(device)
        self.index = torch.from_numpy(split.astype(np.int64)).to(device)

    def batch(self, numbers: Index) -> ByteBatch:
        chosen = numbers.to(self.pixels.device)
        labels = None if self.labels is None else self.labels[chosen]
        return ByteBatch(self.pixels[chosen], labels, self.index[chosen])

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[ByteBatch]:
        if several:  # all numbers at once: a transfer a batch would wait for the device each time
            numbers = torch.cat(list(several)).to(self.pixels.device)
            yield from map(self.batch, numbers.split([len(indices) for indices in several]))


class HostFeed:
    """Rows gathered from the array, which may be mapped from disk; ``ahead``: by one batch.

    For a GPU they go through pinned memory, so that the copy overlaps with the step before.
    """

    def __init__(
        self, images: ImageSet, split: IndexArray, device: torch.device, *, ahead: bool
    ) -> None:
        self.images, self.split, self.device = images, split, device
        self.reader = RowReader(images.images)
        self.ahead = ahead or device.type != "cpu"

    def _gather(self, numbers: Index) -> ByteBatch:
        index = self.split[numbers.numpy()]
        pixels = torch.from_numpy(self.reader.take(index))
        if self.device.type == "cuda":
            pixels = pixels.pin_memory()
        return ByteBatch(
            pixels, labels_of(self.images, index), torch.from_numpy(index.astype(np.int64))
        )

    def batch(self, numbers: Index) -> ByteBatch:
        return self._gather(numbers.cpu()).to(self.device)

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[ByteBatch]:
        if not self.ahead:
            yield from map(self.batch, several)
            return
        with ThreadPoolExecutor(1, "feed") as thread:
            waiting = None
            for numbers in several:
                following = thread.submit(self._gather, numbers.cpu())
                if waiting is not None:
                    yield waiting.result().to(self.device)
                waiting = following
            if waiting is not None:
                yield waiting.result().to(self.device)
