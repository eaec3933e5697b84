"""Reconstructions and their quality, never all of them as floats."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reparam.data import Progress, RowReader, to_bytes
from reparam.evaluation.inference import check_images, decoded_batches, refined
from reparam.evaluation.quality import Quality, joined, quality_of_each
from reparam.model import Autoencoder, labels_of
from reparam.types import LabelArray, PixelArray


@dataclass(frozen=True)
class Reconstructed:
    """``images`` rounded to bytes, and how close they were to the originals before that: on
    average, and each (N) by the names of `quality_of_each`.
    """

    images: PixelArray
    quality: Quality
    each: Mapping[str, Float[np.ndarray, " N"]]


def reconstruct_images(
    model: Autoencoder,
    images: PixelArray,
    labels: LabelArray | None = None,
    originals: PixelArray | None = None,
    *,
    refine: int = 0,
    progress: Progress | None = None,
) -> Reconstructed:
    """decode(encode(images)), without sampling; with ``refine``, of latents that so many steps have
    moved closer (`refined`, which ``progress`` is for).

    ``originals``: what the reconstructions are compared with, for noisy images the clean ones; by
    default the images themselves. Raises ShapeError for images of another size.
    """
    originals = images if originals is None else originals
    check_images(model, originals)
    found, start, reader = np.empty(images.shape, np.uint8), 0, RowReader(originals)
    parts: list[dict[str, np.ndarray]] = []
    labels = labels_of(model, images, labels)
    latents = refined(model, images, labels, steps=refine, progress=progress)
    for x in decoded_batches(model, latents, labels):
        rows = slice(start, start + len(x))
        found[rows] = to_bytes(x)
        parts.append(quality_of_each(x.permute(0, 2, 3, 1).cpu().numpy(), reader.take(rows)))
        start = rows.stop
    each = joined(parts)
    return Reconstructed(found, Quality.of(each), each)
