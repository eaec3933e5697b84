"""What an objective gives, what it is told of the run, and extra terms beside it."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn

import numpy as np
import torch
from torch import nn

from reparam.data import Batch
from reparam.errors import ConfigError, check_one_each
from reparam.interface import Interface
from reparam.model import Autoencoder, Distribution, ModelConfig, Noise, Pixels, Prior, draw_rows
from reparam.objective.inputs import InputConfig
from reparam.registry import Part, Registry
from reparam.types import Latents, PerExample


@dataclass(frozen=True)
class Drawn:
    """What an objective computed on the way to its losses: extra terms read it."""

    batch: Batch
    q: Distribution
    z: Latents
    """One draw of q for each image."""
    pixels: Pixels
    """p(x|z) at z."""
    log_q: PerExample | None = None
    """log q(z|x) where it came with drawing z."""
    noise: Noise = None
    """Where a term's random numbers come from; ``Loss`` sets it."""

    def prior_draws(self, prior: Prior) -> Latents:
        """As many draws of the prior as there are latents, without gradient."""
        return draw_rows(prior.sample, self.noise, self.z)

    @classmethod
    def of(cls, model: Autoencoder, batch: Batch, noise: Noise = None) -> "Drawn":
        """The forward pass: images as the encoder sees them → q(z|x) → z → p(x|z)."""
        q = model.infer(batch.seen, batch.labels)
        z, log_q = q.draw(noise)
        return cls(batch, q, z, model.pixels(z, batch.labels), log_q)


class DrawnLatents(Drawn):
    """Latents of batches, one after another, without the images and decodings, which are large."""

    def __init__(self, parts: Sequence[Drawn], noise: Noise) -> None:
        first, *others = parts
        log_q = [part.log_q for part in parts if part.log_q is not None]
        kept = {
            "q": first.q.followed_by([part.q for part in others]),
            "z": torch.cat([part.z for part in parts]),
            "log_q": torch.cat(log_q) if log_q else None,
            "noise": noise,
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> NoReturn:
        if name not in ("batch", "pixels"):
            raise AttributeError(name)
        raise ConfigError(
            f"a term of_batch must read q, z, log_q and noise alone of what is drawn, got {name}. "
            "Fix: omit of_batch"
        )


@dataclass(frozen=True)
class Losses:
    """The losses of a batch, image by image.

    ``objective`` is minimised: the loop takes its mean and nothing else. ``terms`` are recorded by
    name, in nats unless the name says otherwise. Every objective gives ``loss`` (by which epochs
    compare: for a VAE the negative ELBO), ``distortion`` up to the likelihood's
    ``log_normaliser``, ``squared_error`` (Σ over pixels; in training not every likelihood measures
    it), and ``rate`` (0 where there is none).
    """

    objective: PerExample
    terms: dict[str, PerExample]
    drawn: Drawn
    rates: Latents | None = None
    """The rate of each latent dimension (B, d), where it is their sum."""


def mean_of_batch(values: torch.Tensor) -> torch.Tensor:
    return values.mean(0)


def gradient_of_batch(values: PerExample, at: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(values.mean(), at, retain_graph=True)
    return gradient


@dataclass(frozen=True)
class Phase:
    """What of an objective changes in the course of a run, and what a batch is part of."""

    rate_weight: torch.Tensor | float = 1.0
    """Of the rate in the objective; recorded losses have weight 1."""

    mean: Callable[[torch.Tensor], torch.Tensor] = mean_of_batch
    """The mean over a step's whole batch, of which other processes may have parts; no gradient."""

    gradient: Callable[[PerExample, torch.Tensor], torch.Tensor] = gradient_of_batch
    """At a parameter: that of the mean over the same whole batch. The graph is kept."""

    waiting: frozenset[str] = frozenset()
    """Names of the extra terms whose ``start`` has not come."""

    done: torch.Tensor | float = 1.0
    """Share of the run that is done; 1 in evaluation."""


def check_rate(model: ModelConfig, what: str, or_else: str = "") -> None:
    """Raises ConfigError for a model whose rate is not known in training. ``what`` needs it;
    ``or_else``: another fix.
    """
    if model.posterior.is_point:
        raise ConfigError(
            f"posterior must be a distribution for {what}, got {model.posterior.type}: a point has "
            f"no finite KL to a continuous prior. Fix: take --posterior diagonal-normal{or_else}"
        )
    check_prior(model, what, or_else)


def check_prior(model: ModelConfig, what: str, or_else: str = "") -> None:
    """The same of the prior alone: for what draws from it."""
    if model.prior.is_known_after_training:
        raise ConfigError(
            f"prior must be known in training for {what}, got {model.prior.type}, which is known "
            f"when training has ended. Fix: take --prior standard-normal{or_else}"
        )


@dataclass(frozen=True)
class Objective(Part):
    """(model, batch) → ``Losses``. A member is its formula; its options are in it."""

    has_rate: ClassVar[bool] = True
    """Whether it compares q(z|x) with the prior. Then the posterior must not be a point."""

    trains_classifier: ClassVar[bool] = False
    """Whether the model must have a classifier; else it must not."""

    @property
    def latents_an_image(self) -> int:
        """How many latents it decodes of each image at a time."""
        return 1

    @property
    def warms_up(self) -> bool:
        """Whether training may begin with a smaller weight of the rate (``rate_warm_up``)."""
        return self.has_rate

    def weight_of_rate(self) -> float:
        """Of the rate in what is minimised, where ``loss`` counts it once."""
        return 1.0

    def more_rate(self, model: ModelConfig) -> tuple[str, ...]:
        """Options of its own that raise the rate of such a model, as a person would type them."""
        return ()

    @abstractmethod
    def __call__(
        self, model: Autoencoder, batch: Batch, phase: Phase, noise: Noise = None
    ) -> Losses: ...

    def check(self, model: ModelConfig) -> None:
        """Raises ConfigError for a model whose parts it does not go with."""
        if model.classifier != self.trains_classifier:
            wanted, found = ("a", "none") if self.trains_classifier else ("no", "one")
            raise ConfigError(
                f"a model must have {wanted} classifier for objective {self.type}, got {found}. "
                "Fix: take --classifier with --objective semi-supervised (--model m2), or neither"
            )
        if not self.has_rate:
            self._check_without_rate(model)
        else:
            check_rate(
                model, f"objective {self.type}", or_else=", or --objective reconstruction (an AE)"
            )

    def reported(self, means: Mapping[str, float]) -> dict[str, float]:
        """What is shown of its terms' means over images."""
        return dict(means)

    def reported_of_each(self, terms: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What is shown of its terms image by image; NaN where an image has none."""
        return dict(terms)

    def _check_without_rate(self, model: ModelConfig) -> None:
        if model.likelihood.weighs_rate:
            raise ConfigError(
                f"objective must have a rate for an error to be weighed against it, got "
                f"{self.type}, which has none (an AE). Fix: omit beta, sigma, target_mse and "
                "target_rate, or take --objective elbo"
            )
        if model.prior.is_learned:
            raise ConfigError(
                f"objective must have a rate for prior {model.prior.type} to learn from, got "
                f"{self.type}. Fix: take --objective elbo (a VAE), or fit a prior after training "
                "with `reparam fit-prior`"
            )


OBJECTIVES: Registry[Objective] = Registry("objective", Objective, prefix="")
"""What training minimises, by name."""


@dataclass(frozen=True)
class OwnOptimiser:
    """How a term's parameters train where the model's optimiser is not for them: by Adam."""

    learning_rate: float
    """At the peak of the run's schedule, which it follows."""
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Added:
    """What an extra term adds to the losses of a batch, image by image."""

    value: PerExample
    """Recorded under the term's name."""
    objective: PerExample
    """Added to what is minimised. Of two players' losses each must have gradients in its own
    parameters alone: there is one backward pass for all."""
    loss: PerExample
    """Added to the loss by which epochs compare."""
    details: Mapping[str, PerExample] = field(default_factory=dict)
    """Recorded too, under the term's name and theirs: ``adversarial_margin``."""

    @classmethod
    def nothing(cls, like: PerExample, details: tuple[str, ...]) -> "Added":
        """0 everywhere."""
        zero = torch.zeros_like(like)
        return cls(zero, zero, zero, dict.fromkeys(details, zero))


@dataclass(frozen=True)
class Verdict:
    """What a term says of the epoch that has just ended."""

    may_be_best: bool = True
    """Whether its weights may be the run's."""
    compares: bool = True
    """Whether it compares by its loss with those before; else the latest that may be is best."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """What people should know: kind → a line with the fix. Each kind is shown once in a run."""


class Term(nn.Module, Interface):
    """One more term of a loss, image by image, with parameters that train with the model's.

    A member may set the attributes, and override ``added`` and ``after_epoch``.
    """

    start: float = 0.0
    """Share of the run before which it is not computed, does not train, and is recorded as 0.
    One that ``judges`` also waits for the first epoch that ends with the rate at full weight."""

    optimiser: OwnOptimiser | None = None
    """Of its own parameters; None: the model's."""

    details: tuple[str, ...] = ()
    """Names of what it records beside its value."""

    of_batch: bool = False
    """Whether it compares the images of a batch by their latents: by q, z, log_q and noise alone of
    what is drawn, and no other loss. Evaluation then takes the latents of many images, however few
    are decoded at a time."""

    judges: bool = False
    """Whether it has a verdict on epochs; then the squared error is measured in every step."""

    @abstractmethod
    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample: ...

    def added(self, model: Autoencoder, losses: Losses, weight: float, phase: Phase) -> Added:
        """Its part of the losses; ``losses`` are those of the objective and earlier terms."""
        value = self(model, losses.drawn)
        return Added(value, weight * value, weight * value)

    def after_epoch(self, squared_error: float, waiting: bool) -> Verdict:
        """After each epoch at the rate's full weight, with the mean squared error of a pixel: held
        out, or of training where nothing is. What it remembers must be in buffers. ``waiting``: it
        has not begun.
        """
        return Verdict()


@dataclass(frozen=True)
class TermOptions(Part):
    """Options of an extra term. A member is its formula (``value``), or builds a ``Term``."""

    of_batch: ClassVar[bool] = False
    """Of a formula: as ``Term.of_batch``."""

    weight: float = field(default=1.0, kw_only=True)
    """Weight of the term in the loss."""

    @property
    def name(self) -> str:
        """Under which the term is recorded: its type as a Python name."""
        return self.type.replace("-", "_")

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        """Raises ConfigError for a model or inputs that it does not go with."""

    def check_schedule(self, earliest: float) -> None:
        """Raises ConfigError for a run that is too short for it. ``earliest``: the share after
        which terms begin that judge epochs.
        """

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        """The term of each image, of a member without parameters."""
        raise ConfigError(
            f"{type(self).__name__} must define value, or build, got a class without. Fix: define "
            "one of them as docs/extending.md shows"
        )

    def build(self, model: Autoencoder) -> Term:
        return _Formula(self)


class _Formula(Term):
    """A term without parameters."""

    def __init__(self, options: TermOptions) -> None:
        super().__init__()
        self.options, self.of_batch = options, options.of_batch

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        value = self.options.value(model, drawn)
        check_one_each(f"value of term {self.options.type}", value, len(drawn.z))
        return value


TERMS: Registry[TermOptions] = Registry("term", TermOptions, several=True)
"""Extra terms of the loss, by name."""
