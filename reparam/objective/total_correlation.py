"""Total correlation: how far the latent dimensions are from independent, over all images."""

from dataclasses import dataclass, field
from typing import ClassVar

from reparam.errors import ConfigError
from reparam.model import Autoencoder, Distribution, ModelConfig
from reparam.objective.base import TERMS, Drawn, TermOptions
from reparam.objective.inputs import InputConfig
from reparam.types import Latents, PerExample


def total_correlation(q: Distribution, z: Latents) -> PerExample:
    """log q(z_i) − Σ_j log q(z_ij), in nats, whose mean over z ~ q(z) is KL(q(z) ‖ Π_j q(z_j))
    (Chen et al. 2018, eq. 2), with the even mixture of the batch's M posteriors as q(z): their
    minibatch-weighted estimate (ibid., eq. S5).

    Theirs has 1/(NM) for N images in all where the mixture has 1/M. That adds (d − 1) log N to
    each value and nothing to a gradient; without, the values tend to the total correlation as M
    grows. For few images they are biased: 0 for one, and at most (d − 1) log M for narrow
    posteriors far apart.
    """
    joint = q.mixture_log_prob(z).to(z.dtype)
    return joint - q.mixture_log_prob_by_dimension(z).sum(1)


@TERMS.register("total-correlation")
@dataclass(frozen=True)
class TotalCorrelationOptions(TermOptions):
    """KL of all images' latents to the product of their dimensions, in nats (β-TCVAE).

    It is estimated from the posteriors of a batch: larger batches are less biased.
    """

    of_batch: ClassVar[bool] = True

    weight: float = field(default=5.0, kw_only=True)
    """β − 1: the rate has the total correlation in it once already."""

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        if not model.posterior.has_independent_dimensions:
            raise ConfigError(
                "posterior must have a density of each dimension for term total-correlation, got "
                f"{model.posterior.type}. Fix: take --posterior diagonal-normal, or for points "
                "term dip or mmd"
            )

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return total_correlation(drawn.q, drawn.z)
