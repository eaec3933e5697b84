"""p(z): where new latents are drawn from. Fixed (N(0, I)), or fitted afterwards (a box)."""

import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from reparam.errors import ConfigError, RunError
from reparam.model.posterior import DiagonalNormal, Posterior
from reparam.types import Latents, PerExample


@runtime_checkable  # beartype checks it under pytest
class Prior(Protocol):
    """A distribution over latents. Every density is in nats."""

    needs_fit: bool
    """Whether it is fitted to the latents of the training images once they are known."""

    description: str

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents: ...

    def log_prob(self, z: Latents) -> PerExample: ...

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        """KL(q ‖ p) of each image: in closed form, or else estimated at ``z`` ~ q."""
        ...

    def fit(self, z: Latents) -> None: ...


@runtime_checkable
class Factorised(Protocol):
    """A prior of independent dimensions, whose KL is a sum over them."""

    def kl_by_dimension(self, q: DiagonalNormal) -> Latents: ...


def _estimated_kl(prior: Prior, q: Posterior, z: Latents) -> PerExample:
    """−H(q) − log p(z), unbiased with one z ~ q. Raises ConfigError for a point."""
    entropy = q.entropy()
    if entropy is None:
        raise ConfigError(
            "a point has no finite KL to a continuous prior, found posterior delta with the "
            "regulariser kl: take posterior diagonal-normal or regulariser none"
        )
    return -entropy - prior.log_prob(z)


class StandardNormal(nn.Module):
    """N(0, I) in d dimensions."""

    needs_fit = False
    description = "N(0, I)"

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("device_marker", torch.zeros(0), persistent=False)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        device = self.get_buffer("device_marker").device
        return torch.randn(n, self.latent_dim, generator=generator, device=device)

    def log_prob(self, z: Latents) -> PerExample:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        """The sum of ``kl_by_dimension`` where it has a closed form."""
        if isinstance(q, DiagonalNormal):
            return self.kl_by_dimension(q).sum(1)
        return _estimated_kl(self, q, z)

    def kl_by_dimension(self, q: DiagonalNormal) -> Latents:
        """−½ (1 + log σ_j² − μ_j² − σ_j²) of each image and dimension j (B, d), in nats (Kingma &
        Welling 2014, appendix B).
        """
        return -0.5 * (1 + q.log_var - q.mu.square() - q.log_var.exp())

    def fit(self, z: Latents) -> None:
        """Nothing to fit."""


class Box(nn.Module):
    """Uniform over the box of the training latents: how the article draws from an AE.

    An AE has no prior of its own; ``sample`` and ``log_prob`` raise RunError before ``fit``.
    """

    needs_fit = True
    description = "the box of the training latents (an AE has no prior)"

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.full((latent_dim,), torch.nan))
        self.register_buffer("high", torch.full((latent_dim,), torch.nan))

    def _require_fit(self) -> None:
        if self.low.isnan().any():
            raise RunError(
                "an AE draws from the box of its training latents, which is known when training "
                "has ended: finish it with `reparam resume`"
            )

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        self._require_fit()
        shape = (n, self.low.numel())
        u = torch.rand(shape, generator=generator, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, z: Latents) -> PerExample:
        self._require_fit()
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        density = -(self.high - self.low).log().sum()
        return torch.where(inside, density, -torch.inf)

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        return _estimated_kl(self, q, z)

    def fit(self, z: Latents) -> None:
        self.low.copy_(z.amin(0))
        self.high.copy_(z.amax(0))


PRIORS: Mapping[str, type[StandardNormal] | type[Box]] = {
    "standard-normal": StandardNormal,
    "box": Box,
}


def prior_type(name: str) -> type[StandardNormal] | type[Box]:
    """Raises ConfigError for an unknown name."""
    if name not in PRIORS:
        raise ConfigError(f"prior is one of {', '.join(PRIORS)}, found {name!r}")
    return PRIORS[name]
