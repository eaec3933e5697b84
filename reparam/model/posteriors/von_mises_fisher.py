"""A distribution around a direction on the unit sphere: the posterior of the hyperspherical VAE."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from reparam.errors import ConfigError
from reparam.model.latent import LatentSpec
from reparam.model.networks import Features, FeatureShape
from reparam.model.noise import Noise, normal, uniform
from reparam.model.posteriors.base import POSTERIORS, Distribution, Posterior, PosteriorOptions
from reparam.model.posteriors.bessel import log_bessel
from reparam.model.posteriors.cosine import Column, Gap, variances
from reparam.types import Latents, PerExample

PROPOSALS = 16
"""Of each draw. About two thirds of all are accepted, so one draw in 10⁷ has none and takes its
last. With a fixed number, draws are a function of the noise, row by row."""

LEAST_VARIANCE = 1e-30
"""Of a coordinate; its logarithm is finite."""


@dataclass(frozen=True)
class VonMisesFisher(Distribution):
    """Density C_d(κ) exp(κ μᵀz) by area of the sphere S^{d−1} (Davidson et al. 2018, eq. 3).

    ``mu`` (B, d) is the mean direction, of length 1; ``kappa`` (B, 1) the concentration, above 0.
    """

    on_sphere: ClassVar[bool] = True

    mu: Latents
    kappa: Column

    @property
    def mean(self) -> Latents:
        """The mean direction: on the sphere, where the decoder learns."""
        return self.mu

    @property
    def expectation(self) -> Latents:
        """A_d(κ) μ, inside the sphere."""
        _, spread = log_bessel(self._d / 2 - 1, self.kappa)
        return (1 - spread / self.kappa) * self.mu

    @property
    def variance(self) -> Latents:
        """Of each coordinate around its expectation, exactly: μ_j² Var t + (1 − μ_j²) A / κ."""
        along, across = variances(self.kappa, self._d)
        square = self.mu.square()
        return (square * along + (1 - square) * across).clamp_min(LEAST_VARIANCE)

    @property
    def _d(self) -> int:
        return int(self.mu.shape[1])  # a trace has a tensor

    def _log_peak(self) -> PerExample:
        """ln C_d(κ) + κ: the density at μ (Davidson et al. 2018, eq. 4)."""
        log_value, _ = log_bessel(self._d / 2 - 1, self.kappa)
        return -log_value.squeeze(1) - self._d / 2 * math.log(2 * math.pi)

    def log_prob(self, z: Latents) -> PerExample:
        """By area of the sphere, for z on it; ‖z − μ‖² / 2 is 1 − μᵀz with all its digits."""
        return self._log_peak() - (self.kappa * (z - self.mu).square()).sum(1) / 2

    def entropy(self) -> PerExample:
        """κ (1 − A_d(κ)) − (ln C_d(κ) + κ): of the whole latent (ibid., eq. 5)."""
        _, spread = log_bessel(self._d / 2 - 1, self.kappa)
        return spread.squeeze(1) - self._log_peak()

    def nearest(self, z: Latents) -> Latents:
        return F.normalize(z, dim=1)

    def _across(self, x: Latents) -> Latents:
        """The direction of x without its part along μ."""
        return F.normalize(x - (x * self.mu).sum(1, keepdim=True) * self.mu, dim=1)

    def rsample(self, noise: Noise = None) -> Latents:
        """z = t μ + √(1 − t²) v, with t drawn by rejection and v uniform across μ (ibid.,
        algorithm 1).

        v is noise without its part along μ, in place of the paper's Householder reflection, whose
        gradient has a pole. The gradient of t by κ is the implicit one, which is exact: that
        through an accepted proposal lacks a correction for the acceptance (ibid., appendix D).
        """
        rows, d = self.mu.shape
        epsilon = normal(torch.Size((rows, 1 + PROPOSALS, d)), noise, self.mu)
        u = uniform(torch.Size((rows, PROPOSALS)), noise, self.mu)
        gap = Gap.apply(self.kappa, epsilon[:, 1:], u)
        v = self._across(self._across(epsilon[:, 0]))  # twice: the first leaves rounding errors
        return (1 - gap) * self.mu + torch.sqrt(gap * (2 - gap)) * v


class VonMisesFisherPosterior(Posterior):
    """A head for the direction (d), and one for the concentration, a number for each image."""

    def __init__(self, features: FeatureShape, latent: LatentSpec) -> None:
        super().__init__(VonMisesFisher, features, latent, {"kappa": LatentSpec((1,))})

    def forward(self, features: Features) -> Distribution:
        """μ is the first head's direction, κ = softplus + 1 (ibid., appendix E)."""
        heads = self.heads(features)
        kappa = F.softplus(heads["kappa"]) + 1
        return self.of({"mu": F.normalize(heads["mu"], dim=1), "kappa": kappa})


@POSTERIORS.register("von-mises-fisher")
@dataclass(frozen=True)
class VonMisesFisherOptions(PosteriorOptions):
    """A mean direction and a concentration on the unit sphere of the latent space (S-VAE)."""

    distribution: ClassVar[type[Distribution]] = VonMisesFisher

    def build(self, features: FeatureShape, latent: LatentSpec) -> VonMisesFisherPosterior:
        check_sphere(latent)
        return VonMisesFisherPosterior(features, latent)


def check_sphere(latent: LatentSpec) -> None:
    """Raises ConfigError for latents that have no connected sphere, and for maps."""
    if latent.is_spatial:
        raise ConfigError(
            "latents on a sphere must be rows of numbers, got maps. Fix: take --latent-dim in "
            "place of --latent-channels"
        )
    if latent.dim < 2:
        raise ConfigError(
            f"latents on a sphere must have 2 or more dimensions, got {latent.dim}, whose sphere "
            "is two points. Fix: raise --latent-dim"
        )
