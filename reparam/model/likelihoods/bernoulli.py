"""A Bernoulli likelihood: pixels that are black or white."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from reparam.model.likelihoods.base import (
    LIKELIHOODS,
    Likelihood,
    LikelihoodForm,
    LikelihoodOptions,
    Pixels,
)
from reparam.model.likelihoods.levels import check_range
from reparam.model.networks import ImageShape
from reparam.types import Images, PerExample


@dataclass(frozen=True)
class BernoulliPixels(Pixels):
    """Every pixel 1 with probability sigmoid(``logits``), else 0."""

    logits: Images

    @property
    def mean(self) -> Images:
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Images) -> PerExample:
        """Σ x · log p + (1 − x) · log (1 − p), in nats (Kingma & Welling 2014, appendix C.1).

        From logits, so that no digit is lost where p is near 0 or 1. For pixels between 0 and 1 it
        is minus the cross-entropy, which is the mean over images drawn with those probabilities.
        Raises DataRangeError for pixels outside of [0, 1].
        """
        check_range(x, "Bernoulli")
        each = F.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return -each.flatten(1).sum(1)


class BernoulliLikelihood(Likelihood):
    """Black and white pixels, independent of each other given z. It has no scale to choose."""

    is_binary: ClassVar[bool] = True
    is_density: ClassVar[bool] = False
    form: ClassVar[LikelihoodForm] = "bernoulli"

    def forward(self, decoded: Images) -> BernoulliPixels:
        return BernoulliPixels(decoded)

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        return torch.logit(mean, eps=1e-3)


@LIKELIHOODS.register("bernoulli")
@dataclass(frozen=True)
class BernoulliLikelihoodOptions(LikelihoodOptions):
    """Black and white pixels; the loss of grey ones is the cross-entropy. It has no weight."""

    logits: ClassVar[bool] = True

    def build(self, image_shape: ImageShape) -> BernoulliLikelihood:
        return BernoulliLikelihood(math.prod(image_shape))
