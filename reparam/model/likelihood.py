"""p(x|z): how an image may differ from its decoding."""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn import functional as F

from reparam.errors import DataRangeError
from reparam.model.config import LikelihoodName
from reparam.types import Images, PerExample


@runtime_checkable  # beartype checks it under pytest
class Pixels(Protocol):
    """A distribution over images for each latent of a batch."""

    @property
    def mean(self) -> Images:
        """The decoded image: what everybody but the likelihood looks at."""
        ...

    def distortion(self, x: Images) -> PerExample:
        """−log p(x|z) in nats, up to a constant that depends on no weight."""
        ...

    def log_prob(self, x: Images) -> PerExample:
        """log p(x|z) in nats."""
        ...


@runtime_checkable
class Likelihood(Protocol):
    """What the decoder gives (B, C, H, W) → a distribution over images."""

    name: ClassVar[LikelihoodName]

    @property
    def scale(self) -> torch.Tensor:
        """A scalar that divides the distortion: σ², which training may move, or always 1."""
        ...

    def __call__(self, decoded: Images) -> Pixels: ...

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """What the decoder must give for this mean; finite also at its ends, 0 and 1."""
        ...


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


@dataclass(frozen=True)
class BernoulliPixels:
    """Every pixel 1 with probability sigmoid(``logits``), else 0."""

    logits: Images

    @property
    def mean(self) -> Images:
        return torch.sigmoid(self.logits)

    def distortion(self, x: Images) -> PerExample:
        """−log p(x|z), whole: nothing of it is constant."""
        return -self.log_prob(x)

    def log_prob(self, x: Images) -> PerExample:
        """Σ x · log p + (1 − x) · log (1 − p), in nats (Kingma & Welling 2014, appendix C.1).

        From logits, so that no digit is lost where p is near 0 or 1. For pixels between 0 and 1 it
        is minus the cross-entropy, which is the mean over images drawn with those probabilities.
        Raises DataRangeError for pixels outside of [0, 1].
        """
        _check_range(x)
        each = F.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return -each.flatten(1).sum(1)


def _check_range(x: torch.Tensor) -> None:
    if x.is_cuda and torch.cuda.is_current_stream_capturing():  # which cannot look at values
        return
    low, high = (float(end) for end in x.detach().aminmax())
    if not (low >= 0 and high <= 1):
        found = low if not low >= 0 else high
        raise DataRangeError(
            f"a Bernoulli likelihood needs pixels in [0, 1], found {found:g}: divide bytes by 255, "
            "or take likelihood gaussian"
        )


class GaussianLikelihood(nn.Module):
    """A normal likelihood of variance σ², which no gradient moves; least squares is its negative
    logarithm.
    """

    name: ClassVar[LikelihoodName] = "gaussian"
    variance: torch.Tensor

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.register_buffer("variance", torch.tensor(float(variance)))

    @property
    def scale(self) -> torch.Tensor:
        return self.variance

    def forward(self, decoded: Images) -> NormalPixels:
        return NormalPixels(decoded, self.variance)

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        return mean


class BernoulliLikelihood(nn.Module):
    """Black and white pixels, independent of each other given z. It has no scale to choose."""

    name: ClassVar[LikelihoodName] = "bernoulli"
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()), persistent=False)

    def forward(self, decoded: Images) -> BernoulliPixels:
        return BernoulliPixels(decoded)

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        return torch.logit(mean, eps=1e-3)
