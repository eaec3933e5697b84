"""N(z | mean(y), variance(y)) of one latent layer, given another: dense layers and two heads."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.model.networks.layers import Dense
from reparam.model.networks.mlp import HiddenActivation, dense_blocks
from reparam.types import Latents, PerExample

Other = Float[Tensor, "B m"]
"""Latents of the other layer."""


class ConditionalNormal(nn.Module):
    """A normal distribution with independent dimensions of latents (B, outputs), whose mean and
    log variance are functions of others (B, inputs) (Burda et al. 2016, section 2 and appendix C).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        widths: Sequence[int],
        activation: HiddenActivation,
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.blocks = dense_blocks(inputs, widths, activation)
        last = (inputs, *widths)[-1]
        self.mean = Dense(last, outputs, hidden=True)
        self.log_var = Dense(last, outputs, hidden=True)

    def forward(self, given: Latents) -> tuple[Other, Other]:
        """Mean and log variance, in the precision of what is given."""
        x = self.blocks(given)
        return self.mean(x).to(given.dtype), self.log_var(x).to(given.dtype)

    def at(self, given: Latents, epsilon: Other) -> Other:
        """mean + σ · ε."""
        mean, log_var = self(given)
        return mean + torch.exp(log_var / 2) * epsilon

    def log_prob(self, z: Other, given: Latents) -> PerExample:
        """ln N(z | given), in nats."""
        return normal_log_probs(z, *self(given)).sum(1)


def normal_log_probs(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """ln N(z_j; mean_j, exp(log_var_j)) of each dimension, in nats; shapes broadcast."""
    squared = (z - mean).square() * torch.exp(-log_var)
    return -0.5 * (squared + log_var + math.log(2 * math.pi))
