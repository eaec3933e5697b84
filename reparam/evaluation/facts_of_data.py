"""What a set of images holds: what `reparam info` shows."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from reparam.data import ImageSet, in_parts


@dataclass(frozen=True)
class SplitFacts:
    """Images of a split, and how many of each class: {} without labels."""

    images: int
    classes: dict[str, int]


@dataclass(frozen=True)
class PixelFacts:
    """Range and mean of the pixels, 0..255."""

    low: int
    high: int
    mean: float


@dataclass(frozen=True)
class DataFacts:
    """Name, shape, classes, splits and pixels of a set of images."""

    name: str
    images: int
    image_shape: tuple[int, int, int]
    """Height, width, channels."""
    class_names: tuple[str, ...]
    factors: dict[str, str]
    """Known ones by name: categorical or continuous."""
    formats: dict[str, int]
    """Of a folder: how many files have which suffix."""
    counts: dict[str, SplitFacts]
    pixels: PixelFacts

    def to_mapping(self) -> dict[str, object]:
        """JSON values: what `reparam info --json` prints."""
        return {
            "kind": "data",
            "name": self.name,
            "images": self.images,
            "image_shape": list(self.image_shape),
            "class_names": list(self.class_names),
            "factors": self.factors,
            "formats": self.formats,
            "counts": {
                split: {"images": facts.images, "classes": facts.classes}
                for split, facts in self.counts.items()
            },
            "pixels": {
                "min": self.pixels.low,
                "max": self.pixels.high,
                "mean": self.pixels.mean,
            },
        }


def data_facts(images: ImageSet) -> DataFacts:
    """One pass over the pixels, part by part."""
    parts = [(p.min(), p.max(), p.sum(dtype=np.int64)) for p in in_parts(images.images)]
    lows, highs, sums = zip(*parts, strict=True)
    return DataFacts(
        name=images.name,
        images=len(images),
        image_shape=images.image_shape,
        class_names=images.class_names,
        factors={} if images.factors is None else images.factors.kinds(),
        formats=dict(Counter(_suffix(name) for name in images.files or ())),
        counts={
            split: SplitFacts(len(images.splits[split]), classes)
            for split, classes in images.counts().items()
        },
        pixels=PixelFacts(int(min(lows)), int(max(highs)), int(sum(sums)) / images.images.size),
    )


def _suffix(name: str) -> str:
    """Of a file, or of a page of one: a.tif#2."""
    return re.sub(r"#\d+$", "", PurePath(name).suffix.lower())
