"""DIP: latents whose covariance over all images is the identity."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from reparam.fields import option
from reparam.model import Autoencoder, Distribution
from reparam.objective.base import TERMS, Drawn, TermOptions
from reparam.types import Latents, PerExample

Of = Literal["means", "latents"]

Covariance = Float[Tensor, "d d"]


def covariance_of(mean: Latents) -> Covariance:
    """Cov[mean] over a batch, with 1/n: 0 for one image."""
    centred = mean - mean.mean(0)
    with torch.autocast(mean.device.type, enabled=False):  # bfloat16 has three digits
        return centred.mT @ centred / len(mean)


def aggregate_covariance(q: Distribution) -> Covariance:
    """Cov[z] for z ~ q(z) = E_x q(z|x): E_x Cov[z|x] + Cov_x E[z|x], with independent dimensions
    in q(z|x) (Kumar et al. 2018, section 3). The first is 0 for points.
    """
    between = covariance_of(q.mean)
    return between if q.variance is None else between + q.variance.mean(0).diag()


def dip(covariance: Covariance, diagonal: float) -> Float[Tensor, ""]:
    """Σ_{i≠j} C_ij² + diagonal · Σ_i (C_ii − 1)²: eq. 6 or 7 of Kumar et al. 2018, divided by
    λ_od, with ``diagonal`` = λ_d / λ_od. It has no unit.
    """
    variances = covariance.diagonal()
    off_diagonal = (covariance - variances.diag()).square().sum()
    return off_diagonal + diagonal * (variances - 1).square().sum()


@TERMS.register("dip")
@dataclass(frozen=True)
class DipOptions(TermOptions):
    """Squared distance of the latents' covariance to the identity (DIP-VAE); it has no unit.

    Each image has the value of its whole batch, so larger batches say more.
    """

    of_batch: ClassVar[bool] = True

    weight: float = field(default=10.0, kw_only=True)
    """λ_od, of the squared covariances, in nats."""

    covariance: Of = "latents"
    """latents: of what is drawn, posterior variances included (DIP-VAE-II); means: of the
    posteriors' means alone (DIP-VAE-I)."""

    diagonal: float = option(1.0, least=0)
    """λ_d/λ_od, of the variances against the covariances; 10 is usual for --dip-covariance means.
    """

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        q = drawn.q
        if self.covariance == "means":
            of_batch = covariance_of(q.expectation)
        elif q.form == "other":  # of which no Cov[z|x] is known: an estimate, by what is drawn
            of_batch = covariance_of(drawn.z)
        else:
            of_batch = aggregate_covariance(q)
        return dip(of_batch, self.diagonal).expand(len(drawn.z))
