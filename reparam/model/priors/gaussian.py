"""N(m, Σ): learned with the model, or fitted to latents."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from reparam.model.latent import LatentSpec
from reparam.model.posteriors import Distribution
from reparam.model.priors.base import (
    LN_2PI,
    PRIORS,
    FitProgress,
    Form,
    MappedNoise,
    Moments,
    PriorOptions,
    log_standard_normal,
    origin,
)
from reparam.model.priors.triangular import (
    Covariance,
    fitted_normal,
    is_diagonal,
    lower,
    raw_of,
    standardised,
)
from reparam.types import Language, Latents, PerExample


class GaussianPrior(MappedNoise):
    """N(m, L Lᵀ) in d dimensions; N(0, I) before it learns anything.

    ``raw`` is L as ``triangular.lower`` has it (d, d), or, of a diagonal covariance, the logarithms
    of the standard deviations (d,).
    """

    kind: ClassVar[str] = "gaussian"
    form: ClassVar[Form] = "normal"

    def __init__(self, latent_dim: int, covariance: Covariance = "auto") -> None:
        super().__init__(latent_dim)
        self.fitted = False
        self.covariance: Covariance = covariance
        self.diagonal = is_diagonal(covariance, latent_dim)
        self.mean = nn.Parameter(torch.zeros(latent_dim))
        shape = (latent_dim,) if self.diagonal else (latent_dim, latent_dim)
        self.raw = nn.Parameter(torch.zeros(shape))

    @property
    def title(self) -> str:
        return "Gaussian"

    def describe(self, lang: Language = "en") -> str:
        how = origin(self.fitted, lang)
        return f"{how} 정규 분포" if lang == "ko" else f"a Gaussian {how}"

    def options(self) -> "GaussianPriorOptions":
        return GaussianPriorOptions(self.covariance)

    def log_prob(self, z: Latents) -> PerExample:
        return log_standard_normal(self._standardised(z - self.mean)) - self._log_det()

    def _standardised(self, centred: Latents) -> Latents:
        """L⁻¹ (z − m)."""
        if self.diagonal:
            return centred * torch.exp(-self.raw)
        return standardised(centred, lower(self.raw))

    def _log_det(self) -> torch.Tensor:
        """ln det L."""
        return self.raw.sum() if self.diagonal else self.raw.diagonal().sum()

    def from_normal(self, u: Latents) -> Latents:
        """m + L u: u_j moves z_j and the dimensions after it."""
        if self.diagonal:
            return self.mean + u * torch.exp(self.raw)
        return self.mean + u @ lower(self.raw).T

    def kl(self, q: Distribution) -> PerExample | None:
        """−H(q) + ½ (tr(Σ⁻¹ S) + ‖L⁻¹(μ − m)‖² + d ln 2π + ln det Σ) for q of mean μ and
        independent dimensions with variances S: exact for every q whose entropy is known.
        """
        entropies, variance = q.entropies(), q.variance
        if entropies is None or variance is None:
            return None
        if self.diagonal:
            trace = (variance * torch.exp(-2 * self.raw)).sum(1)
        else:
            identity = torch.eye(len(self.raw), dtype=self.raw.dtype, device=self.raw.device)
            inverse = torch.linalg.solve_triangular(lower(self.raw), identity, upper=False)
            # A product of matrices would be rounded to bfloat16 where the model computes in it.
            trace = (variance * inverse.square().sum(0)).sum(1)
        distance = self._standardised(q.mean - self.mean).square().sum(1)
        constant = self.mean.numel() * LN_2PI + 2 * self._log_det()
        return 0.5 * (trace + distance + constant) - entropies.sum(1)

    def moments(self) -> Moments:
        with torch.no_grad():
            if self.diagonal:
                return self.mean.detach(), torch.diag(torch.exp(2 * self.raw))
            factor = lower(self.raw)
            return self.mean.detach(), factor @ factor.T

    def fit(self, z: Latents, seed: int = 0, progress: FitProgress | None = None) -> None:
        """Maximum likelihood. Raises DataError for too few or collapsed latents."""
        mean, factor = fitted_normal(z, diagonal=self.diagonal)
        self.mean.data.copy_(mean)
        self.raw.data.copy_(raw_of(factor, diagonal=self.diagonal))
        self.fitted = True
        self.requires_grad_(False)


@PRIORS.register("gaussian")
@dataclass(frozen=True)
class GaussianPriorOptions(PriorOptions):
    """One Gaussian that learns its mean and covariance with a VAE, or is fitted afterwards."""

    is_learned: ClassVar[bool] = True
    is_fittable: ClassVar[bool] = True

    covariance: Covariance = "auto"
    """full, with d² numbers, or diagonal; auto is full up to 512 latent dimensions."""

    def build(self, latent: LatentSpec) -> GaussianPrior:
        return GaussianPrior(latent.dim, self.covariance)
