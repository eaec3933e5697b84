"""The weight of the squared error against the rate, in its three units.

For D pixels × channels and a normal likelihood of variance σ²:

    −log p(x|z) = factor · MSE + D/2 · log 2πσ²,  factor = D / (2σ²)

so that factor · MSE + KL and the negative ELBO differ by a constant. Against a likelihood of unit
variance, weighing the rate by β gives the same optimum when β = σ².
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Weight:
    """One quantity in its three units: ``r_loss_factor`` = D / (2σ²), σ, and β = σ²."""

    r_loss_factor: float
    dimensions: int

    @classmethod
    def of_beta(cls, beta: float, dimensions: int) -> "Weight":
        return cls(dimensions / (2 * beta), dimensions)

    @classmethod
    def of_sigma(cls, sigma: float, dimensions: int) -> "Weight":
        return cls.of_beta(sigma**2, dimensions)

    @property
    def variance(self) -> float:
        """σ², in squared pixel units."""
        return self.dimensions / (2 * self.r_loss_factor)

    @property
    def sigma(self) -> float:
        return math.sqrt(self.variance)

    @property
    def beta(self) -> float:
        return self.variance

    @property
    def log_normaliser(self) -> float:
        """D/2 · log 2πσ²: what −log p(x|z) holds beside factor · MSE, in nats."""
        return 0.5 * self.dimensions * math.log(2 * math.pi * self.variance)

    def units(self) -> dict[str, float]:
        """The three units by name."""
        return {"r_loss_factor": self.r_loss_factor, "sigma": self.sigma, "beta": self.beta}

    def __str__(self) -> str:
        return (
            f"r_loss_factor {self.r_loss_factor:g} = D/(2σ²) with D = {self.dimensions}; "
            f"σ = {self.sigma:.4g}; β = {self.beta:.4g}"
        )
