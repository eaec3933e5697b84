"""Nats, and the article's units: mean squared error per pixel and ``r_loss_factor``.

For D pixels × channels and a normal likelihood of variance σ²:

    −log p(x|z) = factor · MSE + D/2 · log 2πσ²,  factor = D / (2σ²)

so that factor · MSE + KL and the negative ELBO differ by a constant. Against a likelihood of unit
variance, weighing the rate by β gives the same optimum when β = σ². A Bernoulli likelihood has no
variance to choose: its losses are nats from the beginning, and the rate's weight is 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from reparam.model import Autoencoder

LossUnit = Literal["article", "nats"]

_TERMS: Mapping[LossUnit, tuple[str, str, str]] = {
    "article": ("r_loss_article", "rate_nats", "loss_article"),
    "nats": ("distortion_nats", "rate_nats", "loss_nats"),
}


def variance_of(r_loss_factor: float, dimensions: int) -> float:
    """σ² = D / (2 · factor), in squared pixel units."""
    return dimensions / (2 * r_loss_factor)


@dataclass(frozen=True)
class Weight:
    """One quantity in its three units: ``r_loss_factor`` = D / (2σ²), σ, and β = σ²."""

    r_loss_factor: float
    dimensions: int
    shown_in: ClassVar[LossUnit] = "article"
    """The unit in which people are shown its losses."""

    @classmethod
    def of_beta(cls, beta: float, dimensions: int) -> "Weight":
        return cls(dimensions / (2 * beta), dimensions)

    @classmethod
    def of_sigma(cls, sigma: float, dimensions: int) -> "Weight":
        return cls.of_beta(sigma**2, dimensions)

    @property
    def variance(self) -> float:
        return variance_of(self.r_loss_factor, self.dimensions)

    @property
    def sigma(self) -> float:
        return math.sqrt(self.variance)

    @property
    def beta(self) -> float:
        return self.variance

    @property
    def constant(self) -> float:
        """D/2 · log 2πσ²: what −log p(x|z) holds beside factor · MSE, in nats."""
        return 0.5 * self.dimensions * math.log(2 * math.pi * self.variance)

    def units(self) -> dict[str, float]:
        """The three units by name."""
        return {"r_loss_factor": self.r_loss_factor, "sigma": self.sigma, "beta": self.beta}

    def losses(self, distortion: float, rate: float) -> dict[str, float]:
        """Every loss of a mean distortion (without normaliser) and rate, named with its unit.

        ``mse``: squared pixels; ``r_loss_article`` = factor · mse and ``loss_article`` =
        factor · mse + KL: the article's units; ``distortion_nats``, ``rate_nats`` and ``loss_nats``
        (the negative ELBO, per image); ``loss_bits_per_dim``: the same per pixel and channel.
        """
        loss = distortion + self.constant + rate
        return {
            "loss_article": distortion + rate,
            "r_loss_article": distortion,
            "mse": distortion / self.r_loss_factor,
            "loss_nats": loss,
            "distortion_nats": distortion + self.constant,
            "rate_nats": rate,
            "loss_bits_per_dim": loss / (self.dimensions * math.log(2)),
        }

    def __str__(self) -> str:
        return (
            f"r_loss_factor {self.r_loss_factor:g} = D/(2σ²) with D = {self.dimensions}; "
            f"σ = {self.sigma:.4g}; β = {self.beta:.4g}"
        )


@dataclass(frozen=True)
class Unweighted:
    """The units of a likelihood without a scale: nats, and bits per dimension."""

    dimensions: int
    shown_in: ClassVar[LossUnit] = "nats"

    def units(self) -> dict[str, float]:
        """None: there is no weight."""
        return {}

    def losses(self, distortion: float, rate: float) -> dict[str, float]:
        """``distortion_nats``, ``rate_nats``, ``loss_nats`` (the negative ELBO, per image) and
        ``loss_bits_per_dim``, as ``Weight.losses`` names them; it has no article's units.
        """
        loss = distortion + rate
        return {
            "loss_nats": loss,
            "distortion_nats": distortion,
            "rate_nats": rate,
            "loss_bits_per_dim": loss / (self.dimensions * math.log(2)),
        }

    def __str__(self) -> str:
        return "Bernoulli likelihood: nats, no weight"


def units_of(model: Autoencoder) -> Weight | Unweighted:
    """The units of a model's losses, by its likelihood as it is now; σ² to float32's precision."""
    dimensions = math.prod(model.image_shape)
    if model.likelihood.name == "bernoulli":
        return Unweighted(dimensions)
    return Weight.of_beta(model.likelihood.scale.item(), dimensions)


def shown_terms(losses: Mapping[str, float], unit: LossUnit) -> tuple[float, float, float]:
    """Distortion, rate and their sum as people are shown them.

    The article's units leave the normaliser out, which is for a σ² that stays.
    """
    distortion, rate, loss = (losses[name] for name in _TERMS[unit])
    return distortion, rate, loss
