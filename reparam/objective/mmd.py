"""Maximum mean discrepancy: are the latents of a batch drawn from the prior?"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.model import Autoencoder, ModelConfig, Prior
from reparam.objective.base import TERMS, Drawn, TermOptions, check_prior
from reparam.objective.inputs import InputConfig
from reparam.types import Latents, PerExample

Kernel = Literal["inverse-multiquadratic", "rbf"]

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Of C, whose kernels are added up (Tolstikhin et al. 2018, in the authors' code)."""


def mmd(
    z: Latents, prior_draws: Latents, squared_scale: Tensor | float, kernel: Kernel
) -> Float[Tensor, ""]:
    """1/(n(n−1)) Σ_{l≠j} [k(z̃_l, z̃_j) + k(z_l, z_j)] − 2/n² Σ_{l,j} k(z̃_l, z_j): the unbiased
    estimate of MMD²_k (Tolstikhin et al. 2018, algorithm 2), for n latents z and n draws z̃ of the
    prior; k is the sum over SCALES s of kernels with C = s · ``squared_scale``.

    It has no unit, is 0 in mean where both are drawn from one distribution, and may be negative. 0
    for fewer than two latents, of which there are no pairs.
    """
    n = len(z)
    if n < 2:
        return 0 * z.sum()

    def pairs(x: Latents, y: Latents) -> Float[Tensor, "n n"]:
        return kernel_of(squared_distances(x, y), squared_scale, kernel)

    def between_different(x: Latents) -> Float[Tensor, ""]:
        k = pairs(x, x)
        return (k.sum() - k.diagonal().sum()) / (n * (n - 1))

    return between_different(prior_draws) + between_different(z) - 2 * pairs(prior_draws, z).mean()


def kernel_of(
    squared: Float[Tensor, "n m"], squared_scale: Tensor | float, kernel: Kernel
) -> Float[Tensor, "n m"]:
    """Σ_s C/(C + ‖x − y‖²), or Σ_s exp(−‖x − y‖²/C), of ``squared`` = ‖x − y‖²."""
    found = torch.zeros_like(squared)
    for scale in SCALES:
        c = scale * squared_scale
        found = found + (torch.exp(-squared / c) if kernel == "rbf" else c / (c + squared))
    return found


def squared_distances(x: Latents, y: Latents) -> Float[Tensor, "n m"]:
    """‖x_i − y_j‖², without the rounding of a matrix product."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square()


def squared_scale(prior: Prior, draws: Latents) -> Tensor:
    """2 d σ_z², the mean squared distance of two draws of the prior (Tolstikhin et al. 2018,
    section 4): by its moments where they are known, else by the variances of these draws.
    """
    moments = prior.moments()
    return 2 * (draws.var(0).sum() if moments is None else moments[1].trace())


@TERMS.register("mmd")
@dataclass(frozen=True)
class MmdOptions(TermOptions):
    """Discrepancy (MMD²) of latents and draws of the prior (WAE, InfoVAE); it has no unit.

    0 where they are alike, at most 14: 2 for each of the 7 kernels. Each image has the value of its
    whole batch, so larger batches say more.
    """

    of_batch: ClassVar[bool] = True

    weight: float = field(default=10.0, kw_only=True)
    """Weight of the term in the loss, in nats for a discrepancy of 1."""

    kernel: Kernel = "inverse-multiquadratic"
    """inverse-multiquadratic: C/(C + d²) for a distance d, whose tails are heavy: latents far from
    the prior have a gradient; rbf: exp(−d²/C)."""

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        check_prior(model, f"term {self.type}")

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        """The batch's ``mmd``, for each image. A prior that learns has no gradient by it."""
        draws = drawn.prior_draws(model.prior)
        found = mmd(drawn.z, draws, squared_scale(model.prior, draws), self.kernel)
        return found.expand(len(draws))
