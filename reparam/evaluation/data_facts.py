"""What a set of images holds, as plain values: what `reparam info` shows."""

from typing import Any

from reparam.data import ImageSet


def data_facts(images: ImageSet) -> dict[str, Any]:
    """Name, shape, counts per split and class, and the range and mean of the pixels (0..255)."""
    pixels = images.images
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
            "min": int(pixels.min()),
            "max": int(pixels.max()),
            "mean": float(pixels.mean()),
        },
    }
