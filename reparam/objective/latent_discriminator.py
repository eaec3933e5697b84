"""A network that tells two sets of latents apart, and what it says of their densities."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from reparam.model import Autoencoder
from reparam.objective.base import Added, Drawn, Losses, OwnOptimiser, Phase, Term
from reparam.types import Latents

SLOPE = 0.2
BETAS = (0.5, 0.9)
"""Of a discriminator's Adam (Kim & Mnih 2018, appendix A; Esser et al. 2021, in their code)."""


def frozen_scores(discriminator: nn.Module, x: Tensor) -> Tensor:
    """What a discriminator makes of x, with a gradient in x and none in its own weights."""
    weights = {name: p.detach() for name, p in discriminator.named_parameters()}
    return functional_call(discriminator, weights, (x,))


class LatentDiscriminator(nn.Module):
    """Latents (B, d) → the logit of the probability that a latent is of the first of two sets.

    Trained to the best, it is the log density ratio of the sets where these are equally large
    (Goodfellow et al. 2014, proposition 1).
    """

    def __init__(self, latent_dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((latent_dim, *widths), widths, strict=False):
            layers += [nn.Linear(before, after), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers, nn.Linear((latent_dim, *widths)[-1], 1))

    def forward(self, z: Latents) -> Float[Tensor, " B"]:
        logits: Tensor = self.layers(z)
        return logits[:, 0].float()


class LatentTerm(Term):
    """A term with such a network: two players, of which each has gradients in its own weights.

    A member says which latents are the second set (``others``), and what the model minimises
    (``forward``). Recorded beside it: ``discriminator``, the logistic loss of the network, nats:
    2 ln 2 = 1.39 where it cannot tell the sets apart; ``margin``, how much larger its logits are on
    the latents than on the others.
    """

    details = ("discriminator", "margin")

    def __init__(self, latent_dim: int, widths: Sequence[int], learning_rate: float) -> None:
        super().__init__()
        self.optimiser = OwnOptimiser(learning_rate, BETAS)
        self.discriminator = LatentDiscriminator(latent_dim, widths)

    def others(self, model: Autoencoder, drawn: Drawn) -> Latents:
        """As many latents of the second set, without gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define others")

    def added(self, model: Autoencoder, losses: Losses, weight: float, phase: Phase) -> Added:
        drawn = losses.drawn
        value = self(model, drawn)
        # Nothing of the network's own loss may reach the model.
        both = torch.cat([drawn.z.detach(), self.others(model, drawn)])
        ours, theirs = self.discriminator(both).chunk(2)
        logistic = F.softplus(-ours) + F.softplus(theirs)
        details = {"discriminator": logistic.detach(), "margin": (ours - theirs).detach()}
        # The network changes, and what it says does not compare between epochs.
        zero = torch.zeros_like(value)
        return Added(value.detach(), weight * value + logistic, zero, details)
