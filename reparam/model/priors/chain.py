"""Two stochastic layers: p(z2) p(z1|z2), z = (z1, z2)."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks import ConditionalNormal, HiddenActivation
from reparam.model.priors.base import PRIORS, NoiseMap, Prior, PriorOptions
from reparam.model.priors.standard_normal import StandardNormal
from reparam.model.priors.vamp import VampPrior
from reparam.types import Language, Latents, PerExample


class ChainPrior(Prior):
    """p(z2) · N(z1 | z2), the second factor a network of z2 (Burda et al. 2016, eq. 1; with a
    VampPrior for the first, Tomczak & Welling 2018, section 4). ``upper``: p(z2).
    """

    kind: ClassVar[str] = "chain"

    def __init__(self, options: "ChainPriorOptions", latent: LatentSpec, upper: Prior) -> None:
        super().__init__()
        self.below, self.top, self.upper = latent.bottom.dim, latent.top, upper
        self.lower = ConditionalNormal(
            self.top, self.below, options.widths, options.hidden_activation
        )

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            upper = f"{self.top}차원의 {self.upper.title}"
            return f"확률 층이 두 개인 사전 분포({upper}, 학습한 p(z1|z2))"
        upper = f"{self.upper.title} in {self.top} dimensions"
        return f"two stochastic layers: {upper}, then a learned p(z1|z2)"

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        shape, device = (n, self.below + self.top), self.lower.mean.weight.device
        u = torch.randn(shape, generator=generator, device=device)
        if isinstance(self, NoiseMap):
            return self.from_normal(u)
        z2 = self.upper.sample(n, generator)
        return torch.cat([self.lower.at(z2, u[:, : self.below]), z2], 1)

    def log_prob(self, z: Latents) -> PerExample:
        z1, z2 = z[:, : self.below], z[:, self.below :]
        return self.upper.log_prob(z2) + self.lower.log_prob(z1, z2)


class NormalChainPrior(ChainPrior):
    """With N(z2; 0, I): standard normal noise is mapped to it."""

    def from_normal(self, u: Latents) -> Latents:
        z2 = u[:, self.below :]
        return torch.cat([self.lower.at(z2, u[:, : self.below]), z2], 1)


@PRIORS.register("chain")
@dataclass(frozen=True)
class ChainPriorOptions(PriorOptions):
    """Two stochastic layers, the second of --latent-top dimensions: p(z2) p(z1|z2)."""

    is_learned: ClassVar[bool] = True
    is_layered: ClassVar[bool] = True

    widths: tuple[int, ...] = option((100, 100), least=1)
    """Outputs of each dense layer between z2 and z1."""

    hidden_activation: HiddenActivation = "tanh"
    """What follows each of them."""

    components: int = option(0, least=0)
    """Learned images of a VampPrior in place of N(0, I) for z2, such as 500; 0: N(0, I)."""

    def build(self, latent: LatentSpec) -> ChainPrior:
        if self.components:
            return ChainPrior(self, latent, VampPrior(self.components, latent.top))
        return NormalChainPrior(self, latent, StandardNormal(latent.top))
