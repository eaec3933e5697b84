"""Two stochastic layers: q(z1|x) q(z2|z1), z = (z1, z2)."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks import ConditionalNormal, Features, FeatureShape, HiddenActivation
from reparam.model.noise import Noise, normal
from reparam.model.posteriors.base import POSTERIORS, Distribution, Posterior, PosteriorOptions
from reparam.model.posteriors.diagonal_normal import DiagonalNormal, NormalMoments
from reparam.types import Latents, PerExample


@dataclass(frozen=True)
class Chain(NormalMoments):
    """N(z1; mu1, σ1²) · N(z2 | z1), the second factor a network of z1 (Burda et al. 2016, eq. 2).

    ``mu`` and ``log_var`` (B, d) are of z = (z1, z2); their part of z2 is that at z1's mean, which
    is what ``mean`` and ``variance`` give of it: its moments over all z1 have no closed form.
    """

    upper: ConditionalNormal = field(metadata=Distribution.SHARED)

    @property
    def _below(self) -> int:
        """Dimensions of z1."""
        return self.mu.shape[1] - self.upper.outputs

    @property
    def lower(self) -> DiagonalNormal:
        """q(z1|x)."""
        return DiagonalNormal(self.mu[:, : self._below], self.log_var[:, : self._below])

    def rsample(self, noise: Noise = None) -> Latents:
        epsilon = normal(self.mu.shape, noise, self.mu)
        z1 = self.lower.at(epsilon[:, : self._below])
        return torch.cat([z1, self.upper.at(z1, epsilon[:, self._below :])], 1)

    def log_prob(self, z: Latents) -> PerExample:
        z1, z2 = z[:, : self._below], z[:, self._below :]
        return self.lower.log_prob(z1) + self.upper.log_prob(z2, z1)

    def mixture_log_prob(self, z: Latents) -> PerExample:
        """q(z2|z1) does not depend on the image: the mixture is of q(z1|x) alone."""
        z1, z2 = z[:, : self._below], z[:, self._below :]
        return self.lower.mixture_log_prob(z1) + self.upper.log_prob(z2, z1)


class ChainPosterior(Posterior):
    """Heads of z1 alone, and the network of q(z2|z1)."""

    def __init__(
        self, options: "ChainPosteriorOptions", features: FeatureShape, latent: LatentSpec
    ) -> None:
        super().__init__(Chain, features, latent.bottom)
        self.upper = ConditionalNormal(
            latent.bottom.dim, latent.top, options.widths, options.hidden_activation
        )

    def forward(self, features: Features) -> Chain:
        lower = self.heads(features)
        upper = self.upper(lower["mu"])
        both = zip(("mu", "log_var"), upper, strict=True)
        return self.of({name: torch.cat([lower[name], above], 1) for name, above in both})

    def of(self, tensors: dict[str, Latents]) -> Chain:
        return Chain(**tensors, upper=self.upper)


@POSTERIORS.register("chain")
@dataclass(frozen=True)
class ChainPosteriorOptions(PosteriorOptions):
    """Two stochastic layers, the second of --latent-top dimensions: q(z1|x) q(z2|z1)."""

    distribution: ClassVar[type[Distribution]] = Chain
    is_layered: ClassVar[bool] = True

    widths: tuple[int, ...] = option((100, 100), least=1)
    """Outputs of each dense layer between z1 and z2."""

    hidden_activation: HiddenActivation = "tanh"
    """What follows each of them."""

    def build(self, features: FeatureShape, latent: LatentSpec) -> ChainPosterior:
        return ChainPosterior(self, features, latent)
