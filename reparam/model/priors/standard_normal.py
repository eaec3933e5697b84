"""N(0, I): the prior of the article's VAE. It has nothing to learn and nothing to fit."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.model.latent import LatentSpec
from reparam.model.posteriors import Distribution
from reparam.model.priors.base import (
    LN_2PI,
    PRIORS,
    Form,
    MappedNoise,
    Moments,
    PriorOptions,
    log_standard_normal,
)
from reparam.types import Language, Latents, PerExample


class StandardNormal(MappedNoise):
    """N(0, I) in d dimensions."""

    kind: ClassVar[str] = "standard-normal"
    is_standard_normal: ClassVar[bool] = True
    form: ClassVar[Form] = "normal"

    @property
    def title(self) -> str:
        return "N(0, I)"

    def describe(self, lang: Language = "en") -> str:
        return "N(0, I)"

    def log_prob(self, z: Latents) -> PerExample:
        return log_standard_normal(z)

    def from_normal(self, u: Latents) -> Latents:
        return u

    def kl_by_dimension(self, q: Distribution) -> Latents | None:
        """−H(q_j) + ½ (μ_j² + σ_j² + ln 2π), of any q whose entropy is known: the cross-entropy
        with a normal distribution depends on two moments alone. For a normal q it is −½ (1 +
        log σ_j² − μ_j² − σ_j²) (Kingma & Welling 2014, appendix B).
        """
        entropies, variance = q.entropies(), q.variance
        if entropies is None or variance is None:
            return None
        return 0.5 * (q.mean.square() + variance + LN_2PI) - entropies

    def moments(self) -> Moments:
        return torch.zeros(self.latent_dim), torch.eye(self.latent_dim)


@PRIORS.register("standard-normal")
@dataclass(frozen=True)
class StandardNormalOptions(PriorOptions):
    """N(0, I)."""

    has_independent_dimensions: ClassVar[bool] = True

    def build(self, latent: LatentSpec) -> StandardNormal:
        return StandardNormal(latent.dim)
