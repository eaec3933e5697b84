"""p(x|z): how an image may differ from its decoding, and the losses that follow, with their units.

A loss is reported in nats under names that end in ``_nats``. Where the likelihood is normal with a
variance that stays, people are also shown the article's units (``GaussianLikelihood.losses``).
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import nn

from reparam.interface import Interface
from reparam.model.likelihoods.levels import T, bits_per_dim
from reparam.model.likelihoods.weight import Weight
from reparam.model.networks import ImageShape
from reparam.registry import Part, Registry
from reparam.types import Images, PerExample

LossUnit = Literal["article", "nats"]

LikelihoodForm = Literal["normal", "bernoulli", "other"]

LOSS_UNITS: Mapping[str, str] = {
    "loss_article": "factor · MSE + KL",
    "r_loss_article": "factor · MSE",
    "mse": "squared pixels",
    "psnr": "dB, of the mean squared error",
    "loss_nats": "nats an image",
    "calibrated_loss_nats": "nats an image, with σ² = these images' MSE",
    "distortion_nats": "nats an image",
    "rate_nats": "nats an image",
    "loss_bits_per_dim": "bits a pixel and channel",
}
"""Every loss that a likelihood of this package reports, in the order in which people see them."""

_SHOWN: Mapping[LossUnit, tuple[str, str, str]] = {
    "article": ("r_loss_article", "rate_nats", "loss_article"),
    "nats": ("distortion_nats", "rate_nats", "loss_nats"),
}


class Pixels(Interface):
    """A distribution over images for each latent of a batch."""

    @property
    @abstractmethod
    def mean(self) -> Images:
        """The decoded image: what everybody but the likelihood looks at."""

    @abstractmethod
    def log_prob(self, x: Images) -> PerExample:
        """log p(x|z) in nats."""

    def distortion(self, x: Images) -> PerExample:
        """−log p(x|z) in nats, up to a constant that depends on no weight (``log_normaliser``)."""
        return -self.log_prob(x)

    def squared_error(self, x: Images) -> PerExample:
        """Σ (x − mean)² over pixels and channels."""
        return (x - self.mean).square().flatten(1).sum(1)


class Likelihood(nn.Module, Interface):
    """What the decoder gives (B, C', H, W) → a distribution over images of D values each.

    C' is ``LikelihoodOptions.decoder_channels`` of the images' channels C.
    """

    is_binary: ClassVar[bool] = False
    """Whether it is a probability of black and white images alone: others are binarised before
    their likelihood is measured.
    """

    is_density: ClassVar[bool] = True
    """Whether ``log_prob`` is of a density of pixels in [0, 1], and not of a probability."""

    form: ClassVar[LikelihoodForm] = "other"
    """Normal with the one variance of ``weight``, Bernoulli, or one that the mean does not tell."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.dimensions = dimensions

    @abstractmethod
    def forward(self, decoded: Images) -> Pixels: ...

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        """What the decoder must give (..., C', H, W) for this mean (..., C, H, W); finite also at
        its ends, 0 and 1.
        """
        return mean

    def terms(self, pixels: Pixels, x: Images) -> dict[str, PerExample]:
        """``distortion`` in nats, with a gradient, and ``squared_error`` to be recorded.

        The second in training only where the first is made of it: else it costs a fifth of a small
        network's step.
        """
        terms = {"distortion": pixels.distortion(x)}
        if not self.training:
            with torch.no_grad():
                terms["squared_error"] = pixels.squared_error(x)
        return terms

    @property
    def log_normaliser(self) -> float:
        """−log p(x|z) − distortion, in nats: what the distortion leaves out."""
        return 0.0

    def losses(self, means: Mapping[str, float]) -> dict[str, float]:
        """The losses to report, named with their unit, of the terms' means over images.

        ``loss_nats`` (for a VAE the negative ELBO, per image) = ``distortion_nats`` +
        ``rate_nats``, as far as the objective has no other term; ``loss_bits_per_dim``: the same
        per pixel and channel, of 8 bits (``bits_per_dim``); ``mse``: squared pixels, and ``psnr``:
        10 · log10(1 / mse) in dB, at most 120, where the error was measured. Other terms keep their
        names.
        """
        own = ("loss", "distortion", "rate", "squared_error")
        loss = means["loss"] + self.log_normaliser
        error = means.get("squared_error")
        return {
            **({} if error is None else _of_error(error / self.dimensions)),
            "loss_nats": loss,
            "distortion_nats": means["distortion"] + self.log_normaliser,
            "rate_nats": means["rate"],
            "loss_bits_per_dim": self.bits_per_dim(loss),
            **{name: value for name, value in means.items() if name not in own},
        }

    def bits_per_dim(self, nats: T) -> T:
        """−log p in nats an image, as bits a pixel and channel: of pixels of 8 bits, or of black
        and white ones where it ``is_binary``. Of a density an approximation (``levels``).
        """
        return bits_per_dim(nats, self.dimensions, of_levels=not self.is_density)

    @property
    def weight(self) -> Weight | None:
        """Of the squared error against the rate; None where there is none to choose."""
        return None

    @property
    def loss_unit(self) -> LossUnit:
        """The unit in which the losses of different epochs compare."""
        return "nats"

    @property
    def adapts(self) -> bool:
        """Whether ``after_step`` has something to do."""
        return False

    def init_scale(self, pixel_variance: float) -> None:
        """Before the first step: ``pixel_variance`` is the images' variance around their mean."""

    def after_step(self, means: Mapping[str, torch.Tensor]) -> None:
        """After each step: the terms' means over its batch, without gradient."""

    @property
    def calibrates(self) -> bool:
        """Whether ``calibrate`` has something to do."""
        return False

    def calibrate(self, means: Mapping[str, float]) -> None:
        """After the last step: the terms' means over the training images, in evaluation mode."""


@dataclass(frozen=True)
class LikelihoodOptions(Part):
    """Options of a likelihood."""

    has_weight: ClassVar[bool] = False
    """Whether the error can be weighed against the rate (--weight)."""

    logits: ClassVar[bool] = False
    """Whether it takes values of any size from the decoder, rather than pixels."""

    needs_grey: ClassVar[bool] = False
    """Whether it learns a scale of grey levels, which black and white images do not have."""

    @abstractmethod
    def build(self, image_shape: ImageShape) -> Likelihood: ...

    def decoder_channels(self, image_channels: int) -> int:
        """Channels that the decoder gives for images of so many: of what the likelihood reads."""
        return image_channels

    @property
    def weighs_rate(self) -> bool:
        """Whether its options only make sense beside a rate."""
        return False

    @property
    def searches_weight(self) -> bool:
        """Whether the weight is found in training."""
        return False

    @property
    def more_weight(self) -> tuple[str, ...]:
        """What weighs the error more against the rate, as a person would type it, the best first;
        none where training finds the weight.
        """
        return ()

    @property
    def targets(self) -> dict[str, float]:
        """Losses that training is to end at, by name."""
        return {}

    @property
    def losses_comparable(self) -> bool:
        """Whether the lowest loss in nats is the best epoch."""
        return True

    def resolve_defaults(self, has_rate: bool = True) -> "LikelihoodOptions":
        """The same options with what depends on defaults written out, for an objective with a
        rate or without.
        """
        return self

    def weight_for(self, dimensions: int) -> Weight | None:
        """The weight for images of D = ``dimensions`` values; None where there is none to choose,
        or where training finds it.
        """
        return None

    def describe(self, dimensions: int) -> str:
        """One line on its scale, for images of D = ``dimensions`` values."""
        return f"{self.type} likelihood: losses in nats, no weight"


def _of_error(mse: float) -> dict[str, float]:
    """A mean squared error, and the same in dB; finite where there is none."""
    return {"mse": mse, "psnr": -10 * math.log10(max(mse, 1e-12))}


LIKELIHOODS: Registry[LikelihoodOptions] = Registry("likelihood", LikelihoodOptions, prefix="")
"""How an image may differ from its decoding, p(x|z), by name."""


def shown_terms(losses: Mapping[str, float], unit: LossUnit) -> tuple[float, float, float]:
    """Distortion, rate and loss as people are shown them.

    The article's units leave the normaliser out, which is for a σ² that stays.
    """
    distortion, rate, loss = (losses[name] for name in _SHOWN[unit])
    return distortion, rate, loss
