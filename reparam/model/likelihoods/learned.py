"""A normal likelihood whose σ the decoder predicts, for every pixel or for each image."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float

from reparam.model.likelihoods.base import LIKELIHOODS, Likelihood, LikelihoodOptions, Pixels
from reparam.model.likelihoods.levels import STEP, bounded
from reparam.model.networks import ImageShape
from reparam.types import Images, PerExample

LOWEST = math.log(STEP / 2)
"""Of log σ: half a level. Below, σ would say nothing of images that are rounded to levels, and an
error in a pixel that is the same in all training images would cost without limit.
"""

Scale = Literal["pixel", "image"]


@dataclass(frozen=True)
class LearnedNormalPixels(Pixels):
    """Every pixel normal around ``decoded``, with its own ``log_sigma`` or one for the image."""

    decoded: Images
    log_sigma: Float[torch.Tensor, " B #C #H #W"]

    @property
    def mean(self) -> Images:
        return self.decoded

    def log_prob(self, x: Images) -> PerExample:
        """−Σ ½ ((x − mean) / σ)² + log σ + ½ log 2π over pixels and channels, in nats."""
        error = (x - self.decoded) * torch.exp(-self.log_sigma)
        each = error.square() / 2 + self.log_sigma + 0.5 * math.log(2 * math.pi)
        return -each.flatten(1).sum(1)


class LearnedGaussianLikelihood(Likelihood):
    """The decoder gives the logit of the mean, then log σ: of each pixel and channel, or a map
    whose mean is the image's.
    """

    start: torch.Tensor
    """log σ where the decoder gives 0: a scalar."""

    def __init__(self, image_shape: ImageShape, scale: Scale) -> None:
        super().__init__(math.prod(image_shape))
        self.channels, self.scale = image_shape[2], scale
        self.register_buffer("start", torch.tensor(math.log(0.25)))

    def forward(self, decoded: Images) -> LearnedNormalPixels:
        log_sigma = decoded[:, self.channels :]
        if self.scale == "image":
            log_sigma = log_sigma.mean((2, 3), keepdim=True)
        mean = torch.sigmoid(decoded[:, : self.channels])
        return LearnedNormalPixels(mean, bounded(self.start + log_sigma, LOWEST))

    def at_mean(self, mean: torch.Tensor) -> torch.Tensor:
        logit = torch.logit(mean, eps=1e-3)
        channels = self.channels if self.scale == "pixel" else 1
        zeros = torch.zeros_like(logit.narrow(-3, 0, channels))
        return torch.cat([logit, zeros], -3)

    def terms(self, pixels: Pixels, x: Images) -> dict[str, PerExample]:
        """The squared error in training too: it costs little beside the error in units of σ."""
        terms = {"distortion": pixels.distortion(x)}
        with torch.no_grad():
            return terms | {"squared_error": pixels.squared_error(x)}

    def init_scale(self, pixel_variance: float) -> None:
        """σ where nothing is learned yet: the images' around their mean image."""
        self.start.fill_(max(math.log(max(pixel_variance, 1e-12)) / 2, LOWEST))


@LIKELIHOODS.register("gaussian-learned")
@dataclass(frozen=True)
class LearnedGaussianLikelihoodOptions(LikelihoodOptions):
    """Normal pixels with a σ that the decoder predicts. It has no weight.

    The most likely σ of a pixel, an image or all images is the root of its mean squared error.
    --likelihood gaussian --weight auto finds that of all images (Rybkin et al. 2021, who report
    better samples with it than with a σ for each pixel); here it depends on z.
    """

    logits: ClassVar[bool] = True
    needs_grey: ClassVar[bool] = True

    scale: Scale = "pixel"
    """pixel: a σ for each pixel and channel; image: one for each image. At least half a grey
    level."""

    def decoder_channels(self, image_channels: int) -> int:
        return 2 * image_channels if self.scale == "pixel" else image_channels + 1

    def describe(self, dimensions: int) -> str:
        return f"σ of each {self.scale} by the decoder: losses in nats, no weight"

    def build(self, image_shape: ImageShape) -> LearnedGaussianLikelihood:
        return LearnedGaussianLikelihood(image_shape, self.scale)
