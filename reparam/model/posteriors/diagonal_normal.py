"""A normal distribution with independent dimensions: the posterior of the article's VAE."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.model.networks import normal_log_probs
from reparam.model.noise import Noise, normal
from reparam.model.posteriors.base import (
    PAIRS,
    POSTERIORS,
    Distribution,
    PosteriorForm,
    PosteriorOptions,
)
from reparam.types import Latents, PerExample

LN_2PI = math.log(2 * math.pi)

BLOCK = 4_000_000
"""Numbers of a block of the M × B table of a mixture, which is never held whole."""


@dataclass(frozen=True)
class NormalMoments(Distribution):
    """What distributions of normal factors share: they are told by mean and log variance."""

    mu: Latents
    log_var: Latents

    @property
    def mean(self) -> Latents:
        return self.mu

    @property
    def variance(self) -> Latents:
        return self.log_var.exp()

    @property
    def log_variance(self) -> Latents:
        return self.log_var


@dataclass(frozen=True)
class DiagonalNormal(NormalMoments):
    """N(mu, diag(exp(log_var))) (Kingma & Welling 2014, eq. 9)."""

    form: ClassVar[PosteriorForm] = "normal"

    def at(self, epsilon: Latents) -> Latents:
        """mu + σ · ε: where standard normal noise is carried to (ibid., section 2.4)."""
        return self.mu + torch.exp(self.log_var / 2) * epsilon

    def rsample(self, noise: Noise = None) -> Latents:
        return self.at(normal(self.mu.shape, noise, self.mu))

    def entropies(self) -> Latents:
        return 0.5 * (self.log_var + (1 + LN_2PI))

    def log_prob(self, z: Latents) -> PerExample:
        return self.log_prob_by_dimension(z).sum(1)

    def log_prob_by_dimension(self, z: Latents) -> Latents:
        return normal_log_probs(z, self.mu, self.log_var)

    def mixture_log_prob_by_dimension(self, z: Latents) -> Latents:
        count, found = len(self.mu), []
        for part in z.split(max(1, PAIRS // count)):
            each = normal_log_probs(part[:, None], self.mu, self.log_var)
            found.append(each.logsumexp(1) - math.log(count))
        return torch.cat(found)

    def mixture_log_prob(self, z: Latents) -> PerExample:
        """In float64. The M × B exponents are one matrix product a block: with precisions w,
        −½ Σ w (z − mu)² = [z², z] · [−½ w, w mu] − ½ Σ w mu².
        """
        centre = self.mu.double().mean(0)  # far from 0 the squares would cancel
        mu, log_var = self.mu.double() - centre, self.log_var.double()
        precision = torch.exp(-log_var)
        factors = torch.cat([-0.5 * precision, precision * mu], 1).T
        constant = -0.5 * (LN_2PI + log_var + precision * mu.square()).sum(1)
        found = []
        for part in (z.double() - centre).split(max(1, BLOCK // len(mu))):
            terms = torch.cat([part.square(), part], 1) @ factors + constant
            found.append(terms.logsumexp(1))
        return torch.cat(found) - math.log(len(mu))


@POSTERIORS.register("diagonal-normal")
@dataclass(frozen=True)
class DiagonalNormalOptions(PosteriorOptions):
    """A normal distribution with a mean and a variance for each dimension (VAE)."""

    distribution: ClassVar[type[Distribution]] = DiagonalNormal
