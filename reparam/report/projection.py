"""Latent spaces of any dimension on a plane, and back."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reparam.types import LatentArray

Points = Float[np.ndarray, "N 2"]


@dataclass(frozen=True)
class Projection:
    """z ↔ (z − centre) · axesᵀ; ``labels`` name the two axes of the plane.

    ``axes`` is (2, d) with orthonormal rows. ``onto`` and ``back`` are inverse on the plane.
    """

    centre: Float[np.ndarray, " d"]
    axes: Float[np.ndarray, "2 d"]
    labels: tuple[str, str]

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
        second = "$z_2$" if d == 2 else "(the latent space has one dimension)"
        return Projection(np.zeros(d, np.float32), axes, ("$z_1$", second))
    centre = z.mean(0)
    _, singular, rows = np.linalg.svd(z - centre, full_matrices=False)
    share = singular**2 / max((singular**2).sum(), 1e-12)
    axes = rows[:2]
    # The sign of a principal axis is free; fixing it keeps pictures of equal runs equal.
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(1)])
    labels = tuple(f"principal axis {i + 1} of {d} ({share[i]:.0%} of variance)" for i in range(2))
    return Projection(centre, axes * signs[:, None], (labels[0], labels[1]))
