"""How close images are to the originals: MSE, PSNR, SSIM, with their uncertainty over images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from reparam.evaluation.windows import gaussian_window, window_means
from reparam.model import rows_at_once
from reparam.types import Images, PerExample

BATCH = 100
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_LEAST = (0.01**2, 0.03**2)
"""c₁ and c₂ of Wang et al. 2004 for pixels in [0, 1]: what is added to divide by."""

Pictures = Float[np.ndarray, "N H W C"] | UInt8[np.ndarray, "N H W C"]
"""Pixels in [0, 1], or bytes."""


@dataclass(frozen=True)
class Estimate:
    """A mean over images and its standard error, which is NaN for a single image."""

    mean: float
    standard_error: float


@dataclass(frozen=True)
class Quality:
    """``mse``: squared pixels in [0, 1]; ``psnr``: dB, for a range of 1; ``ssim``: up to 1."""

    images: int
    mse: Estimate
    psnr: Estimate
    ssim: Estimate

    @classmethod
    def of(cls, each: Mapping[str, Float[np.ndarray, " N"]]) -> "Quality":
        """Of what ``quality_of_each`` gives."""
        return cls(len(each["mse"]), **{name: _estimate(each[name]) for name in each})


def image_quality(found: Pictures, originals: Pictures) -> Quality:
    """Each metric image by image, pixels in [0, 1], then its mean and standard error."""
    return Quality.of(quality_of_each(found, originals))


def quality_of_each(found: Pictures, originals: Pictures) -> dict[str, Float[np.ndarray, " N"]]:
    """``mse``, ``psnr`` and ``ssim`` of each image, pixels in [0, 1].

    PSNR is 10 · log10(1 / MSE), infinite for an exact copy. SSIM is that of Wang et al. 2004: the
    mean over channels and over all windows that lie wholly inside the image, Gaussian with σ = 1.5,
    11 × 11 pixels, as `skimage.metrics.structural_similarity` computes it with
    gaussian_weights=True, use_sample_covariance=False, data_range=1. Where a side is shorter, the
    window has the largest odd width that fits, and σ narrows by the same factor.
    """
    parts = [torch.empty(3, 0)]
    most = min(BATCH, rows_at_once(originals.shape[1:]))
    for start in range(0, len(originals), most):
        preds, target = (_channels_first(x[start : start + most]) for x in (found, originals))
        mse = (preds - target).square().flatten(1).mean(1)
        similar = mean_of_whole_windows(ssim_maps(preds, target))
        parts.append(torch.stack([mse, -10 * mse.log10(), similar]))
    rows = torch.cat(parts, 1).double().numpy()
    return dict(zip(("mse", "psnr", "ssim"), rows, strict=True))


def ssim_maps(preds: Images, target: Images) -> Images:
    """SSIM of the window around every pixel (B, C, H, W), as `quality_of_each` has it; near the
    border windows hold mirrored pixels.
    """
    channels, *sides = target.shape[1:]
    width = ssim_window(min(sides))
    window = gaussian_window(SSIM_SIGMA * width / SSIM_WINDOW, width // 2)
    all_five = torch.cat([preds, target, preds.square(), target.square(), preds * target], 1)
    means_of_all = window_means(all_five, window)
    mean, other, squares, other_squares, products = means_of_all.split(channels, 1)
    means = mean * other
    each, others = mean.square(), other.square()
    spread = (squares - each).clamp(min=0) + (other_squares - others).clamp(min=0)
    shared = 2 * (products - means)
    alike = (2 * means + SSIM_LEAST[0]) / (each + others + SSIM_LEAST[0])
    return alike * (shared + SSIM_LEAST[1]) / (spread + SSIM_LEAST[1])


def mean_of_whole_windows(similar: Images) -> PerExample:
    """Of each image of ``ssim_maps``: the mean over windows that lie wholly inside of it."""
    height, width = similar.shape[2:]
    edge = ssim_window(min(height, width)) // 2
    return similar[..., edge : height - edge, edge : width - edge].flatten(1).mean(1)


def joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Figures of consecutive parts of a set, as figures of the whole set."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def ssim_window(side: int) -> int:
    """The window's width: 11, or the largest odd one that fits into ``side`` pixels."""
    return min(SSIM_WINDOW, side - 1 + side % 2)


def _channels_first(images: Pictures) -> torch.Tensor:
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    return x / 255 if images.dtype == np.uint8 else x


def _estimate(values: Float[np.ndarray, " N"]) -> Estimate:
    n, mean = len(values), float(values.mean())
    if n < 2 or not math.isfinite(mean):
        return Estimate(mean, math.nan)
    return Estimate(mean, float(values.std(ddof=1)) / math.sqrt(n))
