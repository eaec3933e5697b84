"""A point: the posterior of a plain autoencoder."""

from dataclasses import dataclass
from typing import ClassVar

from reparam.errors import ConfigError
from reparam.model.noise import Noise
from reparam.model.posteriors.base import POSTERIORS, Distribution, PosteriorForm, PosteriorOptions
from reparam.types import Latents, PerExample


@dataclass(frozen=True)
class Delta(Distribution):
    """All mass at ``mu``."""

    is_point: ClassVar[bool] = True
    form: ClassVar[PosteriorForm] = "point"

    mu: Latents

    @property
    def mean(self) -> Latents:
        return self.mu

    @property
    def variance(self) -> None:
        return None

    def rsample(self, noise: Noise = None) -> Latents:
        return self.mu

    def log_prob(self, z: Latents) -> PerExample:
        raise ConfigError(
            "a density needs a model with a distribution over latents (VAE), got an AE, whose "
            "posterior is a point. Fix: take a VAE"
        )


@POSTERIORS.register("delta")
@dataclass(frozen=True)
class DeltaOptions(PosteriorOptions):
    """A point for each image (AE)."""

    distribution: ClassVar[type[Distribution]] = Delta
