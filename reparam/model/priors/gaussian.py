"""N(m, Σ): learned with the model, or fitted to latents."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from reparam.model.latent import LatentSpec
from reparam.model.posteriors import Distribution
from reparam.model.priors.base import (
    PRIORS,
    FitProgress,
    Form,
    Moments,
    Prior,
    PriorOptions,
    check_latents_to_fit,
)
from reparam.model.priors.triangular import (
    Covariance,
    fitted_deviations,
    fitted_normal,
    is_diagonal,
    lower,
    raw_of,
)
from reparam.types import Language, Latents, PerExample

LN_2PI = math.log(2 * math.pi)


class GaussianPrior(Prior):
    """N(m, L Lᵀ) in d dimensions; N(0, I) before it learns anything.

    ``raw`` is L as ``triangular.lower`` has it (d, d), or, of a diagonal covariance, the logarithms
    of the standard deviations (d,).
    """

    kind: ClassVar[str] = "gaussian"
    form: ClassVar[Form] = "normal"

    def __init__(self, latent_dim: int, covariance: Covariance = "auto") -> None:
        super().__init__()
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
        if lang == "ko":
            return f"{_how_ko(self.fitted)} 정규 분포"
        return f"a Gaussian {_how(self.fitted)}"

    def options(self) -> "GaussianPriorOptions":
        return GaussianPriorOptions(self.covariance)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        shape = (n, self.mean.numel())
        return self.from_normal(torch.randn(shape, generator=generator, device=self.mean.device))

    def log_prob(self, z: Latents) -> PerExample:
        y = self._standardised(z - self.mean)
        return -0.5 * (y.square() + LN_2PI).sum(1) - self._log_det()

    def _standardised(self, centred: Latents) -> Latents:
        """L⁻¹ (z − m)."""
        if self.diagonal:
            return centred * torch.exp(-self.raw)
        return torch.linalg.solve_triangular(lower(self.raw), centred.T, upper=False).T

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
            trace = variance @ inverse.square().sum(0)
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
        if self.diagonal:
            check_latents_to_fit(z, per_dimension=0)
            mean, deviations = fitted_deviations(z)
            raw = deviations.log()
        else:
            check_latents_to_fit(z)
            mean, factor = fitted_normal(z)
            raw = raw_of(factor)
        self.mean.data.copy_(mean)
        self.raw.data.copy_(raw)
        self.fitted = True
        self.requires_grad_(False)


def _how(fitted: bool) -> str:
    return "fitted to the latents" if fitted else "learned with the model"


def _how_ko(fitted: bool) -> str:
    return "학습 이미지의 잠재 벡터에 맞춘" if fitted else "모델과 함께 학습한"


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
