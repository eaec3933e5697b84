"""A run's results as files: images, latents, ONNX, the explorer's bundle.

The last two import their own packages: take them from ``reparam.export.onnx`` and
``reparam.export.bundle``.
"""

from reparam.export.images import (
    LabelledImages,
    check_target,
    comparison_sheet,
    write_images,
    write_pictures,
)
from reparam.export.latents import (
    LatentTable,
    check_latents_target,
    read_latents,
    write_latents,
)

__all__ = [
    "LabelledImages",
    "LatentTable",
    "check_latents_target",
    "check_target",
    "comparison_sheet",
    "read_latents",
    "write_images",
    "write_latents",
    "write_pictures",
]
