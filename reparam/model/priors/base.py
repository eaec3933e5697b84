"""p(z): what every prior can do, what some can, and the rate that follows from it."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reparam.errors import ConfigError, DataError, check_one_each
from reparam.interface import Interface
from reparam.model.latent import LatentSpec
from reparam.model.networks import Encoder
from reparam.model.noise import Noise
from reparam.model.posteriors import Distribution, Posterior
from reparam.registry import Part, Registry
from reparam.types import Images, Index, Language, Latents, PerExample

FitProgress = Callable[[str], None]
"""Is told how far a long fit is, a line at a time."""

Form = Literal["uniform", "normal", "other"]

Moments = tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]
Bounds = tuple[Float[Tensor, " d"], Float[Tensor, " d"]]

LN_2PI = math.log(2 * math.pi)


class Prior(nn.Module, Interface):
    """A distribution over latents (B, d). Every density is in nats.

    It is fixed, learned with the model (its parameters are the model's then, and the rate is what
    they learn from), or fitted to the latents of a trained encoder (``Fittable``).
    """

    kind: ClassVar[str]
    """Its name, in scorecards and files; without one, that of the class."""

    is_standard_normal: ClassVar[bool] = False
    """Whether it is N(0, I), against which measures and figures compare."""

    on_sphere: ClassVar[bool] = False
    """Whether all its latents have length 1: densities are then by area of the unit sphere."""

    form: ClassVar[Form] = "other"
    """Uniform between ``bounds``, normal with ``moments`` (then so are its marginals in every
    direction), or neither."""

    between: ClassVar[Literal["slerp", "lerp"]] = "slerp"
    """The path between two draws that stays where its mass is: on spheres, or straight."""

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        if not hasattr(cls, "kind"):
            cls.kind = cls.__name__

    @property
    def title(self) -> str:
        """Short, for the head of a column."""
        return self.kind

    def describe(self, lang: Language = "en") -> str:
        """A noun phrase, as in: draws from N(0, I)."""
        return self.kind

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents: ...

    @abstractmethod
    def log_prob(self, z: Latents) -> PerExample: ...

    def begin_step(self, index: Index, noise: Noise) -> None:
        """Before each training step: where its images (B,) are in their set. ``log_prob`` is then
        asked about latents of theirs, as many of each, one image's after another's.
        """

    def kl(self, q: Distribution) -> PerExample | None:
        """KL(q ‖ p) of each image in closed form; None where there is none."""
        by_dimension = self.kl_by_dimension(q)
        return None if by_dimension is None else by_dimension.sum(1)

    def kl_by_dimension(self, q: Distribution) -> Latents | None:
        """The same for each dimension, of a prior whose dimensions are independent."""
        return None

    def moments(self) -> Moments | None:
        """Mean and covariance where they are known exactly."""
        return None

    def bounds(self) -> Bounds | None:
        """The ends of each dimension, of a prior that has some."""
        return None


@runtime_checkable
class Fittable(Protocol):
    """A prior that is fitted to the latents of a frozen encoder (Ghosh et al. 2020, section 4)."""

    fitted: bool
    """Whether ``fit`` has been called: its numbers follow from latents, not from training."""

    def fit(self, z: Latents, seed: int = 0, progress: FitProgress | None = None) -> None:
        """Fits the prior to latents (N, d). Raises DataError for too few or collapsed ones."""
        ...

    def options(self) -> "PriorOptions":
        """Options that build an empty prior of the same sizes."""
        ...


@runtime_checkable
class NoiseMap(Protocol):
    """A prior that standard normal noise is mapped to, continuously: u ~ N(0, I), z ~ p(z)."""

    def from_normal(self, u: Latents) -> Latents: ...


class MappedNoise(Prior):
    """A ``NoiseMap`` that draws by it, from noise of as many dimensions."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.register_buffer("device_marker", torch.zeros(0), persistent=False)

    @abstractmethod
    def from_normal(self, u: Latents) -> Latents: ...

    def sample(self, n: int, generator: torch.Generator | None = None) -> Latents:
        device = self.get_buffer("device_marker").device
        u = torch.randn((n, self.latent_dim), generator=generator, device=device)
        return self.from_normal(u)


@runtime_checkable
class EncoderBound(Protocol):
    """A prior, or part of one, of what the model's own encoder says of images that it holds."""

    components: int
    """How many images."""

    def bind(self, encoder: Encoder, posterior: Posterior) -> None:
        """Once, when the model is put together. The prior does not own these."""
        ...

    def init_images(self, images: Images, index: Index) -> None:
        """Before training: some of the training images (N, C, H, W), at most ``components``, and
        their positions in the set.
        """
        ...


@dataclass(frozen=True)
class PriorOptions(Part):
    """Options of a prior."""

    is_learned: ClassVar[bool] = False
    """Whether it learns with the model, through the rate."""

    is_known_after_training: ClassVar[bool] = False
    """Whether training ends with fitting it: no rate can be computed against it before."""

    has_independent_dimensions: ClassVar[bool] = False
    """Whether its rate is a sum over dimensions (``Prior.kl_by_dimension``)."""

    is_fittable: ClassVar[bool] = False
    """Whether it can be fitted to the latents of a trained encoder, in place of the model's own."""

    is_layered: ClassVar[bool] = False
    """Whether it has two stochastic layers."""

    on_sphere: ClassVar[bool] = False
    """Whether all latents have length 1, as those of its posterior then must."""

    @abstractmethod
    def build(self, latent: LatentSpec) -> Prior: ...


PRIORS: Registry[PriorOptions] = Registry("prior", PriorOptions)
"""Where latents are drawn from, p(z), by name."""


def check_same_measure(prior: Prior, q: Distribution) -> None:
    """Raises ConfigError where only one of prior and posterior is a density on the sphere: by area
    it is compared with no density by volume, such as a prior that was fitted afterwards.
    """
    if prior.on_sphere != q.on_sphere:
        where = {True: "on the sphere", False: "over all of the space"}
        raise ConfigError(
            f"prior must be a density {where[q.on_sphere]}, as the posterior is, got {prior.kind} "
            f"{where[prior.on_sphere]}. Fix: take the prior that the model was trained with"
        )


def rate(prior: Prior, q: Distribution, z: Latents, log_q: PerExample | None = None) -> PerExample:
    """KL(q ‖ p) of each image in nats: in closed form, else estimated at one z ~ q without bias.

    The estimate is −H(q) − log p(z) where the entropy is known, else log q(z) − log p(z), with
    ``log_q`` for log q(z) if it is known. Raises ConfigError where one density is by area and the
    other by volume, ShapeError for a density that is not one number for each latent.
    """
    check_same_measure(prior, q)
    exact = prior.kl(q)
    if exact is not None:
        return exact
    entropy = q.entropy()
    if entropy is not None:
        log_q = -entropy
    elif log_q is None:
        log_q = q.log_prob(z)
    log_p = prior.log_prob(z)
    check_one_each(f"log_prob of prior {prior.kind}", log_p, len(z))
    return log_q - log_p


def log_standard_normal(u: Float[Tensor, " a d *b"]) -> Float[Tensor, " a *b"]:
    """ln N(u; 0, I), in nats; the second axis has the dimensions."""
    return -0.5 * (u.square() + LN_2PI).sum(1)


def origin(fitted: bool, lang: Language) -> str:
    """Where the numbers of a prior come from, as a part of ``Prior.describe``."""
    if lang == "ko":
        return "학습 이미지의 잠재 벡터에 맞춘" if fitted else "모델과 함께 학습한"
    return "fitted to the latents" if fitted else "learned with the model"


FEWEST = 20
"""Latents below which nothing is fitted."""


def check_latents_to_fit(z: Latents, per_dimension: int) -> None:
    """Raises DataError where no density can be fitted: too few latents, collapsed, or not finite.

    The rule is at least 20, and more than ``per_dimension`` for each dimension.
    """
    n, d = z.shape
    least = max(FEWEST, per_dimension * d + 1)
    if n < least:
        raise DataError(
            f"a prior in {d} dimensions must be fitted to at least {least} latents, got {n}. Fix: "
            "train on more images, or with fewer latent dimensions"
        )
    if not z.isfinite().all():
        raise DataError(
            "a prior must be fitted to finite latents, got NaN or infinite ones. Fix: train again"
        )
    low, high = z.amin(0), z.amax(0)
    # Latents that differ by rounding alone are one point to a density in float32.
    if ((high - low) <= 1e-6 * z.abs().amax(0).clamp_min(1e-30)).all():
        raise DataError(
            "a prior must be fitted to latents that differ, got the same for every image (the "
            "encoder has collapsed). Fix: train again, with a larger --weight for a VAE"
        )


def fittable_prior(name: str, latent: LatentSpec) -> Prior:
    """An empty prior to be fitted to latents. Raises ConfigError for one that cannot be."""
    check_fittable(name)
    prior = PRIORS.find(name)().build(latent)
    check_has_fit(prior, name)
    return prior


def check_has_fit(prior: Prior, name: str) -> None:
    """Raises ConfigError for a prior, perhaps a user's, whose options say that it is fitted, and
    which is not ``Fittable``.
    """
    if missing := [member for member in ("fitted", "fit", "options") if not hasattr(prior, member)]:
        raise ConfigError(
            f"{type(prior).__name__} of prior {name} must have {', '.join(missing)} to be fitted, "
            "got a class without. Fix: define them as reparam.model.Fittable shows"
        )


def check_fittable(name: str) -> None:
    """Raises ConfigError for a prior that cannot be fitted to latents."""
    if not PRIORS.find(name).is_fittable:
        raise ConfigError(
            f"a prior to fit must be one of {', '.join(fittable_names())}, got {name!r}. Fix: "
            "choose one of them"
        )


def fittable_names() -> tuple[str, ...]:
    """The priors that can be fitted to the latents of a trained encoder."""
    return tuple(name for name in PRIORS.names if PRIORS.find(name).is_fittable)
