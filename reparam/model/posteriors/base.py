"""q(z|x): what an encoder says of an image, and the heads that say it."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from reparam.errors import ConfigError
from reparam.interface import check_defined
from reparam.model.latent import LatentSpec
from reparam.model.networks import Features, FeatureShape, Heads, Rows
from reparam.model.noise import Noise
from reparam.registry import Part, Registry
from reparam.types import Latents, PerExample

D = TypeVar("D", bound="Distribution")

PosteriorForm = Literal["point", "normal", "other"]

PAIRS = 65_536
"""Densities of a mixture, of a point and a component each, that are computed at a time."""


@dataclass(frozen=True)
class Distribution(ABC):
    """One distribution over latents for each image of a batch.

    Its fields are tensors (B, d), or of another width: the parameters, of which each has a head in
    ``Posterior``.
    Densities are in nats. A field that is marked as ``SHARED`` is a network that the distributions
    of all images have in common.
    """

    SHARED: ClassVar[Mapping[str, bool]] = {"shared": True}
    """As in ``network: nn.Module = field(metadata=Distribution.SHARED)``."""

    is_point: ClassVar[bool] = False
    """Whether it is a point without a density (an AE's)."""

    on_sphere: ClassVar[bool] = False
    """Whether all its latents have length 1: densities are then by area of the unit sphere."""

    form: ClassVar[PosteriorForm] = "other"
    """A point; normal with independent dimensions, so that z = mean + σ ⊙ ε; or neither."""

    has_densities_of_pairs: ClassVar[bool] = True
    """Whether the density of every latent under every image's distribution is quick to compute."""

    @property
    @abstractmethod
    def mean(self) -> Latents: ...

    @property
    def expectation(self) -> Latents:
        """E[z|x], where ``mean``, the one that is decoded, is another latent."""
        return self.mean

    @property
    @abstractmethod
    def variance(self) -> Latents | None:
        """Of each dimension; None for a point, and where it is not known."""

    @property
    def log_variance(self) -> Latents | None:
        """The logarithm of ``variance``."""
        return None if self.variance is None else self.variance.log()

    def moments(self) -> dict[str, Latents]:
        """``mu``, and ``log_var`` where there is a variance, by the names that files have."""
        found = {"mu": self.mean, "log_var": self.log_variance}
        return {name: moment for name, moment in found.items() if moment is not None}

    @abstractmethod
    def rsample(self, noise: Noise = None) -> Latents:
        """One latent for each image, differentiable in the parameters."""

    def draw(self, noise: Noise = None) -> tuple[Latents, PerExample | None]:
        """``rsample``, with log q(z|x) of what is drawn where that comes with drawing it."""
        return self.rsample(noise), None

    def entropies(self) -> Latents | None:
        """The differential entropy of each dimension; None where there is no closed form, or for a
        point, whose entropy is −∞.
        """
        return None

    def entropy(self) -> PerExample | None:
        """That of the whole latent: the sum of ``entropies`` where these are known."""
        each = self.entropies()
        return None if each is None else each.sum(1)

    def nearest(self, z: Latents) -> Latents:
        """The latents nearest to z among those that it can give: z itself where these are all."""
        return z

    @abstractmethod
    def log_prob(self, z: Latents) -> PerExample:
        """log q(z|x). Raises ConfigError for a point, which has no density."""

    def log_prob_by_dimension(self, z: Latents) -> Latents:
        """The same of each dimension, where they are independent: ``log_prob`` is their sum.

        Raises ConfigError where they are not, or where a member does not give it.
        """
        raise ConfigError(
            f"a density of each dimension needs a posterior of independent dimensions, got "
            f"{type(self).__name__}. Fix: take --posterior diagonal-normal"
        )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(field.name for field in fields(cls) if not field.metadata.get("shared"))

    def tensors(self) -> dict[str, Rows]:
        """The parameters by name."""
        return {name: getattr(self, name) for name in self.names()}

    def networks(self) -> dict[str, nn.Module]:
        """What the images share, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.metadata.get("shared")}

    def _each(
        self: D,
        change: Callable[[Rows], Rows],
        network: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> D:
        """The same of changed parameters and networks."""
        changed: dict[str, object] = {name: change(t) for name, t in self.tensors().items()}
        changed |= {name: network(module) for name, module in self.networks().items()}
        return type(self)(**changed)

    def rows(self: D, which: slice | torch.Tensor) -> D:
        """The distributions of some of the images."""
        return self._each(lambda tensor: tensor[which])

    def followed_by(self: D, others: Sequence[D]) -> D:
        """The distributions of these images and those of others, of one network."""
        every = (self, *others)
        joined = {name: torch.cat([q.tensors()[name] for q in every]) for name in self.names()}
        return type(self)(**joined, **self.networks())

    def double(self: D) -> D:
        """The same in float64."""
        return self._each(torch.Tensor.double, lambda module: copy.deepcopy(module).double())

    def detached(self: D) -> D:
        """The same, whose parameters have no gradient."""
        return self._each(
            torch.Tensor.detach, lambda module: copy.deepcopy(module).requires_grad_(False)
        )

    def on_cpu(self: D) -> D:
        """The same on the CPU, without gradients."""
        return self.detached()._each(torch.Tensor.cpu, nn.Module.cpu)

    def repeated(self: D, k: int) -> D:
        """Each image's distribution k times, one after another: (B k, d)."""
        return self._each(lambda tensor: tensor.repeat_interleave(k, 0))

    def mixture_log_prob(self, z: Latents) -> PerExample:
        """log 1/B Σ_k q(z_i|x_k) at M points z (M, d): the density of the even mixture of all."""
        return self._mixed(type(self).log_prob, z)

    def mixture_log_prob_by_dimension(self, z: Latents) -> Latents:
        """log 1/B Σ_k q(z_ij|x_k) (M, d): the densities of that mixture's marginals.

        Raises what ``log_prob_by_dimension`` raises.
        """
        return self._mixed(type(self).log_prob_by_dimension, z)

    def _mixed(self: D, log_prob: Callable[[D, Latents], Tensor], z: Latents) -> Tensor:
        count = len(self.mean)
        found = []
        for part in z.split(max(1, PAIRS // count)):
            pairs = self.rows(torch.arange(count).repeat(len(part)))
            each = log_prob(pairs, part.repeat_interleave(count, 0)).unflatten(0, (-1, count))
            found.append(each.logsumexp(1) - math.log(count))
        return torch.cat(found)


@runtime_checkable
class LocationScale(Protocol):
    """A distribution that is standard normal noise, scaled and shifted: z = mean + σ · ε."""

    def at(self, epsilon: Latents) -> Latents:
        """Where ε ~ N(0, I) is carried to, for each image."""
        ...


def _check_fields(distribution: type[Distribution]) -> None:
    """Raises ConfigError for a class whose own parameters are no fields."""
    own = vars(distribution)
    hints = own.get("__annotations__", {}).values()
    if "__dataclass_fields__" not in own and any("ClassVar" not in str(hint) for hint in hints):
        raise ConfigError(
            f"{distribution.__name__} must be a dataclass whose fields are its parameters, got a "
            "plain class. Fix: write @dataclass(frozen=True) above it"
        )


class Posterior(nn.Module):
    """Features → q(z|x): a linear head for each parameter of a distribution.

    ``sizes``: of parameters that are not of the latent's size, by name.
    """

    def __init__(
        self,
        distribution: type[Distribution],
        features: FeatureShape,
        latent: LatentSpec,
        sizes: Mapping[str, LatentSpec] | None = None,
    ) -> None:
        super().__init__()
        check_defined(distribution)
        _check_fields(distribution)
        self.distribution = distribution
        self.heads = Heads(distribution.names(), features, latent, sizes)

    @property
    def is_point(self) -> bool:
        return self.distribution.is_point

    def forward(self, features: Features) -> Distribution:
        return self.of(self.heads(features))

    def of(self, tensors: dict[str, Rows]) -> Distribution:
        """The distribution of these parameters."""
        return self.distribution(**tensors)

    @torch.no_grad()
    def init_linear(self, code: int, variance: Latents) -> None:
        """Sets the heads so that the first numbers of the mean are the last ``code`` features, each
        with a posterior variance (1, min(code, d)), and the others are 0 with variance 1.

        Raises ConfigError for a distribution that is not told by its mean and variance.
        """
        names = self.distribution.names()
        if not {"mu"} <= set(names) <= {"mu", "log_var"}:
            raise ConfigError(
                "components need a posterior of mean and variance for a beginning, got one of "
                f"{', '.join(names)}. Fix: take diagonal-normal or delta, or components 0"
            )
        for name in names:
            head = self.heads.dense(name)
            head.weight.zero_()
            head.bias.zero_()
            if name == "mu":
                rows = variance.shape[1]
                start = head.weight.shape[1] - code
                head.weight[range(rows), range(start, start + rows)] = 1.0
            else:
                head.bias[: variance.shape[1]] = variance[0].log()


@dataclass(frozen=True)
class PosteriorOptions(Part):
    """Options of a posterior. A member names its distribution; it seldom needs more."""

    distribution: ClassVar[type[Distribution]]

    is_layered: ClassVar[bool] = False
    """Whether it has two stochastic layers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not hasattr(self, "distribution"):
            raise ConfigError(
                f"{type(self).__name__} must name its distribution, got a class without. Fix: "
                "distribution = a subclass of reparam.Distribution, as docs/extending.md shows"
            )

    @property
    def is_point(self) -> bool:
        return self.distribution.is_point

    @property
    def on_sphere(self) -> bool:
        """Whether all latents have length 1."""
        return self.distribution.on_sphere

    @property
    def has_entropies(self) -> bool:
        """Whether ``Distribution.entropies`` has a closed form."""
        return self.distribution.entropies is not Distribution.entropies

    @property
    def has_independent_dimensions(self) -> bool:
        """Whether ``Distribution.log_prob_by_dimension`` is given."""
        own = self.distribution.log_prob_by_dimension
        return own is not Distribution.log_prob_by_dimension

    def build(self, features: FeatureShape, latent: LatentSpec) -> Posterior:
        return Posterior(self.distribution, features, latent)


POSTERIORS: Registry[PosteriorOptions] = Registry("posterior", PosteriorOptions)
"""What an image becomes in the latent space, q(z|x), by name."""
