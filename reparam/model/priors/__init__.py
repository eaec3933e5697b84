"""The priors by name. Each is a ``Prior``; none knows of the others."""

from collections.abc import Mapping
from typing import Any

from reparam.errors import ConfigError
from reparam.model.config import ModelConfig
from reparam.model.prior import Prior
from reparam.model.priors.box import Box
from reparam.model.priors.flow import FlowPrior
from reparam.model.priors.gaussian import GaussianPrior
from reparam.model.priors.mixture import MixturePrior
from reparam.model.priors.standard_normal import StandardNormal

AnyFittedPrior = GaussianPrior | MixturePrior | FlowPrior
AnyPrior = StandardNormal | Box | AnyFittedPrior

FITTED: Mapping[str, type[AnyFittedPrior]] = {
    kind.kind: kind for kind in (GaussianPrior, MixturePrior, FlowPrior)
}
"""What is fitted to the latents of a trained encoder."""

_OWN: Mapping[str, type[AnyPrior]] = {
    kind.kind: kind for kind in (StandardNormal, Box, GaussianPrior, MixturePrior)
}
"""What a model is trained with."""

__all__ = [
    "FITTED",
    "AnyFittedPrior",
    "AnyPrior",
    "Box",
    "FlowPrior",
    "GaussianPrior",
    "MixturePrior",
    "Prior",
    "StandardNormal",
    "model_prior",
    "unfitted_prior",
]


def model_prior(config: ModelConfig) -> AnyPrior:
    """The prior that a model is trained with. Raises ConfigError for a name that is none."""
    if config.prior not in _OWN:
        raise ConfigError(f"prior is one of {', '.join(_OWN)}, found {config.prior!r}")
    if config.prior == "mixture":
        return MixturePrior(config.latent_dim, config.prior_components)
    return _OWN[config.prior](config.latent_dim)


def unfitted_prior(kind: str, sizes: Mapping[str, Any]) -> AnyFittedPrior:
    """What ``fit`` or a file makes a fitted prior of; ``sizes`` has ``latent_dim`` at least.

    Raises ConfigError for a kind that is not fitted.
    """
    if kind not in FITTED:
        raise ConfigError(
            f"a prior that is fitted is one of {', '.join(FITTED)}, found {kind!r}: choose one"
        )
    return FITTED[kind](**sizes)
