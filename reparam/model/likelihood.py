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

    def log_prob(self, x: Images) -> PerExample:
        """log p(x|z) in nats: −Σ (x − mean)² / 2σ² − D/2 · log 2πσ², summed over the D pixels."""
        squared_error = (x - self.mean).square().flatten(1).sum(1)
        dimensions = x[0].numel()
        log_normaliser = 0.5 * dimensions * torch.log(2 * math.pi * self.variance)
        return -squared_error / (2 * self.variance) - log_normaliser


class GaussianLikelihood(nn.Module):
    """A normal likelihood of fixed variance σ²; least squares is its negative logarithm."""

    variance: torch.Tensor

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.register_buffer("variance", torch.tensor(float(variance)))

    def forward(self, decoded: Images) -> NormalPixels:
        return NormalPixels(decoded, self.variance)
