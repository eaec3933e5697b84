"""How close reconstructions are to their originals: pixel by pixel, and as a judge sees it."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from reparam.evaluation.measures.measured import Measured, mean_of

Features = Float[np.ndarray, "N f"]


def reconstruction_quality(each: Mapping[str, Float[np.ndarray, " N"]]) -> dict[str, Measured]:
    """``mse`` (squared pixels in [0, 1]), ``psnr`` (dB) and ``ssim``: means over images.

    ``each`` is what `quality_of_each` gives, which has their definitions.
    """
    return {name: mean_of(values) for name, values in each.items()}


def feature_distance(found: Features, originals: Features, *, rng: np.random.Generator) -> Measured:
    """Mean ‖f(x̂) − f(x)‖ between an image and its reconstruction, in the judge's features.

    The note gives the distance of two unrelated originals, to compare with.
    """
    distances = np.linalg.norm(found - originals, axis=1)
    others = np.linalg.norm(originals - originals[rng.permutation(len(originals))], axis=1)
    return mean_of(distances, note=f"two originals are {others.mean():.3g} apart")
