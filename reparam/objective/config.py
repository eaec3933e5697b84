"""What training minimises."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from reparam.errors import ConfigError
from reparam.model import LikelihoodName
from reparam.objective.units import Unweighted, Weight

Sought = Literal["auto", "target_mse", "target_rate"]
"""How a weight is found in training, where it is not given."""

DEFAULT_WEIGHT: float | Literal["auto"] = 1000.0
"""The weight of a model with a rate, where no option gives one."""

ONE_OF = ("weight", "beta", "sigma", "target_mse", "target_rate")
"""Options that say how the error weighs against the rate: one of them at most is given."""


@dataclass(frozen=True)
class ObjectiveConfig:
    """Distortion + rate, and what is done to an image beforehand."""

    weight: float | Literal["auto"] | None = None
    """Of the mean squared error against the KL term (the article's r_loss_factor), or auto: σ² is
    the mean squared error itself, found in training. By default 1000; an AE's is always 1, and a
    bernoulli likelihood has none."""

    beta: float | None = None
    """The same weight as β of the KL term against a likelihood of variance 1: D/(2·weight)."""

    sigma: float | None = None
    """The same weight as the likelihood's σ, in pixel units: β is σ²."""

    target_mse: float | None = None
    """Move the weight until the mean squared error of the training images is this."""

    target_rate: float | None = None
    """Move the weight until the KL term of the training images is this, in nats an image."""

    free_bits: float = 0.0
    """Nats of each latent dimension that cost nothing in training, such as 0.1."""

    regulariser: Literal["none", "kl"] = "kl"
    """The second term of the loss: the KL divergence to the prior (VAE), or none (AE)."""

    binarise: Literal["none", "dynamic", "threshold"] = "none"
    """Black and white pixels instead of grey ones: dynamic draws each from Bernoulli(its grey
    value), anew whenever the image is seen; threshold takes 1 from half on."""

    corrupt: Literal["none", "gaussian", "masking", "salt-and-pepper"] = "none"
    """Noise put on each image before it is encoded; the loss compares with the clean image."""

    corrupt_amount: float = 0.3
    """Standard deviation of the Gaussian noise in pixel units, or the share of pixels changed."""

    @property
    def sought(self) -> Sought | None:
        """How training finds the weight; None for one that is given and stays."""
        if self.target_mse is not None:
            return "target_mse"
        if self.target_rate is not None:
            return "target_rate"
        return "auto" if self._factor == "auto" else None

    @property
    def compares(self) -> bool:
        """Whether the lowest loss in nats is the best epoch. A target is met at the end alone."""
        return self.sought in (None, "auto")

    def weight_for(self, dimensions: int) -> Weight | None:
        """The weight of a gaussian likelihood for images of D = ``dimensions`` values; None where
        training finds it.
        """
        if self.sought:
            return None
        if self.beta is not None:
            return Weight.of_beta(self.beta, dimensions)
        if self.sigma is not None:
            return Weight.of_sigma(self.sigma, dimensions)
        return Weight(float(self._factor), dimensions)

    def units_for(self, likelihood: LikelihoodName, dimensions: int) -> Weight | Unweighted | None:
        """The units of a model's losses before it is there; None where training finds them."""
        if likelihood == "bernoulli":
            return Unweighted(dimensions)
        return self.weight_for(dimensions)

    def in_words(self, likelihood: LikelihoodName, dimensions: int) -> str:
        """The weight in its units, how training finds it, or that there is none."""
        match self.sought:
            case "auto":
                return "weight auto: σ² = MSE, r_loss_factor = D/(2σ²), found in training"
            case "target_mse":
                return f"weight sought for an MSE of {self.target_mse:g} per pixel"
            case "target_rate":
                return f"weight sought for a rate of {self.target_rate:g} nats"
        return str(self.units_for(likelihood, dimensions))

    @property
    def given(self) -> tuple[str, ...]:
        """Which option gives the weight: one name, or none."""
        return tuple(name for name in ONE_OF if getattr(self, name) is not None)

    def settled(self, likelihood: LikelihoodName) -> "ObjectiveConfig":
        """The same objective with its weight written out, where there is one and no option gives
        it.
        """
        if self.given or likelihood == "bernoulli":
            return self
        return replace(self, weight=self._factor)

    @property
    def _factor(self) -> float | Literal["auto"]:
        if self.regulariser == "none":  # nothing to weigh against
            return 1.0
        return DEFAULT_WEIGHT if self.weight is None else self.weight

    def __post_init__(self) -> None:
        given = self.given
        if len(given) > 1:
            both = ", ".join(f"{name} {getattr(self, name)}" for name in given)
            raise ConfigError(
                f"the weight is given once, by one of {', '.join(ONE_OF)}, found {both}: keep one"
            )
        for name in given:
            value = getattr(self, name)
            if value != "auto" and not 0 < value < float("inf"):
                raise ConfigError(
                    f"{name} must be above 0, found {value}: the book's weight is 1000 for digits"
                )
        if not 0 <= self.free_bits < float("inf"):
            raise ConfigError(
                f"free_bits must be 0 or more, found {self.free_bits}: choose some, such as 0.1"
            )
        idle = [name for name in given if name != "weight"] + ["free_bits"] * bool(self.free_bits)
        if self.regulariser == "none" and idle:
            raise ConfigError(
                f"{idle[0]} is about the KL term, found it with regulariser none (an AE): leave it "
                "out, or take regulariser kl"
            )
        limit = 1.0 if self.corrupt in ("masking", "salt-and-pepper") else float("inf")
        if not 0 <= self.corrupt_amount <= limit:
            raise ConfigError(
                f"corrupt_amount for {self.corrupt} must lie between 0 and {limit:g}, found "
                f"{self.corrupt_amount}: choose one, such as 0.3"
            )


def given_once(options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` of an objective, to be laid over other ones: a weight in one unit takes the
    place of a weight in another.
    """
    if all(options.get(name) is None for name in ONE_OF):
        return dict(options)
    return {**dict.fromkeys(ONE_OF), **options}
