"""Plain facts about where latents lie: centre, range, and the area of each class."""

from dataclasses import dataclass

import numpy as np

from reparam.types import LabelArray, LatentArray


@dataclass(frozen=True)
class LatentFacts:
    """``centre_distance`` is ‖mean‖; ``low`` and ``high`` bound the latents in each dimension;
    ``farthest`` is the largest ‖z − mean‖ over its median.

    ``widest`` and ``narrowest`` name the classes of largest and smallest spread, and
    ``spread_ratio`` is the ratio of their areas: √det of the class's covariance, which is the area
    of its standard ellipse over π (a volume for d > 2). None without labels.
    """

    centre_distance: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    farthest: float
    widest: str | None
    narrowest: str | None
    spread_ratio: float | None


def latent_facts(
    z: LatentArray, labels: LabelArray | None, class_names: tuple[str, ...]
) -> LatentFacts:
    """The facts of latents (N, d), with N > d images in a class for it to count."""
    mean = z.mean(0)
    radius = np.linalg.norm(z - mean, axis=1)
    log_areas: dict[str, float] = {}
    if labels is not None:
        for c, name in enumerate(class_names):
            mine = z[labels == c]
            if len(mine) > z.shape[1]:
                _, log_det = np.linalg.slogdet(np.atleast_2d(np.cov(mine.T)))
                log_areas[name] = 0.5 * float(log_det)
    widest = max(log_areas, key=log_areas.__getitem__, default=None)
    narrowest = min(log_areas, key=log_areas.__getitem__, default=None)
    ratio = None
    if widest is not None and narrowest is not None and widest != narrowest:
        found = float(np.exp(np.clip(log_areas[widest] - log_areas[narrowest], None, 700)))
        ratio = found if np.isfinite(found) else None
    return LatentFacts(
        centre_distance=float(np.linalg.norm(mean)),
        low=tuple(map(float, z.min(0))),
        high=tuple(map(float, z.max(0))),
        farthest=float(radius.max() / max(float(np.median(radius)), 1e-12)),
        widest=widest,
        narrowest=narrowest,
        spread_ratio=ratio,
    )
