"""q(z|x): what an encoder says about an image. A point (AE) or a normal distribution (VAE)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch

from reparam.errors import ConfigError
from reparam.model.noise import Noise, normal
from reparam.types import Latents, PerExample


@runtime_checkable  # beartype checks it under pytest
class Posterior(Protocol):
    """A distribution over latents for each image of a batch."""

    parameters: ClassVar[tuple[str, ...]]
    """The encoder's heads that it takes, by name."""

    @property
    def mean(self) -> Latents: ...

    def rsample(self, generator: Noise = None) -> Latents:
        """One latent for each image, differentiable in the parameters."""
        ...

    def entropy(self) -> PerExample | None:
        """In nats; None for a point, whose differential entropy is −∞."""
        ...


@dataclass(frozen=True)
class Delta:
    """All mass at ``mu``: the plain autoencoder."""

    mu: Latents
    parameters: ClassVar[tuple[str, ...]] = ("mu",)

    @property
    def mean(self) -> Latents:
        return self.mu

    def rsample(self, generator: Noise = None) -> Latents:
        return self.mu

    def entropy(self) -> None:
        return None


@dataclass(frozen=True)
class DiagonalNormal:
    """N(mu, diag(exp(log_var))) (Kingma & Welling 2014, eq. 9)."""

    mu: Latents
    log_var: Latents
    parameters: ClassVar[tuple[str, ...]] = ("mu", "log_var")

    @property
    def mean(self) -> Latents:
        return self.mu

    def rsample(self, generator: Noise = None) -> Latents:
        """z = mu + exp(log_var / 2) · ε, ε ~ N(0, I): reparametrised (ibid., section 2.4)."""
        epsilon = normal(self.mu.shape, generator, self.mu)
        return self.mu + torch.exp(self.log_var / 2) * epsilon

    def entropy(self) -> PerExample:
        constant = 1 + torch.log(torch.tensor(2 * torch.pi))
        return 0.5 * (self.log_var + constant.to(self.log_var)).sum(1)

    def log_prob(self, z: Latents) -> PerExample:
        """log q(z|x) in nats."""
        squared = (z - self.mu).square() * torch.exp(-self.log_var)
        return -0.5 * (squared + self.log_var + math.log(2 * math.pi)).sum(1)


POSTERIORS: Mapping[str, type[Delta] | type[DiagonalNormal]] = {
    "delta": Delta,
    "diagonal-normal": DiagonalNormal,
}


def posterior_type(name: str) -> type[Delta] | type[DiagonalNormal]:
    """Raises ConfigError for an unknown name."""
    if name not in POSTERIORS:
        raise ConfigError(f"posterior is one of {', '.join(POSTERIORS)}, found {name!r}")
    return POSTERIORS[name]
