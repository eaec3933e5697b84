"""Free bits: some nats of each latent dimension cost nothing."""

import torch
from jaxtyping import Float

from reparam.types import Latents, PerExample


def free_bits(rates: Latents, mean_rates: Float[torch.Tensor, " d"], free: float) -> PerExample:
    """Σ_j max(λ, mean_x KL_j) over a batch (Kingma et al. 2016, eq. 15), image by image, in nats.

    ``rates``: the KL of each image and dimension (B, d); ``mean_rates``: its mean over the whole
    batch, without gradient. The mean over images is the formula's, and so is the gradient: none
    for a dimension whose mean is at or below ``free``.
    """
    return torch.where(mean_rates > free, rates, free).sum(1)
