"""Two stochastic layers: p(z2) p(z1|z2), z = (z1, z2)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.model.latent import LatentSpec
from reparam.model.networks import ConditionalNormal, HiddenActivation, check_positive
from reparam.model.priors.base import PRIORS, Prior, PriorOptions
from reparam.types import Language, Latents, PerExample


class ChainPrior(Prior):
    """N(z2; 0, I) · N(z1 | z2), the second factor a network of z2 (Burda et al. 2016, eq. 1)."""

    kind: ClassVar[str] = "chain"

    def __init__(self, options: "ChainPriorOptions", latent: LatentSpec) -> None:
        super().__init__()
        self.below, self.top = latent.bottom.dim, latent.top
        self.lower = ConditionalNormal(
            self.top, self.below, options.widths, options.hidden_activation
        )

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            return f"두 확률층의 사전 분포: {self.top}차원의 N(0, I)과 학습한 p(z1|z2)"
        return f"two stochastic layers: N(0, I) in {self.top} dimensions, then a learned p(z1|z2)"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        device = self.lower.mean.weight.device
        shape = (n, self.below + self.top)
        return self.from_normal(torch.randn(shape, generator=generator, device=device))

    def from_normal(self, u: Latents) -> Latents:
        z2 = u[:, self.below :]
        return torch.cat([self.lower.at(z2, u[:, : self.below]), z2], 1)

    def log_prob(self, z: Latents) -> PerExample:
        z1, z2 = z[:, : self.below], z[:, self.below :]
        top = -0.5 * (z2.square() + math.log(2 * math.pi)).sum(1)
        return top + self.lower.log_prob(z1, z2)


@PRIORS.register("chain")
@dataclass(frozen=True)
class ChainPriorOptions(PriorOptions):
    """Two stochastic layers, the second of --latent-top dimensions: p(z2) p(z1|z2)."""

    is_learned: ClassVar[bool] = True
    is_layered: ClassVar[bool] = True

    widths: tuple[int, ...] = (100, 100)
    """Outputs of each dense layer between z2 and z1."""

    hidden_activation: HiddenActivation = "tanh"
    """What follows each of them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(prior_widths=self.widths)

    def build(self, latent: LatentSpec) -> ChainPrior:
        return ChainPrior(self, latent)
