"""N(m, Σ) with a full covariance: learned with the model, or fitted to latents."""

import math
from typing import ClassVar

import torch
from torch import nn

from reparam.model.posterior import DiagonalNormal, Posterior
from reparam.model.prior import Told, check_latents_to_fit, estimated_kl
from reparam.model.priors.triangular import fitted_normal, lower, raw_of
from reparam.types import Latents, PerExample


class GaussianPrior(nn.Module):
    """N(m, L Lᵀ) in d dimensions; N(0, I) before it learns anything."""

    kind: ClassVar[str] = "gaussian"
    needs_fit: ClassVar[bool] = False

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.fitted = False
        self.mean = nn.Parameter(torch.zeros(latent_dim))
        self.raw = nn.Parameter(torch.zeros(latent_dim, latent_dim))

    @property
    def description(self) -> str:
        how = "fitted to the latents" if self.fitted else "learned with the model"
        return f"a Gaussian {how}"

    @property
    def sizes(self) -> dict[str, int]:
        return {"latent_dim": self.mean.numel()}

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        shape = (n, self.mean.numel())
        return self.from_normal(torch.randn(shape, generator=generator, device=self.mean.device))

    def log_prob(self, z: Latents) -> PerExample:
        factor = lower(self.raw)
        y = torch.linalg.solve_triangular(factor, (z - self.mean).T, upper=False)
        log_det = self.raw.diagonal().sum()
        return -0.5 * (y.square() + math.log(2 * math.pi)).sum(0) - log_det

    def from_normal(self, u: Latents) -> Latents:
        """m + L u: u_j moves z_j and the dimensions after it."""
        return self.mean + u @ lower(self.raw).T

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        """½ (tr(Σ⁻¹ S) + ‖L⁻¹(μ − m)‖² − d + log det Σ − log det S) for q = N(μ, S)."""
        if not isinstance(q, DiagonalNormal):
            return estimated_kl(self, q, z)
        identity = torch.eye(self.mean.numel()).to(self.raw)
        inverse = torch.linalg.solve_triangular(lower(self.raw), identity, upper=False)
        trace = q.log_var.exp() @ inverse.square().sum(0)
        distance = ((q.mu - self.mean) @ inverse.T).square().sum(1)
        log_dets = 2 * self.raw.diagonal().sum() - q.log_var.sum(1)
        return 0.5 * (trace + distance - self.mean.numel() + log_dets)

    def fit(self, z: Latents, seed: int = 0, told: Told | None = None) -> None:
        """Maximum likelihood. Raises DataError for too few or collapsed latents."""
        check_latents_to_fit(z)
        mean, factor = fitted_normal(z)
        self.mean.data.copy_(mean)
        self.raw.data.copy_(raw_of(factor))
        self.fitted = True
        self.requires_grad_(False)
