"""Plain facts about where latents lie: centre and range."""

from dataclasses import dataclass

import numpy as np

from reparam.types import LatentArray


@dataclass(frozen=True)
class LatentFacts:
    """``centre_distance`` is ‖mean‖; ``low`` and ``high`` bound the latents in each dimension;
    ``farthest`` is the largest ‖z − mean‖ over its median.
    """

    centre_distance: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    farthest: float


def latent_facts(z: LatentArray) -> LatentFacts:
    """The facts of latents (N, d)."""
    mean = z.mean(0)
    radius = np.linalg.norm(z - mean, axis=1)
    return LatentFacts(
        centre_distance=float(np.linalg.norm(mean)),
        low=tuple(map(float, z.min(0))),
        high=tuple(map(float, z.max(0))),
        farthest=float(radius.max() / max(float(np.median(radius)), 1e-12)),
    )
