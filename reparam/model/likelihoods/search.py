"""How the likelihood's variance σ² moves while training, where no weight is given.

σ² is the weight in another unit: r_loss_factor = D / (2σ²). ``mse`` (squared pixels) and ``rate``
(nats) are the means of a batch, without gradient.
"""

import math

import torch

MEMORY = 0.95
"""Share that the running estimate of σ² keeps in a step: it follows about 20 batches."""

LOWEST = 1 / (12 * 255**2)
"""The variance that rounding to 256 grey levels has: a smaller σ² says nothing about images."""

HIGHEST = 1e4
"""β = σ² beyond which no rate is left to weigh."""

GECO_MEMORY = 0.9
"""α, share that the moving average of a constraint keeps in a step."""

GECO_SPEED = 0.04
"""η, the most that log σ² changes in a step."""


def optimal_variance(variance: torch.Tensor, mse: torch.Tensor) -> torch.Tensor:
    """σ² = MSE, the maximum of the likelihood, as a running estimate without gradient.

    It is the least of D/2 · ln σ² + D · MSE / 2σ² in σ² (Rybkin, Daniilidis and Levine 2021,
    "Simple and effective VAE training with calibrated decoders", the optimal σ-VAE). Were σ² the
    batch's own MSE, the distortion's gradient would be that of D/2 · ln MSE, as there.
    """
    return MEMORY * variance + (1 - MEMORY) * mse.detach()


def constraint(average: torch.Tensor, found: torch.Tensor, target: float) -> torch.Tensor:
    """C̄ ← α C̄ + (1 − α) C with C = ln(found / target), held within ±1: a batch's mean is at its
    target where C = 0. Beyond, a model that has not learned yet would wind the weight up for long.
    """
    # Before the logarithm: an estimate of a rate by samples may be 0 or less.
    excess = (found.detach() / target).clamp(math.exp(-1), math.e).log()
    return GECO_MEMORY * average + (1 - GECO_MEMORY) * excess


def holding_mse(variance: torch.Tensor, average: torch.Tensor) -> torch.Tensor:
    """λ ← λ · exp(η C̄) for λ = D / 2σ²: an error above its target weighs more.

    GECO (Rezende and Viola 2018, "Taming VAEs", algorithm 1), with the constraint on the logarithm
    of the error, so that η has no unit.
    """
    return variance * torch.exp(-GECO_SPEED * average)


def holding_rate(variance: torch.Tensor, average: torch.Tensor) -> torch.Tensor:
    """β ← β · exp(η C̄) for β = σ²: a rate above its target weighs more.

    The same algorithm with the constraint rate = target, in place of the penalty |KL − C| of
    Burgess et al. 2018 ("Understanding disentangling in β-VAE", eq. 8), which needs a weight of
    its own.
    """
    return variance * torch.exp(GECO_SPEED * average)
