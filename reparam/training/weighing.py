"""The weight's motion: the only place where the likelihood's variance changes in training."""

from dataclasses import dataclass, field
from math import prod

import torch
from jaxtyping import Float

from reparam.model import Autoencoder
from reparam.objective import ObjectiveConfig
from reparam.objective.weighing import (
    HIGHEST,
    LOWEST,
    constraint,
    holding_mse,
    holding_rate,
    optimal_variance,
)
from reparam.training.team import Team


@dataclass
class Weighing:
    """Moves σ² after each step where the weight is sought, and leaves it alone where it is given.

    The variance is the likelihood's own buffer, which checkpoints and replayed steps know; the
    average lies beside it. Both change in place.
    """

    config: ObjectiveConfig
    model: Autoencoder
    average: torch.Tensor = field(init=False)
    """C̄, the moving average of a target's constraint: a scalar."""

    def __post_init__(self) -> None:
        self.average = torch.zeros_like(self.scale)

    @property
    def scale(self) -> torch.Tensor:
        """What divides the distortion: σ², where the likelihood has one."""
        return self.model.likelihood.scale

    def begin_at(self, spread: float) -> None:
        """σ² where nothing is learned yet: the images' variance around their mean image."""
        if self.config.sought:
            self.scale.fill_(spread).clamp_(LOWEST, HIGHEST)

    @torch.no_grad()
    def after(self, terms: Float[torch.Tensor, "B 2"], team: Team, whole: int) -> None:
        """A step of ``whole`` images was taken, in which this process' had these halves of squared
        errors and these rates.
        """
        if not self.config.sought:
            return
        half_square, rate = team.mean_of_all(terms, whole)
        self.move(2 * half_square / prod(self.model.image_shape), rate)

    def move(self, mse: torch.Tensor, rate: torch.Tensor) -> None:
        """By the mean squared error and the rate of a whole batch."""
        config, variance, average = self.config, self.scale, self.average
        if config.target_mse is not None:
            average.copy_(constraint(average, mse, config.target_mse))
            variance.copy_(holding_mse(variance, average))
        elif config.target_rate is not None:
            average.copy_(constraint(average, rate, config.target_rate))
            variance.copy_(holding_rate(variance, average))
        else:
            variance.copy_(optimal_variance(variance, mse))
        variance.clamp_(LOWEST, HIGHEST)
