"""N(0, I): the prior of the article's VAE. It has nothing to learn and nothing to fit."""

import math
from typing import ClassVar

import torch
from torch import nn

from reparam.model.posterior import DiagonalNormal, Posterior
from reparam.model.prior import Told, estimated_kl
from reparam.types import Latents, PerExample


class StandardNormal(nn.Module):
    """N(0, I) in d dimensions."""

    kind: ClassVar[str] = "standard-normal"
    needs_fit: ClassVar[bool] = False
    fitted = False

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("device_marker", torch.zeros(0), persistent=False)

    @property
    def description(self) -> str:
        return "N(0, I)"

    @property
    def sizes(self) -> dict[str, int]:
        return {"latent_dim": self.latent_dim}

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        device = self.get_buffer("device_marker").device
        return torch.randn(n, self.latent_dim, generator=generator, device=device)

    def log_prob(self, z: Latents) -> PerExample:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def from_normal(self, u: Latents) -> Latents:
        return u

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        """The sum of ``kl_by_dimension`` where it has a closed form."""
        if isinstance(q, DiagonalNormal):
            return self.kl_by_dimension(q).sum(1)
        return estimated_kl(self, q, z)

    def kl_by_dimension(self, q: DiagonalNormal) -> Latents:
        """−½ (1 + log σ_j² − μ_j² − σ_j²) of each image and dimension j (B, d), in nats (Kingma &
        Welling 2014, appendix B).
        """
        return -0.5 * (1 + q.log_var - q.mu.square() - q.log_var.exp())

    def fit(self, z: Latents, seed: int = 0, told: Told | None = None) -> None:
        """Nothing to fit."""
