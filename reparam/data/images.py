"""ImageSet: images, labels, names and splits, whatever they were read from."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reparam.data.factors import Factors
from reparam.data.mapping import in_parts
from reparam.errors import DataError, check_bytes
from reparam.types import IndexArray, LabelArray, PixelArray

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class ImageSet:
    """Images as bytes, N × H × W × C, with optional labels, and the split of their indices.

    The images may lie on disk, mapped and read-only: go through them with ``RowReader`` or
    ``in_parts``, and never copy them all.

    ``labels[i]`` indexes ``class_names``, or is −1: unknown. ``splits`` maps "train", "valid" and
    "test" to disjoint index arrays; they need not cover every image (``train_size`` leaves some
    out), and a split may be empty.
    """

    name: str
    images: PixelArray
    labels: LabelArray | None
    class_names: tuple[str, ...]
    splits: Mapping[Split, IndexArray]
    files: tuple[str, ...] | None = None
    """Of a folder: the path of each image in it."""
    factors: Factors | None = None
    """What the images were made from, where that is known."""

    def __post_init__(self) -> None:
        """Raises DataError for images that are no bytes and for splits that are not three arrays of
        indices, ShapeError for images that are not N × H × W × C.
        """
        check_bytes(self.images)
        for split in SPLITS:
            index = self.splits.get(split)
            if not (isinstance(index, np.ndarray) and index.dtype.kind in "iu" and index.ndim == 1):
                raise DataError(
                    f"{self.name}: splits must have an array of indices for {split}, got "
                    f"{type(index).__name__}. Fix: np.array([...]), np.arange(0) for none"
                )

    def __repr__(self) -> str:
        """In one line: a notebook shows it where a cell ends in it."""
        shape = " × ".join(map(str, self.image_shape))
        counts = ", ".join(f"{len(self.splits[split]):,} {split}" for split in SPLITS)
        classes = "no labels" if self.labels is None else f"{len(self.class_names)} classes"
        return f"ImageSet({self.name!r}: {len(self):,} of {shape}; {counts}; {classes})"

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def split_images(self, split: Split) -> PixelArray:
        """A copy of the split's images; of a large set take ``splits`` and a ``RowReader``."""
        return self.images[self.splits[split]]

    def split_labels(self, split: Split) -> LabelArray | None:
        return None if self.labels is None else self.labels[self.splits[split]]

    def labelled(self, split: Split) -> IndexArray:
        """The split's images of known class; all where there are no labels."""
        index = self.splits[split]
        return index if self.labels is None else index[self.labels[index] >= 0]

    def fingerprint(self) -> str:
        """SHA-256 of images, labels, splits and known factors: equal sets train equally, and
        are scored equally. Computed once: a set is not changed.
        """
        return self._fingerprint

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self.images.shape, self.class_names)).encode())
        for pixels in in_parts(self.images):
            digest.update(np.ascontiguousarray(pixels).data)
        for part in (self.labels, *(self.splits[split] for split in SPLITS)):
            if part is not None:
                digest.update(np.ascontiguousarray(part, np.int64).tobytes())
            digest.update(b"|")
        if self.factors is not None:  # sets without keep the digest that they had before
            digest.update(repr((self.factors.names, self.factors.categorical)).encode())
            digest.update(np.ascontiguousarray(self.factors.values, np.float64).tobytes())
        return digest.hexdigest()

    def held_out(self) -> Split:
        """The split to look at: test, or else valid, or else the training images themselves.

        Raises DataError when every split is empty.
        """
        for split in ("test", "valid", "train"):
            if len(self.splits[split]):
                return split
        raise DataError(f"{self.name}: every split is empty. Fix: lower --test-fraction")

    def counts(self) -> dict[Split, dict[str, int]]:
        """Images per split and class: {"train": {"0": 350, ...}, ...}; {} without labels."""
        table: dict[Split, dict[str, int]] = {}
        for split in SPLITS:
            table[split] = {}
            if self.labels is not None:
                labels = self.labels[self.labelled(split)]
                each = np.bincount(labels, minlength=len(self.class_names)).tolist()
                table[split] = dict(zip(self.class_names, each, strict=True))
        return table
