"""How unlikely an image is under the model."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.evaluation.anomaly.scores.base import (
    ANOMALY_SCORES,
    AnomalyScore,
    Fitted,
    Maps,
    ScoreNeed,
    Seen,
)
from reparam.fields import option
from reparam.model import SharedNoise
from reparam.types import PerExample

SEED = 0
"""Of the latents that are drawn: a score is the same whenever it is computed."""


class _SameNoise(SharedNoise):
    """The noise of one image, for every image of a batch: an image's score then does not depend on
    the images beside it.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(torch.Generator(device).manual_seed(SEED), 0, 1)

    def draw(
        self, function: Callable[..., torch.Tensor], shape: torch.Size, like: torch.Tensor
    ) -> torch.Tensor:
        one = function(
            (1, *shape[1:]), generator=self.generator, device=like.device, dtype=like.dtype
        )
        return one.expand(shape)


def log_weights(seen: Seen, draws: int) -> Iterator[PerExample]:
    """log p(x, z) − log q(z|x) in nats, float64 on the CPU, for each of some draws z ~ q(z|x)."""
    model, q, noise = seen.model, seen.posterior, _SameNoise(seen.images.device)
    for _ in range(draws):
        z, log_q = q.draw(noise)
        log_q = q.log_prob(z) if log_q is None else log_q
        log_p = model.pixels(z, seen.labels).log_prob(seen.images) + model.prior.log_prob(z)
        yield (log_p - log_q).cpu().double()


@dataclass(frozen=True)
class _OfDraws(AnomalyScore):
    """A score of several draws of each latent."""

    requires: ClassVar[tuple[ScoreNeed, ...]] = ("density",)

    no_onnx: ClassVar[str] = "draws latents at random"

    draws: int = option(16, least=1)
    """Latents that are drawn for each image; more take as much more time, and vary less."""


@ANOMALY_SCORES.register("elbo")
@dataclass(frozen=True)
class NegativeElbo(_OfDraws):
    """The negative evidence lower bound (Kingma & Welling 2014), in nats."""

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        return -torch.stack(list(log_weights(seen, self.draws))).mean(0), None


@ANOMALY_SCORES.register("log-likelihood")
@dataclass(frozen=True)
class NegativeLogLikelihood(_OfDraws):
    """The negative importance-weighted bound (Burda et al. 2016, eq. 8), in nats.

    It is nearer to −log p(x) than the ELBO.
    """

    draws: int = option(64, least=1)
    """Latents that are drawn for each image; with more the bound is nearer, and takes longer."""

    def __call__(self, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
        found = torch.stack(list(log_weights(seen, self.draws)))
        return math.log(self.draws) - found.logsumexp(0), None
