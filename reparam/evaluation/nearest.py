"""Which images of a set lie nearest to others in the latent space."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from reparam.data import from_bytes
from reparam.evaluation.inference import check_images, check_latents
from reparam.model import Autoencoder, each_batch
from reparam.types import IndexArray, LabelArray, PixelArray

QUERIES = 4096
"""Whose distances to a batch are held at a time."""


@dataclass(frozen=True)
class Nearest:
    """For each of Q latents the k nearest images, the nearest first: ``index`` (Q, k), their
    positions in the set, and ``distance`` (Q, k) in latent space.
    """

    index: Int[np.ndarray, "Q k"]
    distance: Float[np.ndarray, "Q k"]


def nearest_images(
    model: Autoencoder,
    z: Float[np.ndarray, "Q d"],
    images: PixelArray,
    labels: LabelArray | None = None,
    *,
    k: int,
    among: IndexArray | None = None,
    without: Int[np.ndarray, " Q"] | None = None,
) -> Nearest:
    """The k images (N, H, W, C) whose latents, the posteriors' means, lie nearest to each row of
    ``z`` (Q, d): by the Euclidean distance, and where that is the same, by their position.

    ``among``: the images to look at, by position; all by default. ``without`` (Q): for each row the
    position of one that does not count, its own. Where there are fewer than k, all are given. A
    batch is encoded at a time, and only the nearest are kept: memory does not grow with N.

    Raises ShapeError for images or latents that are not the model's.
    """
    check_images(model, images)
    check_latents(model, z)
    positions = np.arange(len(images)) if among is None else among
    own = without is not None and bool(np.isin(without, positions).any())
    count = min(k, len(positions) - own)
    found = Nearest(np.zeros((len(z), count), np.int64), np.full((len(z), count), np.inf))
    queries, start = torch.from_numpy(z), 0
    for batch in each_batch(
        model, images, lambda x, y: model.encode(from_bytes(x), y), among, labels
    ):
        places = positions[start : start + len(batch)]
        start += len(batch)
        for first in range(0, len(z), QUERIES):
            rows = slice(first, first + QUERIES)
            # The faster formula, by a matrix product, is not exact for near ones.
            distance = torch.cdist(
                queries[rows], batch.cpu(), compute_mode="donot_use_mm_for_euclid_dist"
            ).numpy()
            if without is not None:
                distance[without[rows, np.newaxis] == places] = np.inf
            distances = np.concatenate([found.distance[rows], distance], 1)
            index = np.broadcast_to(places, distance.shape)
            indices = np.concatenate([found.index[rows], index], 1)
            order = np.argsort(distances, 1, kind="stable")[:, :count]
            found.distance[rows] = np.take_along_axis(distances, order, 1)
            found.index[rows] = np.take_along_axis(indices, order, 1)
    return found
