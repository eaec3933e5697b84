"""A normal distribution through an invertible network that reads the image: flow posteriors."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model.latent import LatentSpec
from reparam.model.networks import FeatureShape, Flow, InverseAutoregressive, Planar
from reparam.model.noise import Noise
from reparam.model.posteriors.base import POSTERIORS, Distribution, Posterior, PosteriorOptions
from reparam.model.posteriors.diagonal_normal import DiagonalNormal
from reparam.types import Latents, PerExample


@dataclass(frozen=True)
class FlowDistribution(Distribution):
    """z = f(z0; context), z0 ~ N(mu, diag(exp(log_var))), f an invertible network: ln q(z|x) =
    ln N(z0) − ln |det ∂z/∂z0| (Kingma et al. 2016, eq. 11; Rezende & Mohamed 2015, eq. 13).

    ``mu`` and ``log_var`` (B, d) are z0's; ``context`` (B, c) is what f knows of the image.
    """

    has_densities_of_pairs: ClassVar[bool] = False

    mu: Latents
    log_var: Latents
    context: Float[Tensor, "B c"]
    flow: Flow = field(metadata=Distribution.SHARED)

    @property
    def mean(self) -> Latents:
        """f at z0's mean: the flow without noise. z's expectation has no closed form."""
        return self.flow(self.mu, self.context)[0]

    @property
    def variance(self) -> None:
        """It has no closed form."""

    @property
    def base(self) -> DiagonalNormal:
        """Of z0."""
        return DiagonalNormal(self.mu, self.log_var)

    def draw(self, noise: Noise = None) -> tuple[Latents, PerExample]:
        """The density follows from the forward pass."""
        z0 = self.base.rsample(noise)
        z, log_det = self.flow(z0, self.context)
        return z, self.base.log_prob(z0) - log_det

    def rsample(self, noise: Noise = None) -> Latents:
        return self.draw(noise)[0]

    def log_prob(self, z: Latents) -> PerExample:
        """Of any z, through the inverse: as many passes as z has dimensions, where
        autoregressive.
        """
        z0 = self.flow.inverse(z, self.context)
        return self.base.log_prob(z0) - self.flow(z0, self.context)[1]


class FlowPosterior(Posterior):
    """Heads of z0's parameters and of the context, and the network that all images share."""

    def __init__(
        self, options: "FlowPosteriorOptions", features: FeatureShape, latent: LatentSpec
    ) -> None:
        sizes = {"context": LatentSpec((options.context,))}
        super().__init__(FlowDistribution, features, latent, sizes)
        self.flow = Flow(options.step(latent.dim, i) for i in range(options.steps))

    def of(self, tensors: dict[str, Tensor]) -> FlowDistribution:
        return FlowDistribution(**tensors, flow=self.flow)


@POSTERIORS.register("flow")
@dataclass(frozen=True)
class FlowPosteriorOptions(PosteriorOptions):
    """A normal distribution through a normalising flow that reads the image (IAF, planar)."""

    distribution: ClassVar[type[Distribution]] = FlowDistribution

    kind: Literal["iaf", "planar"] = "iaf"
    """iaf: inverse autoregressive steps; planar: each bends space along one direction."""

    steps: int = option(4, least=1)
    """Steps of the flow, one after another."""

    hidden: int = option(64, least=1)
    """Units of each of the two hidden layers of an inverse autoregressive step."""

    context: int = option(32, least=1)
    """Numbers that the flow gets of an image, beside the mean and the variance."""

    def step(self, d: int, i: int) -> Planar | InverseAutoregressive:
        """The i-th; the order of the dimensions changes from one to the next."""
        if self.kind == "planar":
            return Planar(d, self.context)
        return InverseAutoregressive(d, self.context, self.hidden, descending=i % 2 == 1)

    def build(self, features: FeatureShape, latent: LatentSpec) -> FlowPosterior:
        if latent.is_spatial:
            raise ConfigError(
                "a flow posterior needs latents that are rows of numbers, got maps. Fix: take "
                "--latent-dim in place of --latent-channels"
            )
        return FlowPosterior(self, features, latent)
