"""The unit sphere, evenly: the prior of the hyperspherical VAE."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn import functional as F

from reparam.model.latent import LatentSpec
from reparam.model.posteriors import Distribution, check_sphere
from reparam.model.priors.base import PRIORS, MappedNoise, Moments, PriorOptions
from reparam.types import Language, Latents, PerExample


class Sphere(MappedNoise):
    """Uniform on the sphere S^{d−1} in R^d; densities are by its area (Davidson et al. 2018).

    ``form`` is not uniform: that is of a box, in whose inside its mass is.
    """

    kind: ClassVar[str] = "sphere"
    on_sphere: ClassVar[bool] = True

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            return "잠재 공간의 단위 구면 위 균등 분포"
        return "the unit sphere, evenly"

    @property
    def log_area(self) -> float:
        """ln(2 π^{d/2} / Γ(d/2))."""
        half = self.latent_dim / 2
        return math.log(2) + half * math.log(math.pi) - math.lgamma(half)

    def from_normal(self, u: Latents) -> Latents:
        """u / ‖u‖."""
        return F.normalize(u, dim=1)

    def log_prob(self, z: Latents) -> PerExample:
        """Of z on the sphere."""
        return torch.full_like(z[:, 0], -self.log_area)

    def kl(self, q: Distribution) -> PerExample | None:
        """−H(q) + ln area, of any q on the sphere whose entropy is known: the cross-entropy with an
        even density is a constant (ibid., eq. 5).
        """
        entropy = q.entropy()
        return self.log_area - entropy if entropy is not None and q.on_sphere else None

    def moments(self) -> Moments:
        return torch.zeros(self.latent_dim), torch.eye(self.latent_dim) / self.latent_dim


@PRIORS.register("sphere")
@dataclass(frozen=True)
class SphereOptions(PriorOptions):
    """The unit sphere of the latent space, evenly (S-VAE)."""

    on_sphere: ClassVar[bool] = True

    def build(self, latent: LatentSpec) -> Sphere:
        check_sphere(latent)
        return Sphere(latent.dim)
