"""The negative evidence lower bound, image by image."""

from dataclasses import dataclass

import torch
from jaxtyping import Float

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model import Autoencoder, ModelConfig, Noise, rate
from reparam.objective.base import OBJECTIVES, Drawn, Losses, Objective, Phase
from reparam.types import Latents, PerExample


@OBJECTIVES.register("elbo")
@dataclass(frozen=True)
class Elbo(Objective):
    """Distortion + KL(q(z|x) ‖ p(z)): the negative evidence lower bound (VAE)."""

    free_bits: float = option(0.0, least=0)
    """Nats of each latent dimension that cost nothing in training, such as 0.1."""

    rate_weight: float = option(1.0, least=0)
    """Of the rate in training, against a distortion of weight 1, with any likelihood; such as 4
    (β-VAE). 0 where an extra term alone is to act on it. Reported losses have weight 1; the best
    epoch is chosen with this one."""

    def check(self, model: ModelConfig) -> None:
        super().check(model)
        if self.free_bits and not model.prior.has_independent_dimensions:
            raise ConfigError(
                f"prior must have independent dimensions for free_bits, got {model.prior.type}. "
                "Fix: take --prior standard-normal, or omit free_bits"
            )
        if self.free_bits and not model.posterior.has_entropies:
            raise ConfigError(
                "posterior must have an entropy in closed form for free_bits, got "
                f"{model.posterior.type}. Fix: take --posterior diagonal-normal, or omit free_bits"
            )

    def weight_of_rate(self) -> float:
        return self.rate_weight

    def more_rate(self, model: ModelConfig) -> tuple[str, ...]:
        can = model.prior.has_independent_dimensions and model.posterior.has_entropies
        return ("--free-bits 0.1",) if can and self.free_bits < 0.1 else ()

    def __call__(
        self, model: Autoencoder, batch: Batch, phase: Phase, noise: Noise = None
    ) -> Losses:
        """At one z ~ q(z|x) (Kingma & Welling 2014, eq. 7)."""
        drawn = Drawn.of(model, batch, noise)
        terms = model.likelihood.terms(drawn.pixels, batch.images)
        rates = model.prior.kl_by_dimension(drawn.q)
        kl = rate(model.prior, drawn.q, drawn.z, drawn.log_q) if rates is None else rates.sum(1)
        cost = kl
        if self.free_bits and (rates is not None or model.training):
            if rates is None:  # a model that no configuration was checked for
                raise ConfigError(
                    "free_bits must have the rate of each latent dimension in closed form, got "
                    f"prior {model.prior.kind} with a posterior of {type(drawn.q).__name__}. Fix: "
                    "omit free_bits"
                )
            cost = free_bits(rates, phase.mean(rates.detach()), self.free_bits)
        return Losses(
            objective=terms["distortion"] + self.rate_weight * phase.rate_weight * cost,
            terms={**terms, "rate": kl, "loss": terms["distortion"] + kl},
            drawn=drawn,
            rates=rates,
        )


def free_bits(rates: Latents, mean_rates: Float[torch.Tensor, " d"], free: float) -> PerExample:
    """Σ_j max(λ, mean_x KL_j) over a batch (Kingma et al. 2016, eq. 15), image by image, in nats.

    ``rates``: the KL of each image and dimension (B, d); ``mean_rates``: its mean over the whole
    batch, without gradient. The mean over images is the formula's, and so is the gradient: none
    for a dimension whose mean is at or below ``free``.
    """
    return torch.where(mean_rates > free, rates, free).sum(1)
