"""Latent spaces of any dimension on a plane, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from jaxtyping import Float

from reparam.errors import ConfigError
from reparam.extras import need
from reparam.types import Language, LatentArray

Points = Float[np.ndarray, "N 2"]

Labels = Mapping[Language, tuple[str, str]]
"""Names of two axes, in every language."""

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def latent_name(j: int) -> str:
    """Of the latent dimension j, from 0: z₁ is the first."""
    return "z" + str(j + 1).translate(SUBSCRIPTS)


def _named(first: str, second: str) -> Labels:
    """Names that are the same in every language."""
    return dict.fromkeys(get_args(Language), (first, second))


@dataclass(frozen=True)
class Projection:
    """z ↔ (z − centre) · axesᵀ; ``labels`` name the two axes of the plane.

    ``axes`` is (2, d) with orthonormal rows. ``onto`` and ``back`` are inverse on the plane.
    """

    centre: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "2 d"]
    labels: Labels

    def onto(self, z: LatentArray) -> Points:
        return (z - self.centre) @ self.axes.T

    def back(self, points: Points) -> LatentArray:
        return (self.centre + points @ self.axes).astype(np.float32)


def principal_plane(z: LatentArray) -> Projection:
    """The plane itself for d = 2, else the two principal axes of ``z``, with their variance share.

    One dimension lies on the first axis, and the second is empty.
    """
    d = z.shape[1]
    if d <= 2:
        axes = np.eye(2, d, dtype=np.float32)
        names = _named(latent_name(0), latent_name(1))
        if d == 1:
            names = {
                "en": (latent_name(0), "(the latent space has one dimension)"),
                "ko": (latent_name(0), "(잠재 공간은 1차원)"),
            }
        return Projection(np.zeros(d, np.float32), axes, names)
    centre = z.mean(0)
    # All d axes, also where there are fewer images than two.
    _, singular, rows = np.linalg.svd(z - centre, full_matrices=len(z) < 2)
    singular = np.pad(singular, (0, max(2 - len(singular), 0)))
    share = singular**2 / max((singular**2).sum(), 1e-12)
    axes = rows[:2]
    # The sign of a principal axis is free; fixing it keeps pictures of equal runs equal.
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])
    one, two = (f"{part:.0%}" for part in share[:2])
    labels: Labels = {
        "en": (
            f"principal axis 1 of {d} ({one} of variance)",
            f"principal axis 2 of {d} ({two} of variance)",
        ),
        "ko": (f"{d}차원의 주성분 1(분산의 {one})", f"{d}차원의 주성분 2(분산의 {two})"),
    }
    return Projection(centre, axes * signs[:, None], labels)


def chosen_plane(z: LatentArray, dimensions: tuple[int, int]) -> Projection:
    """The plane of two latent dimensions (from 1), through the mean of ``z`` in the others.

    Raises ConfigError for dimensions that are not there, or twice the same.
    """
    d = z.shape[1]
    i, j = dimensions
    if i == j or not (1 <= i <= d and 1 <= j <= d):
        raise ConfigError(
            f"axes are two different dimensions from 1 to {d}, got {i} and {j}. Fix: choose others"
        )
    axes = np.eye(d, dtype=np.float32)[[i - 1, j - 1]]
    centre = z.mean(0)
    centre[[i - 1, j - 1]] = 0
    return Projection(centre, axes, _named(latent_name(i - 1), latent_name(j - 1)))


@dataclass(frozen=True)
class Scatter:
    """Places (N, 2) for the dots of a scatter plot, and the names of its axes."""

    points: Points
    labels: Labels


def check_umap() -> None:
    """Raises ConfigError when the package is not installed."""
    need("projection umap", "umap")


def umap_scatter(z: LatentArray) -> Scatter:
    """UMAP of the latents (McInnes et al. 2018), seeded. Raises ConfigError without the package."""
    check_umap()
    from umap import UMAP

    points = UMAP(n_components=2, random_state=0, n_jobs=1).fit_transform(z)
    d = z.shape[1]
    labels: Labels = {
        "en": (f"UMAP 1 of {d} dimensions", "UMAP 2"),
        "ko": (f"{d}차원의 UMAP 1", "UMAP 2"),
    }
    return Scatter(np.asarray(points, np.float32), labels)
