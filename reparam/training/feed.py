"""Batches of bytes for the training loop: from the device's memory, the machine's, or the disc."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Int, UInt8

from reparam.data import RowReader
from reparam.data.mapping import MAPPED_FROM
from reparam.types import IndexArray, PixelArray

RESIDENT_SHARE = 0.5
"""Share of an accelerator's free memory that the images may take; networks need the rest."""

UPLOAD_BYTES = 2**26

Bytes = UInt8[torch.Tensor, "B H W C"]
Index = Int[torch.Tensor, " B"]


@runtime_checkable  # beartype checks it under pytest
class Feed(Protocol):
    """Images of a split by their number in it, on the device that trains."""

    def batch(self, indices: Index) -> Bytes: ...

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        """``batch`` of each, in order; the next may be fetched while one is used."""
        ...


def open_feed(images: PixelArray, split: IndexArray, device: torch.device) -> Feed:
    """Resident on an accelerator where the split fits there; else gathered batch by batch."""
    needed = len(split) * images[:1].nbytes
    if device.type != "cpu" and needed <= RESIDENT_SHARE * free_memory(device):
        return ResidentFeed(images, split, device)
    return HostFeed(images, split, device, ahead=images.nbytes >= MAPPED_FROM)


def free_memory(device: torch.device) -> int:
    """Bytes that an accelerator has left."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()


class ResidentFeed:
    """The whole split on the device: a batch costs no transfer."""

    def __init__(self, images: PixelArray, split: IndexArray, device: torch.device) -> None:
        self.pixels = torch.empty((len(split), *images.shape[1:]), dtype=torch.uint8, device=device)
        reader, rows = RowReader(images), max(1, UPLOAD_BYTES // images[:1].nbytes)
        for start in range(0, len(split), rows):  # the host never holds a copy of all
            part = torch.from_numpy(reader.take(split[start : start + rows]))
            self.pixels[start : start + rows].copy_(part)

    def batch(self, indices: Index) -> Bytes:
        return self.pixels[indices.to(self.pixels.device)]

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        if several:  # all numbers at once: a transfer a batch would wait for the device each time
            numbers = torch.cat(list(several)).to(self.pixels.device)
            yield from map(self.batch, numbers.split([len(indices) for indices in several]))


class HostFeed:
    """Rows gathered from the array, which may be mapped from disc; ``ahead``: by one batch.

    For a GPU they go through pinned memory, so that the copy overlaps with the step before.
    """

    def __init__(
        self, images: PixelArray, split: IndexArray, device: torch.device, *, ahead: bool
    ) -> None:
        self.split, self.device = split, device
        self.reader = RowReader(images)
        self.ahead = ahead or device.type != "cpu"

    def _gather(self, indices: Index) -> torch.Tensor:
        rows = torch.from_numpy(self.reader.take(self.split[indices.numpy()]))
        return rows.pin_memory() if self.device.type == "cuda" else rows

    def batch(self, indices: Index) -> Bytes:
        return self._gather(indices.cpu()).to(self.device, non_blocking=True)

    def batches(self, several: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        if not self.ahead:
            yield from map(self.batch, several)
            return
        with ThreadPoolExecutor(1, "feed") as thread:
            waiting = None
            for indices in several:
                following = thread.submit(self._gather, indices.cpu())
                if waiting is not None:
                    yield waiting.result().to(self.device, non_blocking=True)
                waiting = following
            if waiting is not None:
                yield waiting.result().to(self.device, non_blocking=True)
