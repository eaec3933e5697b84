"""The judge's network: images → 64 features → classes, or → images where there are no labels."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from reparam.types import Images

FEATURES = 64
"""Width of the feature layer, the last before the classes."""

SMALLEST_MAP = 7
"""Convolutions of stride 2 go on until the larger side has at most so many pixels."""

POOLED = 3
"""The map is averaged to at most 3 × 3 cells, so that any image size gives as many numbers."""

Features = Float[torch.Tensor, "B 64"]


class FeatureNetwork(nn.Module):
    """Images (B, C, H, W) in [0, 1] → the judge's features (B, 64).

    Convolutions with batch norm and ReLU, averaged to 3 × 3 cells, a dense layer of 64, SiLU, and a
    standardisation: over the training images each feature has mean 0 and variance 1. So a squared
    distance of 128 is that of two images which have nothing to do with each other.
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, channels = image_shape
        halvings = max(0, math.ceil(math.log2(max(height, width) / SMALLEST_MAP)))
        strides = [2] * halvings + [1] * (3 - min(halvings, 2))
        widths = [32] + [64] * (len(strides) - 1)
        self.sizes = [(height, width)]
        layers: list[nn.Module] = []
        for i, (stride, out) in enumerate(zip(strides, widths, strict=True)):
            kernel = 5 if i == 0 else 3
            layers += [
                nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            channels = out
            if stride == 2:
                height, width = -(-height // 2), -(-width // 2)
                self.sizes.append((height, width))
        self.cells = min(height, POOLED), min(width, POOLED)
        self.convolutions = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(self.cells)
        self.dense = nn.Linear(channels * math.prod(self.cells), FEATURES)
        self.standardise = nn.BatchNorm1d(FEATURES, affine=False)

    def before_standardising(self, x: Images) -> Features:
        return F.silu(self.dense(self.pool(self.convolutions(x)).flatten(1)))

    def forward(self, x: Images) -> Features:
        return self.standardise(self.before_standardising(x))


class ImageHead(nn.Module):
    """Features (B, 64) → images (B, C, H, W) in [0, 1]: the decoder of a judge without labels."""

    def __init__(self, sizes: list[tuple[int, int]], channels: int) -> None:
        super().__init__()
        self.sizes = sizes[::-1]
        widths = [64, 32, *[16] * len(sizes)][: len(sizes)]
        self.first = widths[0], *self.sizes[0]
        self.dense = nn.Linear(FEATURES, math.prod(self.first))
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )
            for before, after in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, features: Features) -> Images:
        x = F.relu(self.dense(features)).view(-1, *self.first)
        for size, stage in zip(self.sizes[1:], self.stages, strict=True):
            x = stage(F.interpolate(x, size=size))
        return self.last(x).sigmoid()


class JudgeNetwork(nn.Module):
    """The features, and what is trained on top of them: classes, or the image itself."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int | None) -> None:
        super().__init__()
        self.features = FeatureNetwork(image_shape)
        self.head: nn.Module = (
            ImageHead(self.features.sizes, image_shape[2])
            if classes is None
            else nn.Linear(FEATURES, classes)
        )

    def forward(self, x: Images) -> torch.Tensor:
        """Logits (B, classes), or images (B, C, H, W)."""
        return self.head(self.features(x))
