"""Batch: what a model and its loss read of some images."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import UInt8

from reparam.data.bytes_to_pixels import from_bytes
from reparam.types import Images, Index, Labels


@dataclass(frozen=True)
class Batch:
    """Some images of a set. Everything in training and evaluation that reads images takes these.

    ``images`` (B, C, H, W) are what a decoding is compared with, in [0, 1]; ``labels`` (B,) their
    classes, −1 where unknown; ``index`` (B,) their positions in the set. ``corrupted`` is what the
    encoder sees instead, where images are corrupted for denoising.
    """

    images: Images
    labels: Labels | None
    index: Index
    corrupted: Images | None = None

    @property
    def seen(self) -> Images:
        """What the encoder sees."""
        return self.images if self.corrupted is None else self.corrupted

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, which: slice) -> "Batch":
        """Some of the images."""

        def some(of: torch.Tensor | None) -> torch.Tensor | None:
            return None if of is None else of[which]

        seen, labels = some(self.corrupted), some(self.labels)
        return Batch(self.images[which], labels, self.index[which], seen)

    def with_images(self, images: Images, corrupted: Images | None = None) -> "Batch":
        """The same batch with other pixels."""
        return replace(self, images=images, corrupted=corrupted)

    @classmethod
    def of_bytes(
        cls, pixels: UInt8[torch.Tensor, "B H W C"], labels: Labels | None, index: Index
    ) -> "Batch":
        """Images at rest, channels last. Raises as ``from_bytes``."""
        return cls(from_bytes(pixels), labels, index)
