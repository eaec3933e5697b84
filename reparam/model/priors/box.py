"""The box of the training latents: how the article draws from an AE."""

from typing import ClassVar

import torch
from torch import nn

from reparam.errors import RunError
from reparam.model.posterior import Posterior
from reparam.model.prior import Told, estimated_kl
from reparam.types import Latents, PerExample


class Box(nn.Module):
    """Uniform over the box of the training latents.

    An AE has no prior of its own; ``sample``, ``log_prob`` and ``from_normal`` raise RunError
    before ``fit``.
    """

    kind: ClassVar[str] = "box"
    needs_fit: ClassVar[bool] = True

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.full((latent_dim,), torch.nan))
        self.register_buffer("high", torch.full((latent_dim,), torch.nan))

    @property
    def fitted(self) -> bool:
        return not bool(self.low.isnan().any())

    @property
    def description(self) -> str:
        return "the box of the training latents (an AE has no prior)"

    @property
    def sizes(self) -> dict[str, int]:
        return {"latent_dim": self.low.numel()}

    def _require_fit(self) -> None:
        if not self.fitted:
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

    def from_normal(self, u: Latents) -> Latents:
        """low + (high − low) · Φ(u)."""
        self._require_fit()
        return self.low + (self.high - self.low) * torch.special.ndtr(u)

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        return estimated_kl(self, q, z)

    def fit(self, z: Latents, seed: int = 0, told: Told | None = None) -> None:
        self.low.copy_(z.amin(0))
        self.high.copy_(z.amax(0))
