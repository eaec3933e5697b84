"""An adversarial term: a discriminator of patches learns to tell decoded images from real ones.

PatchGAN (Isola et al. 2017, section 3.2) with the hinge loss (Lim & Ye 2017), weighted as in VQGAN
(Esser et al. 2021, eq. 6 and 7), and with a guard that keeps the squared error in bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model import Autoencoder, ModelConfig, SameConv2d
from reparam.objective.base import (
    TERMS,
    Added,
    Drawn,
    Losses,
    OwnOptimiser,
    Phase,
    Term,
    TermOptions,
    Verdict,
)
from reparam.objective.inputs import InputConfig
from reparam.objective.latent_discriminator import BETAS, SLOPE, frozen_scores
from reparam.types import Images, PerExample

KERNEL = 4
SMALLEST_MAPS = 4
"""Pixels of the smaller side below which no layer shrinks maps further."""

MOST_WEIGHT = 1e4
"""Highest ratio of gradients, for an error that is averaged over pixels (Esser et al.)."""

DELTA = 1e-6
"""Of eq. 7: what keeps the ratio finite."""


class Discriminator(nn.Module):
    """Images in [0, 1] → a score of each patch, higher for what looks real.

    As many of ``channels`` as the images have room for: each layer halves the sides. Normalisation
    is within an image, so that no image's score depends on the others of its batch.
    """

    def __init__(self, channels: Sequence[int], image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        side, before = min(image_shape[:2]), image_shape[2]
        layers: list[nn.Module] = []
        for width in channels:
            if layers and side < 2 * SMALLEST_MAPS:
                break
            layers.append(SameConv2d(before, width, KERNEL, 2))
            if before != image_shape[2]:
                layers.append(nn.GroupNorm(1, width))
            layers.append(nn.LeakyReLU(SLOPE))
            side, before = -(-side // 2), width
        self.layers = nn.Sequential(*layers, SameConv2d(before, 1, 3, 1))

    def forward(self, x: Images) -> Float[Tensor, "B P"]:
        scores: Float[Tensor, "B 1 h w"] = self.layers(2 * x - 1)
        return scores.float().flatten(1)


class Guard(nn.Module):
    """Keeps the squared error within LIMIT of the lowest so far, by a factor of the weight.

    Its state is in buffers, so that a checkpoint has it.
    """

    LOWER = 1.05
    """From this many times the lowest error on the weight is halved, after each epoch."""
    LIMIT = 1.1
    """Above this many times it is 0 until the error is below LOWER again."""

    lowest: Tensor
    """0: there was none yet."""
    level: Tensor
    """Of the weight, where it is on."""
    off: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("lowest", torch.zeros(()))
        self.register_buffer("level", torch.ones(()))
        self.register_buffer("off", torch.zeros(()))

    @property
    def factor(self) -> Tensor:
        return self.level * (1 - self.off)

    def after_epoch(self, error: float, waiting: bool) -> Verdict:
        """``waiting``: the term has not begun, so that it has no part in the error."""
        lowest = self.lowest.item() or error
        ratio = error / lowest if lowest else 1.0
        self.lowest.fill_(min(lowest, error))
        if waiting:
            return Verdict()
        was_off, beyond = bool(self.off), ratio > self.LIMIT
        lowered = ratio >= self.LOWER and not was_off
        if lowered:
            self.level /= 2
        elif ratio <= 1:
            self.level.mul_(2).clamp_(max=1)
        self.off.fill_(float(beyond or (was_off and ratio >= self.LOWER)))
        warnings = {}
        if beyond:
            done = "set to 0 until it falls, and no such epoch becomes the run's weights"
            warnings["adversarial_off"] = self._warning(ratio, done)
        elif lowered:
            warnings["adversarial_lowered"] = self._warning(ratio, "halved")
        return Verdict(not beyond, compares=False, warnings=warnings)

    def _warning(self, ratio: float, done: str) -> str:
        return (
            f"with the adversarial term the squared error is {ratio:.3g} times the lowest so far: "
            f"the term's weight is {done}. Fix: a smaller --adversarial-weight, or a later "
            "--adversarial-start"
        )


class Adversarial(Term):
    """−D(decoded), with the loss of D beside it; D trains by an optimiser of its own.

    Recorded: ``adversarial``, −D(decoded); ``adversarial_discriminator``, the hinge loss of D;
    ``adversarial_margin``, D(real) − D(decoded); ``adversarial_weight``, what −D is multiplied by.
    None of them is in nats, or part of the loss by which epochs compare.
    """

    details = ("discriminator", "margin", "weight")
    judges = True

    weight: Tensor
    """In use in the last step of training: 0 before the first."""
    begun: Tensor

    def __init__(self, options: "AdversarialOptions", model: Autoencoder) -> None:
        super().__init__()
        self.start = options.start
        self.optimiser = OwnOptimiser(options.learning_rate, BETAS)
        self.discriminator = Discriminator(options.channels, model.image_shape)
        self.guard = Guard()
        self.register_buffer("weight", torch.zeros(()))
        self.register_buffer("begun", torch.zeros(()))

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        """−D(decoded), with a gradient in the decoded images and none in D."""
        return -frozen_scores(self.discriminator, drawn.pixels.mean).mean(1)

    def added(self, model: Autoencoder, losses: Losses, weight: float, phase: Phase) -> Added:
        if not self.training and not self.begun:
            return Added.nothing(losses.objective, self.details)
        drawn = losses.drawn
        value = self(model, drawn)
        # Both at once; and nothing of D's own loss may reach the model.
        both = torch.cat([drawn.batch.images, drawn.pixels.mean.detach()])
        real, decoded = self.discriminator(both).chunk(2)
        hinge = (F.relu(1 - real) + F.relu(1 + decoded)).mean(1)
        used = self.weight
        if self.training:
            used = weight * self.guard.factor * balance(losses.objective, value, model, phase)
            self.weight.copy_(used)
            self.begun.fill_(1)
        details = {
            "discriminator": hinge.detach(),
            "margin": (real.mean(1) - decoded.mean(1)).detach(),
            "weight": used.expand_as(value),
        }
        zero = torch.zeros_like(value)
        return Added(value.detach(), used * value + hinge, zero, details)

    def after_epoch(self, squared_error: float, waiting: bool) -> Verdict:
        return self.guard.after_epoch(squared_error, waiting)


def balance(objective: PerExample, value: PerExample, model: Autoencoder, phase: Phase) -> Tensor:
    """λ = ‖∇ objective‖ / (‖∇ value‖ + δ) at the decoder's last weights (Esser et al. 2021, eq. 7).

    The bound on λ is for an error per pixel; here it is the sum over an image's D values.
    """
    last, dimensions = model.decoder.last_weights, model.likelihood.dimensions
    ours, theirs = (phase.gradient(values, last).norm() for values in (objective, value))
    return (ours / (theirs + DELTA)).clamp(max=MOST_WEIGHT * dimensions).detach()


@TERMS.register("adversarial")
@dataclass(frozen=True)
class AdversarialOptions(TermOptions):
    """A discriminator of patches, for sharper images.

    It may raise the squared error on held-out images by 10 % at most: above that its weight falls,
    and no such epoch becomes the run's weights. From its start on the latest epoch within that
    bound is the run's, not the one of lowest loss.
    """

    weight: float = field(default=0.5, kw_only=True, metadata={"above": 0})
    """Of the term's gradient against that of the other losses, at the decoder's last weights."""

    start: float = option(0.5, above=0, below=1)
    """Share of the run after which it begins; at the earliest after the first epoch that ends
    with the rate at its full weight (--rate-warm-up)."""

    channels: tuple[int, ...] = option((32, 64, 128), least=1)
    """Channels of the discriminator's layers, which halve the sides; small images use fewer."""

    learning_rate: float = option(2e-4, above=0)
    """The discriminator's, at the peak of the run's schedule."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise ConfigError(
                "adversarial_channels must list a layer or more, got none. Fix: such as 32 64"
            )

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        if inputs.binarise != "none":
            raise ConfigError(
                "binarise must be none for term adversarial, got "
                f"{inputs.binarise}: black and white images differ from their grey means in every "
                "pixel. Fix: omit one of both"
            )

    def check_schedule(self, earliest: float) -> None:
        if earliest >= 1:
            raise ConfigError(
                "term adversarial must have an epoch before its start, at the rate's full weight, "
                "to keep the squared error of, got none. Fix: more --epochs, or a shorter "
                "--rate-warm-up"
            )

    def build(self, model: Autoencoder) -> Adversarial:
        return Adversarial(self, model)
