"""The training images nearest to draws from the prior: what tells a new image from a copy."""

import json
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from reparam.data import RowReader
from reparam.evaluation import decode, nearest_images
from reparam.export.quantise import floats
from reparam.runs import RunView
from reparam.types import IndexArray, LatentArray, PixelArray

MATCHED = 256
"""Draws that are looked up. The page shows these, so many at a time."""

SEARCHED = 5000
"""Training images at most that are looked at, evenly spread over the split: encoding takes long."""

AT_ONCE = 2**24
"""Pixels of training images in memory at a time."""


@dataclass(frozen=True)
class NearestTraining:
    """``data``: a JSON object of lists. Of each image found: ``index``, its position in the set,
    and ``label``, null for none. Of each draw: ``latent`` and ``pixels``, places among these
    images, of the one with the nearest latent mean and of the one whose pixels are nearest to the
    decoded draw's; ``latent_distance``, and ``pixel_distance``: the root of the mean squared
    difference of pixels in [0, 1]. Both lists of pixels are null for a conditional model: what it
    decodes depends on the class.

    ``images``: those found (N, H, W, C). ``draws``: how many are looked up, from the first.
    ``searched``: how many training images were looked at.
    """

    data: bytes
    images: PixelArray
    draws: int
    searched: int


def nearest_training(view: RunView, draws: LatentArray) -> NearestTraining | None:
    """Of the first MATCHED draws (N, d); None for a set without training images."""
    images = view.source
    train = images.splits["train"]
    if not len(train):
        return None
    draws = draws[:MATCHED]
    among = train[np.linspace(0, len(train) - 1, min(len(train), SEARCHED)).astype(np.int64)]
    labels = images.labels
    near = nearest_images(view.model, draws, images.images, labels, k=1, among=among)
    latent, far = near.index[:, 0], near.distance[:, 0]
    pixels: IndexArray | None = None
    pixel_distance: np.ndarray | None = None
    if not view.model.classes:
        pixels, pixel_distance = _by_pixels(decode(view.model, draws), images.images, among)
    found = np.unique(latent if pixels is None else np.concatenate([latent, pixels]))
    known = None if labels is None else [int(k) if k >= 0 else None for k in labels[found]]
    facts = {
        "index": found.tolist(),
        "label": known or [None] * len(found),
        "latent": np.searchsorted(found, latent).tolist(),
        "latent_distance": floats(far),
        "pixels": None if pixels is None else np.searchsorted(found, pixels).tolist(),
        "pixel_distance": None if pixel_distance is None else floats(pixel_distance),
    }
    data = json.dumps(facts, separators=(",", ":")).encode()
    return NearestTraining(data, RowReader(images.images).take(found), len(draws), len(among))


def _by_pixels(
    decoded: Float[np.ndarray, "Q H W C"], images: PixelArray, among: IndexArray
) -> tuple[Int[np.ndarray, " Q"], Float[np.ndarray, " Q"]]:
    """Of each decoded image (Q, H, W, C) the position of the nearest image, and how far it is."""
    rows = decoded.reshape(len(decoded), -1)
    reader = RowReader(images)
    nearest, least = np.zeros(len(rows), np.int64), np.full(len(rows), np.inf)
    size = max(1, AT_ONCE // rows.shape[1])
    for start in range(0, len(among), size):
        places = among[start : start + size]
        x = reader.take(places).reshape(len(places), -1).astype(np.float32) / 255
        # Without the square of the draw, which is the same for all.
        squares = (x * x).sum(1) - 2 * rows @ x.T
        at = squares.argmin(1)
        found = squares[np.arange(len(rows)), at]
        nearer = found < least
        nearest[nearer], least[nearer] = places[at[nearer]], found[nearer]
    # The formula above loses the digits of small distances.
    exact = reader.take(nearest).reshape(rows.shape) / 255.0 - rows
    return nearest, np.sqrt((exact * exact).mean(1))
