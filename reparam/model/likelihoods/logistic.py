"""A mixture of discretised logistic distributions: the probability of each of 256 levels."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch.nn import functional as F

from reparam.fields import option
from reparam.model.likelihoods.base import LIKELIHOODS, Likelihood, LikelihoodOptions, Pixels
from reparam.model.likelihoods.levels import LAST, STEP, bounded, check_range
from reparam.model.networks import ImageShape
from reparam.types import Images, PerExample

LOWEST, HIGHEST = math.log(STEP / 4), 0.0
"""Of log s, in pixel units. At the lowest, the standard deviation s · π/√3 is 0.45 levels, and a
level inside has a probability of 0.76 at most; those at both ends, 1.
"""

WIDEST, NARROWEST = 0.2, 0.02
"""s of the first and the last component where the decoder gives 0. Apart, since components that
begin alike would stay alike.
"""

ByComponent = Float[torch.Tensor, "B K C H W"]


@dataclass(frozen=True)
class LogisticMixturePixels(Pixels):
    """A logistic variable in pixel units, rounded to levels; what is beyond both ends is in them.

    A pixel has one component for all its channels, which are independent of each other given that:
    the mixture of Salimans et al. 2017, section 2.1, without its coefficients between channels.
    """

    logits: Float[torch.Tensor, "B K H W"]
    """Of the components."""
    centre: ByComponent
    log_scale: ByComponent

    @property
    def mean(self) -> Images:
        """Of the mixture, within 0.06 levels: that of each component is taken before it is rounded
        to levels, ∫₀¹ sigmoid((centre − t) / s) dt.
        """
        scale = self.log_scale.exp()
        beyond = F.softplus(-self.centre.abs() / scale) - F.softplus(
            -(self.centre - 1).abs() / scale
        )
        each = self.centre.clamp(0, 1) + scale * beyond
        return (self.logits.softmax(1).unsqueeze(2) * each).sum(1)

    def log_prob(self, x: Images) -> PerExample:
        """Σ over pixels of log Σ_k π_k Π_c P_k(level of x_c), in nats, at the levels nearest to x.

        Raises DataRangeError for pixels outside of [0, 1].
        """
        check_range(x, "discretised-logistic")
        level = (x * LAST).round().unsqueeze(1)
        each = self._log_levels(level).sum(2) + self.logits.log_softmax(1)
        return each.logsumexp(1).flatten(1).sum(1)

    def _log_levels(self, level: Float[torch.Tensor, "B 1 C H W"]) -> ByComponent:
        """log [sigmoid(a) − sigmoid(b)] of each component, for a level's upper border a and lower
        border b, in units of s from the centre.

        As log [sigmoid(a) · sigmoid(−b) · (1 − exp(b − a))], which is finite for every level.
        """
        below = ((level - 0.5) * STEP - self.centre) * torch.exp(-self.log_scale)
        width = STEP * torch.exp(-self.log_scale)
        first, last = level == 0, level == LAST
        up_to = torch.where(last, 0.0, F.logsigmoid(below + width))
        from_on = torch.where(first, 0.0, F.logsigmoid(-below))
        between = torch.where(first | last, 0.0, torch.log(-torch.expm1(-width)))
        return up_to + from_on + between


class DiscretisedLogisticLikelihood(Likelihood):
    """The decoder gives, for each pixel, the logits of K components, then their centres and
    log-scales, K times for all C channels each: centres in [−1, 1] as the images of Salimans et al.
    """

    is_density: ClassVar[bool] = False

    start: torch.Tensor
    """log s of each component where the decoder gives 0: (K, 1, 1, 1)."""

    def __init__(self, image_shape: ImageShape, components: int) -> None:
        super().__init__(math.prod(image_shape))
        self.channels, self.components = image_shape[2], components
        ends = math.log(WIDEST), math.log(NARROWEST)
        start = torch.linspace(*ends, components).view(-1, 1, 1, 1)
        self.register_buffer("start", start, persistent=False)

    def forward(self, decoded: Images) -> LogisticMixturePixels:
        logits, rest = decoded[:, : self.components], decoded[:, self.components :]
        raw, log_scale = rest.unflatten(1, (2, self.components, self.channels)).unbind(1)
        bounds = LOWEST, HIGHEST
        return LogisticMixturePixels(
            logits, (1 + raw) / 2, bounded(self.start + log_scale, *bounds)
        )

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """Every component with this mean: the inverse of ``LogisticMixturePixels.mean``."""
        mean = mean.clamp(1e-3, 1 - 1e-3).unsqueeze(-4)
        scale = bounded(self.start, LOWEST, HIGHEST).exp().to(mean)
        low = mean / scale + torch.log(-torch.expm1(-mean / scale))
        centre = scale * (low - torch.log(-torch.expm1((mean - 1) / scale)))
        centre = (2 * centre - 1).flatten(-4, -3)
        logits = torch.zeros_like(centre.narrow(-3, 0, self.components))
        return torch.cat([logits, centre, torch.zeros_like(centre)], -3)


@LIKELIHOODS.register("discretised-logistic")
@dataclass(frozen=True)
class DiscretisedLogisticLikelihoodOptions(LikelihoodOptions):
    """The probability of each of 256 levels, by logistic distributions. It has no weight.

    A mixture of them for each pixel (Salimans et al. 2017; of one component, Kingma et al. 2016).
    """

    logits: ClassVar[bool] = True
    needs_grey: ClassVar[bool] = True

    components: int = option(5, least=1)
    """Logistic distributions for each pixel. The decoder gives components · (1 + 2 · channels)
    values for a pixel."""

    def decoder_channels(self, image_channels: int) -> int:
        return self.components * (1 + 2 * image_channels)

    def describe(self, dimensions: int) -> str:
        return f"{self.components} components a pixel: losses in nats, no weight"

    def build(self, image_shape: ImageShape) -> DiscretisedLogisticLikelihood:
        return DiscretisedLogisticLikelihood(image_shape, self.components)
