"""What a set of images holds, as plain values: what `reparam info` shows."""

from typing import Any

import numpy as np

from reparam.data import ImageSet, in_parts


def data_facts(images: ImageSet) -> dict[str, Any]:
    """Name, shape, counts per split and class, and the range and mean of the pixels (0..255)."""
    parts = [(p.min(), p.max(), p.sum(dtype=np.int64)) for p in in_parts(images.images)]
    lows, highs, sums = zip(*parts, strict=True)
    return {
        "kind": "data",
        "name": images.name,
        "images": len(images),
        "image_shape": list(images.image_shape),
        "class_names": list(images.class_names),
        "counts": {
            split: {"images": len(images.splits[split]), "classes": classes}
            for split, classes in images.counts().items()
        },
        "pixels": {
            "min": int(min(lows)),
            "max": int(max(highs)),
            "mean": int(sum(sums)) / images.images.size,
        },
    }
