"""p(z): what every prior can do. The families stand in ``priors/``, one file each."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from reparam.errors import ConfigError, DataError
from reparam.model.posterior import DiagonalNormal, Posterior
from reparam.types import Latents, PerExample

Told = Callable[[str], None]
"""Hears how far a long fit is, a line at a time."""


@runtime_checkable  # beartype checks it under pytest
class Prior(Protocol):
    """A distribution over latents. Every density is in nats.

    It is fixed, learned with the model (its parameters are the model's then, and ``kl`` is what
    they learn from), or fitted to the latents of a frozen encoder by ``fit`` (Ghosh et al. 2020,
    section 4; Dai & Wipf 2019, section 4).
    """

    kind: ClassVar[str]
    """Its name among the priors."""

    needs_fit: ClassVar[bool]
    """Whether a model that has it is no use before ``fit``: training ends with it then."""

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` has been called: its numbers follow from latents, not from training."""
        ...

    @property
    def description(self) -> str: ...

    @property
    def sizes(self) -> dict[str, int]:
        """The arguments that make an empty prior of the same shape."""
        ...

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents: ...

    def log_prob(self, z: Latents) -> PerExample: ...

    def from_normal(self, u: Latents) -> Latents:
        """Carries N(0, I) to the prior: u ~ N(0, I) gives z ~ p(z), continuously in u."""
        ...

    def kl(self, q: Posterior, z: Latents) -> PerExample:
        """KL(q ‖ p) of each image: in closed form, or else estimated at ``z`` ~ q."""
        ...

    def fit(self, z: Latents, seed: int = 0, told: Told | None = None) -> None:
        """Fits the prior to latents (N, d). Raises DataError for too few or collapsed ones."""
        ...

    def state_dict(self) -> dict[str, Any]: ...


@runtime_checkable
class Factorised(Protocol):
    """A prior of independent dimensions, whose KL is a sum over them."""

    def kl_by_dimension(self, q: DiagonalNormal) -> Latents: ...


def estimated_kl(prior: Prior, q: Posterior, z: Latents) -> PerExample:
    """−H(q) − log p(z), unbiased with one z ~ q. Raises ConfigError for a point."""
    entropy = q.entropy()
    if entropy is None:
        raise ConfigError(
            "a point has no finite KL to a continuous prior, found posterior delta with the "
            "regulariser kl: take posterior diagonal-normal or regulariser none"
        )
    return -entropy - prior.log_prob(z)


FEWEST = 20
"""Latents below which nothing is fitted."""


def check_latents_to_fit(z: Latents) -> None:
    """Raises DataError where no density can be fitted: too few latents, collapsed, or no numbers.

    The rule is at least 20, and more than two for each dimension.
    """
    n, d = z.shape
    if n < max(FEWEST, 2 * d + 1):
        raise DataError(
            f"a prior is fitted to at least {max(FEWEST, 2 * d + 1)} latents in {d} dimensions, "
            f"found {n}: train on more images, or with fewer latent dimensions"
        )
    if not z.isfinite().all():
        raise DataError(
            "a prior is fitted to finite latents, found infinite ones or no numbers: train again"
        )
    low, high = z.amin(0), z.amax(0)
    # Latents that differ by rounding alone are one point to a density in float32.
    if ((high - low) <= 1e-6 * z.abs().amax(0).clamp_min(1e-30)).all():
        raise DataError(
            "a prior is fitted to latents that differ, found the same for every image (the "
            "encoder has collapsed): train again, with a larger --weight for a VAE"
        )
