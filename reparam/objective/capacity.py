"""A capacity that rises in the course of a run, at which the rate is held."""

from dataclasses import dataclass, field

import torch

from reparam.fields import option
from reparam.model import Autoencoder, ModelConfig, rate
from reparam.objective.base import TERMS, Added, Drawn, Losses, Phase, Term, TermOptions, check_rate
from reparam.objective.inputs import InputConfig
from reparam.types import PerExample


class Capacity(Term):
    """γ |KL − C(t)| (Burgess et al. 2018, eq. 8), of the mean rate of a step's whole batch.

    Recorded, in nats: ``capacity``, the difference; ``capacity_target``, C(t). Evaluation has the
    C of the run's end.
    """

    details = ("target",)
    of_batch = True

    def __init__(self, options: "CapacityOptions") -> None:
        super().__init__()
        self.rate, self.until = options.rate, options.until

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        """The rate of each image, whatever the objective does with it."""
        return rate(model.prior, drawn.q, drawn.z, drawn.log_q)

    def target(self, phase: Phase, like: torch.Tensor) -> torch.Tensor:
        """C(t) = C · min(1, t / until) for a share t of the run."""
        done = torch.as_tensor(phase.done, device=like.device)
        return self.rate * (done / self.until).clamp(max=1)

    def added(self, model: Autoencoder, losses: Losses, weight: float, phase: Phase) -> Added:
        rates = self(model, losses.drawn)
        target = self.target(phase, rates)
        side = (phase.mean(rates.detach()) - target).sign()
        value = side * (rates - target)  # its mean is |mean KL − C|, and so is its gradient
        details = {"target": target.to(rates.dtype).expand_as(rates)}
        return Added(value, weight * value, weight * value, details)


@TERMS.register("capacity")
@dataclass(frozen=True)
class CapacityOptions(TermOptions):
    """|rate − C| in nats, for a capacity C that rises from 0 in the course of the run.

    The rate is held at C all the way, so that latent dimensions come into use one after another. It
    goes with any objective; with --rate-weight 0 of elbo it alone acts on the rate (Burgess et al.
    2018). --target-rate instead moves the weight of the error until the rate is at a target.
    """

    weight: float = field(default=10.0, kw_only=True)
    """γ, in nats for a nat of difference. On 8 × 8 digits 10 holds the rate at C, at a lower error
    than 1000, which Burgess et al. take."""

    rate: float = option(25.0, above=0)
    """C at the end, in nats an image."""

    until: float = option(0.7, above=0, most=1)
    """Share of the run in which C rises."""

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        check_rate(model, "term capacity")

    def build(self, model: Autoencoder) -> Term:
        return Capacity(self)
