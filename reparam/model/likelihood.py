"""p(x|z): how an image may differ from its decoding."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from reparam.types import Images, PerExample


@dataclass(frozen=True)
class NormalPixels:
    """Every pixel normal around ``mean`` with one ``variance``, in squared pixel units."""

    mean: Images
    variance: torch.Tensor

    def distortion(self, x: Images) -> PerExample:
        """Σ (x − mean)² / 2σ², in nats: −log p(x|z) without the normaliser, which is constant.

        Kept apart because the normaliser can be thousands of times larger, and float32 would
        round the error away.
        """
        return (x - self.mean).square().flatten(1).sum(1) / (2 * self.variance)

    def log_prob(self, x: Images) -> PerExample:
        """log p(x|z) in nats: −distortion − D/2 · log 2πσ², for D pixels × channels."""
        dimensions = x[0].numel()
        log_normaliser = 0.5 * dimensions * torch.log(2 * math.pi * self.variance)
        return -self.distortion(x) - log_normaliser


class GaussianLikelihood(nn.Module):
    """A normal likelihood of fixed variance σ²; least squares is its negative logarithm."""

    variance: torch.Tensor

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.register_buffer("variance", torch.tensor(float(variance)))

    def forward(self, decoded: Images) -> NormalPixels:
        return NormalPixels(decoded, self.variance)
