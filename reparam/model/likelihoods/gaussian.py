"""A normal likelihood: least squares, weighted against the rate by its variance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch

from reparam.errors import ConfigError
from reparam.model.likelihoods.base import (
    LIKELIHOODS,
    Likelihood,
    LikelihoodForm,
    LikelihoodOptions,
    LossUnit,
    Pixels,
)
from reparam.model.likelihoods.search import (
    HIGHEST,
    LOWEST,
    constraint,
    holding_mse,
    holding_rate,
    optimal_variance,
)
from reparam.model.likelihoods.weight import Weight
from reparam.model.networks import ImageShape
from reparam.types import Images, PerExample

DEFAULT_WEIGHT: float | Literal["auto"] = 1000.0
"""The weight where no option gives one: the article's, for digits."""

WEIGHT_OPTIONS = ("weight", "beta", "sigma", "target_mse", "target_rate")
"""Options that say how the error weighs against the rate: one of them at most is given."""

WeightSearch = Literal["auto", "target_mse", "target_rate"]
"""How a weight is found in training, where it is not given."""


@dataclass(frozen=True)
class NormalPixels(Pixels):
    """Every pixel normal around ``decoded`` with one ``variance``, in squared pixel units."""

    decoded: Images
    variance: torch.Tensor

    @property
    def mean(self) -> Images:
        return self.decoded

    def distortion(self, x: Images) -> PerExample:
        """Σ (x − mean)² / 2σ², in nats: −log p(x|z) without the normaliser, which is constant.

        Kept apart because the normaliser can be thousands of times larger, and float32 would
        round the error away.
        """
        return self.squared_error(x) / (2 * self.variance)

    def log_prob(self, x: Images) -> PerExample:
        """log p(x|z) in nats: −distortion − D/2 · log 2πσ², for D pixels × channels."""
        dimensions = x[0].numel()
        log_normaliser = 0.5 * dimensions * torch.log(2 * math.pi * self.variance)
        return -self.distortion(x) - log_normaliser


class GaussianLikelihood(Likelihood):
    """Normal with one variance σ², which no gradient moves.

    With a ``search`` the variance moves after each step: to the mean squared error (auto), or until
    the error or the rate is at ``target``.
    """

    form: ClassVar[LikelihoodForm] = "normal"

    variance: torch.Tensor
    average: torch.Tensor
    """C̄, the moving average of a target's constraint: a scalar."""

    def __init__(
        self,
        dimensions: int,
        variance: float = 1.0,
        search: WeightSearch | None = None,
        target: float = 0.0,
    ) -> None:
        super().__init__(dimensions)
        self.search, self.target = search, target
        self.register_buffer("variance", torch.tensor(float(variance)))
        if search in ("target_mse", "target_rate"):
            self.register_buffer("average", torch.zeros(()))

    def forward(self, decoded: Images) -> NormalPixels:
        return NormalPixels(decoded, self.variance)

    def terms(self, pixels: Pixels, x: Images) -> dict[str, PerExample]:
        squared_error = pixels.squared_error(x)
        distortion = squared_error / (2 * self.variance)
        return {"distortion": distortion, "squared_error": squared_error.detach()}

    @property
    def weight(self) -> Weight:
        """σ² to float32's precision."""
        return Weight.of_beta(self.variance.item(), self.dimensions)

    @property
    def log_normaliser(self) -> float:
        return self.weight.log_normaliser

    def losses(self, means: Mapping[str, float]) -> dict[str, float]:
        """Also ``r_loss_article`` = r_loss_factor · mse and ``loss_article`` = that + KL: the
        article's units. With σ² as it is now: it may have moved since the terms were summed.

        Where σ² is the error itself (auto), ``calibrated_loss_nats`` is ``loss_nats`` with the σ²
        at which it is lowest for these very images. Images that were not trained on have a larger
        error than the model's σ², and their loss_nats may rise while error and rate both fall.
        """
        distortion = means["squared_error"] / (2 * self.variance.item())
        loss = means["loss"] - means["distortion"] + distortion
        found = {
            "loss_article": loss,
            "r_loss_article": distortion,
            **super().losses({**means, "distortion": distortion, "loss": loss}),
        }
        if self.calibrates:
            variance = min(max(means["squared_error"] / self.dimensions, LOWEST), HIGHEST)
            fitted = Weight.of_beta(variance, self.dimensions)
            error = means["squared_error"] / (2 * variance)
            found["calibrated_loss_nats"] = loss - distortion + error + fitted.log_normaliser
        return found

    @property
    def loss_unit(self) -> LossUnit:
        return "nats" if self.search else "article"

    @property
    def adapts(self) -> bool:
        return self.search is not None

    def init_scale(self, pixel_variance: float) -> None:
        """σ² where nothing is learned yet: the images' variance around their mean image."""
        if self.search:
            self.variance.fill_(pixel_variance).clamp_(LOWEST, HIGHEST)

    @torch.no_grad()
    def after_step(self, means: Mapping[str, torch.Tensor]) -> None:
        if self.search is None:
            return
        variance, mse = self.variance, means["squared_error"] / self.dimensions
        match self.search:
            case "target_mse":
                self.average.copy_(constraint(self.average, mse, self.target))
                variance.copy_(holding_mse(variance, self.average))
            case "target_rate":
                self.average.copy_(constraint(self.average, means["rate"], self.target))
                variance.copy_(holding_rate(variance, self.average))
            case "auto":
                variance.copy_(optimal_variance(variance, mse))
        variance.clamp_(LOWEST, HIGHEST)

    @property
    def calibrates(self) -> bool:
        return self.search == "auto"

    def calibrate(self, means: Mapping[str, float]) -> None:
        """σ² = MSE of the training images: the running estimate was of weights that moved, with
        dropout, and of images that were shifted and rotated.
        """
        self.variance.fill_(means["squared_error"] / self.dimensions).clamp_(LOWEST, HIGHEST)


@LIKELIHOODS.register("gaussian")
@dataclass(frozen=True)
class GaussianLikelihoodOptions(LikelihoodOptions):
    """Normal pixels of one variance: least squares."""

    exclusive: ClassVar[tuple[str, ...]] = WEIGHT_OPTIONS
    has_weight: ClassVar[bool] = True

    weight: float | Literal["auto"] | None = None
    """Of the mean squared error against the KL term (the article's r_loss_factor), or auto: σ² is
    the mean squared error itself, found in training. By default 1000, and 1 where the objective has
    no rate."""

    beta: float | None = None
    """The same weight as β of the KL term against a likelihood of variance 1: D/(2·weight)."""

    sigma: float | None = None
    """The same weight as the likelihood's σ, in pixel units: β is σ²."""

    target_mse: float | None = None
    """Move the weight until the mean squared error of the training images is this."""

    target_rate: float | None = None
    """Move the weight until the KL term of the training images is this, in nats an image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.given
        if len(given) > 1:
            both = ", ".join(f"{name} {getattr(self, name)}" for name in given)
            raise ConfigError(
                f"the weight must be given once, by one of {', '.join(WEIGHT_OPTIONS)}, got "
                f"{both}. Fix: keep one"
            )
        for name in given:
            value = getattr(self, name)
            if value != "auto" and not 0 < value < float("inf"):
                raise ConfigError(
                    f"{name} must be above 0, got {value}. Fix: choose one; the article's weight "
                    "is 1000 for digits"
                )

    @property
    def given(self) -> tuple[str, ...]:
        """Which option gives the weight: one name, or none."""
        return tuple(name for name in WEIGHT_OPTIONS if getattr(self, name) is not None)

    @property
    def weight_search(self) -> WeightSearch | None:
        """How training finds the weight; None for one that is given and stays."""
        if self.target_mse is not None:
            return "target_mse"
        if self.target_rate is not None:
            return "target_rate"
        return "auto" if self.resolve_defaults().weight == "auto" else None

    @property
    def searches_weight(self) -> bool:
        return self.weight_search is not None

    @property
    def more_weight(self) -> tuple[str, ...]:
        if self.searches_weight:
            return ()
        if self.given in (("beta",), ("sigma",)):
            return (f"a smaller --{self.given[0]}",)
        return "a larger --weight", "--weight auto"

    @property
    def weighs_rate(self) -> bool:
        return any(name != "weight" for name in self.given)

    @property
    def targets(self) -> dict[str, float]:
        found = {"mse": self.target_mse, "rate_nats": self.target_rate}
        return {name: target for name, target in found.items() if target is not None}

    @property
    def losses_comparable(self) -> bool:
        """A target is met at the end alone."""
        return self.weight_search in (None, "auto")

    def resolve_defaults(self, has_rate: bool = True) -> "GaussianLikelihoodOptions":
        return self if self.given else replace(self, weight=DEFAULT_WEIGHT if has_rate else 1.0)

    def weight_for(self, dimensions: int) -> Weight | None:
        """The weight for images of D = ``dimensions`` values; None where training finds it."""
        if self.weight_search:
            return None
        if self.beta is not None:
            return Weight.of_beta(self.beta, dimensions)
        if self.sigma is not None:
            return Weight.of_sigma(self.sigma, dimensions)
        weight = self.resolve_defaults().weight
        assert isinstance(weight, float | int)
        return Weight(float(weight), dimensions)

    def describe(self, dimensions: int) -> str:
        match self.weight_search:
            case "auto":
                return "weight auto: σ² = MSE, r_loss_factor = D/(2σ²), found in training"
            case "target_mse":
                return f"weight searched for an MSE of {self.target_mse:g} per pixel"
            case "target_rate":
                return f"weight searched for a rate of {self.target_rate:g} nats"
        return str(self.weight_for(dimensions))

    def build(self, image_shape: ImageShape) -> GaussianLikelihood:
        dimensions = math.prod(image_shape)
        weight = self.weight_for(dimensions)
        return GaussianLikelihood(
            dimensions,
            weight.variance if weight else 1.0,
            self.weight_search,
            self.target_mse or self.target_rate or 0.0,
        )
