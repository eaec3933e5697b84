"""The box of the training latents: how the article draws from an AE."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from reparam.errors import RunError
from reparam.model.latent import LatentSpec
from reparam.model.priors.base import (
    PRIORS,
    Bounds,
    FitProgress,
    Form,
    Moments,
    Prior,
    PriorOptions,
)
from reparam.types import Language, Latents, PerExample


class Box(Prior):
    """Uniform over the box of the training latents.

    An AE has no prior of its own; ``sample``, ``log_prob`` and ``from_normal`` raise RunError
    before ``fit``.
    """

    kind: ClassVar[str] = "box"
    form: ClassVar[Form] = "uniform"
    between: ClassVar[Literal["slerp", "lerp"]] = "lerp"

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.full((latent_dim,), torch.nan))
        self.register_buffer("high", torch.full((latent_dim,), torch.nan))

    @property
    def fitted(self) -> bool:
        return not bool(self.low.isnan().any())

    def describe(self, lang: Language = "en") -> str:
        if lang == "ko":
            return "학습 이미지의 잠재 벡터를 감싸는 상자"
        return "the box of the training latents (an AE has no prior)"

    def options(self) -> "BoxOptions":
        return BoxOptions()

    def _require_fit(self) -> None:
        if not self.fitted:
            raise RunError(
                "the box of the training latents must be known to draw from it, got a run whose "
                "training has not ended. Fix: finish it with `reparam resume`"
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

    def moments(self) -> Moments:
        low, high = self.low.double(), self.high.double()
        return (low + high) / 2, torch.diag((high - low).square() / 12)

    def bounds(self) -> Bounds:
        return self.low, self.high

    def fit(self, z: Latents, seed: int = 0, progress: FitProgress | None = None) -> None:
        self.low.copy_(z.amin(0))
        self.high.copy_(z.amax(0))


@PRIORS.register("box")
@dataclass(frozen=True)
class BoxOptions(PriorOptions):
    """Uniform over the training latents' range (AE)."""

    is_known_after_training: ClassVar[bool] = True

    def build(self, latent: LatentSpec) -> Box:
        return Box(latent.dim)
