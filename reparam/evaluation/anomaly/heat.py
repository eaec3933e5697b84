"""Maps of anomaly laid over their pictures."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

from reparam.errors import DataError
from reparam.types import PixelArray

DIM = 0.7
"""Of a picture's brightness, what is left below the colours, so that the lightest stands out from
white too."""

AT_ONCE = 64
"""Pictures that are laid over at a time."""

OPAQUE = 0.75
"""Share of the colour where a map is highest; the rest is the picture."""


@dataclass(frozen=True)
class HeatScale:
    """What is seen of a map: nothing up to ``low``, the full colour from ``high`` on."""

    low: float
    high: float


def heat_scale(good: Float[np.ndarray, "N H W"]) -> HeatScale:
    """The scale for maps of any pictures, from those of good ones that were not trained on.

    Of the pixels of good pictures 2 % pass ``low``, and one good picture of ten passes ``high``
    anywhere: colour at its fullest is rare in good ones, also of maps that end at a largest value,
    as SSIM's do. Maps may have any unit. Raises DataError without maps.
    """
    if not good.size:
        raise DataError("a scale needs maps of good pictures, got none. Fix: give some")
    low, high = np.quantile(good, 0.98), np.quantile(good.max((1, 2)), 0.9)
    return HeatScale(float(low), float(max(high, low + 1e-12)))


def heat_overlay(
    images: PixelArray, maps: Float[np.ndarray, "N H W"], scale: HeatScale
) -> UInt8[np.ndarray, "N H W 3"]:
    """Pictures in grey, with their maps in colour above them, as bytes.

    All maps have one scale, so that colours of different pictures compare. Where a map is at most
    ``scale.low``, the picture is seen alone, DIM as bright. Of pictures with more than three
    channels the first three are their colours, of those with two the first is their grey.
    """
    found = np.empty((*maps.shape, 3), np.uint8)
    for start in range(0, len(maps), AT_ONCE):  # floats take many times the memory
        rows = slice(start, start + AT_ONCE)
        found[rows] = _overlay(images[rows], maps[rows], scale)
    return found


def _overlay(
    images: PixelArray, maps: Float[np.ndarray, "N H W"], scale: HeatScale
) -> UInt8[np.ndarray, "N H W 3"]:
    seen = images[..., :3] if images.shape[-1] >= 3 else images[..., :1]
    weights = np.array([0.299, 0.587, 0.114] if seen.shape[-1] == 3 else [1.0], np.float32)
    grey = (seen.astype(np.float32) / 255 @ weights)[..., None] * DIM
    heat = ((maps - scale.low) / (scale.high - scale.low)).clip(0, 1).astype(np.float32)
    colours = _colours()[np.rint(heat * 255).astype(int)]
    opaque = np.where(heat > 0, OPAQUE * np.sqrt(heat), 0)[..., None]
    return np.rint(255 * (grey * (1 - opaque) + colours * opaque)).astype(np.uint8)


@cache
def _colours() -> Float[np.ndarray, "256 3"]:
    """From violet by red and orange to pale yellow, lighter with every step (perceptually uniform).
    The map's darkest third is left out: it would look like the picture.
    """
    from matplotlib import colormaps  # imported late: only the page of verdicts needs it

    return colormaps["inferno"](np.linspace(0.35, 1, 256))[:, :3].astype(np.float32)
