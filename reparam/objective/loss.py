"""Loss: one function of a model and a batch, which the loop and every evaluation call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from reparam.data import Batch, RowReader
from reparam.errors import ConfigError, check_one_each
from reparam.model import (
    LOSS_UNITS,
    Autoencoder,
    Noise,
    SharedNoise,
    check_module,
    rows_at_once,
)
from reparam.objective.base import (
    Added,
    Drawn,
    DrawnLatents,
    Losses,
    Objective,
    Phase,
    Term,
    TermOptions,
    Verdict,
)
from reparam.objective.inputs import InputConfig
from reparam.types import IndexArray, LabelArray, PerExample, PixelArray

AS_THEY_ARE = InputConfig()

RESERVED = LOSS_UNITS.keys() | {
    "objective",
    "loss",
    "distortion",
    "rate",
    "squared_error",
    "images",
    "dead_units",
    "log_likelihood_bound_nats",
}
"""Names of terms and reported losses, which no extra term may have."""

NEEDED = ("loss", "distortion", "rate")
"""Terms that every objective gives; in evaluation also squared_error."""

FULL = Phase()
"""The objective as it is after every warm-up."""

LossFunction = Callable[[Batch, Phase, Noise], Losses]
"""A ``Loss``, or one that is wrapped for several processes or another arithmetic."""


class Loss(nn.Module):
    """An objective with its extra terms, of one model.

    Called with a batch, it gives the losses of each image:

        loss = Loss(model, Elbo())
        loss(batch).objective.mean().backward()
    """

    def __init__(
        self,
        model: Autoencoder,
        objective: Objective,
        terms: Sequence[TermOptions] = (),
        inputs: InputConfig = AS_THEY_ARE,
    ) -> None:
        super().__init__()
        self.model = model
        self.objective, self.inputs = objective, inputs
        named = {term.name: term for term in terms}
        self.weights = {name: term.weight for name, term in named.items()}
        self.terms = nn.ModuleDict({name: _built(term, model) for name, term in named.items()})
        for name in RESERVED & named.keys():
            raise ConfigError(
                f"term {name} must have a name of its own, got that of a reported loss. Fix: "
                "register it under another name"
            )

    def forward(self, batch: Batch, phase: Phase = FULL, noise: Noise = None) -> Losses:
        """The losses of each image. An extra term is recorded under its name, unweighted.

        Raises ShapeError for an objective or a term that is not one number for each image, and
        ConfigError for an objective that gives no ``Losses``, or not every term of these.
        """
        if self.training:
            self.model.prior.begin_step(batch.index, noise)
        losses = self.objective(self.model, self.inputs.apply(batch, noise), phase, noise)
        self._check(losses, len(batch))
        losses = replace(losses, drawn=replace(losses.drawn, noise=noise))
        if self.judges and "squared_error" not in losses.terms:
            drawn = losses.drawn
            with torch.no_grad():
                error = drawn.pixels.squared_error(drawn.batch.images)
            losses = replace(losses, terms={**losses.terms, "squared_error": error})
        for name, term in self.each_term():
            losses = self._with_term(name, term, losses, phase)
        return losses

    def _check(self, losses: object, count: int) -> None:
        """Whether an objective, which may be a user's, gives what ``Losses`` says."""
        objective = f"objective {type(self.objective).__name__}"
        if not isinstance(losses, Losses):
            raise ConfigError(
                f"{objective} must give Losses, got {type(losses).__name__}. Fix: return "
                "reparam.Losses(objective, terms, drawn)"
            )
        for name, values in {"what is minimised": losses.objective, **losses.terms}.items():
            check_one_each(f"{name} of {objective}", values, count)
        needed = NEEDED if self.training else (*NEEDED, "squared_error")
        if missing := [name for name in needed if name not in losses.terms]:
            raise ConfigError(
                f"terms of {objective} must have {', '.join(needed)}, got none of the name "
                f"{' or '.join(missing)}. Fix: add it, of zeros where there is none; "
                "model.likelihood.terms(pixels, images) gives distortion and squared_error"
            )

    def _with_term(self, name: str, term: Term, losses: Losses, phase: Phase) -> Losses:
        if name in phase.waiting:
            added = Added.nothing(losses.objective, term.details)
        else:
            added = term.added(self.model, losses, self.weights[name], phase)
            for part, values in {"": added.value, **_parts_of(added)}.items():
                check_one_each(f"{part}term {name}", values, len(losses.objective))
        details = {f"{name}_{detail}": values for detail, values in added.details.items()}
        recorded = {name: added.value, **details}
        for own in recorded.keys() & (losses.terms.keys() | RESERVED):
            raise ConfigError(
                f"term {own} must have a name of its own, got that of a loss of "
                f"{self.objective.type}. Fix: register it under another name"
            )
        return replace(
            losses,
            objective=losses.objective + added.objective,
            terms={**losses.terms, **recorded, "loss": losses.terms["loss"] + added.loss},
        )

    @property
    def of_batch(self) -> frozenset[str]:
        """Names of the terms that compare the images of a batch by their latents."""
        return frozenset(name for name, term in self.each_term() if term.of_batch)

    def terms_of_batch(self, drawn: Drawn) -> dict[str, PerExample]:
        """What these terms record of latents, and add to ``loss``."""
        zero = torch.zeros(len(drawn.z), device=drawn.z.device)
        losses = Losses(zero, {"loss": zero}, drawn)
        for name, term in self.each_term():
            if term.of_batch:
                losses = self._with_term(name, term, losses, FULL)
        return losses.terms

    def each_term(self) -> Iterator[tuple[str, Term]]:
        """The extra terms by name."""
        for name, term in self.terms.items():
            assert isinstance(term, Term)
            yield name, term

    @property
    def judges(self) -> bool:
        """Whether a term has a verdict on epochs."""
        return any(term.judges for _, term in self.each_term())

    def waiting(self, done: float, earliest: float = 0.0) -> frozenset[str]:
        """The terms that have not begun after a share ``done`` of the run.

        ``earliest``: the share before which none begins that judges epochs.
        """
        return frozenset(
            name
            for name, term in self.each_term()
            if done < max(term.start, earliest if term.judges else 0.0)
        )

    def waiting_parameters(self, waiting: frozenset[str]) -> list[nn.Parameter]:
        """Of the terms of these names."""
        return [p for name, term in self.each_term() if name in waiting for p in term.parameters()]

    def after_epoch(self, mse: float, waiting: frozenset[str]) -> Verdict:
        """What the terms say together of an epoch that has ended; see ``Term.after_epoch``."""
        found = [
            term.after_epoch(mse, name in waiting) for name, term in self.each_term() if term.judges
        ]
        return Verdict(
            all(verdict.may_be_best for verdict in found),
            all(verdict.compares for verdict in found),
            dict(item for verdict in found for item in verdict.warnings.items()),
        )


def _built(options: TermOptions, model: Autoencoder) -> Term:
    """Raises ConfigError where it builds no Term."""
    term = options.build(model)
    check_module(term, Term, options)
    return term


def _parts_of(added: Added) -> dict[str, object]:
    """What a term adds beside its value, in words."""
    parts: dict[str, object] = {f"{name} of ": values for name, values in added.details.items()}
    return {"objective of ": added.objective, "loss of ": added.loss, **parts}


def batches(
    images: PixelArray,
    labels: LabelArray | None = None,
    index: IndexArray | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Images at rest in batches, in order. ``index``: these of them only.

    The array may be mapped from disk and larger than memory.
    """
    reader = RowReader(images)
    positions = np.arange(len(images)) if index is None else index
    most = rows_at_once(images.shape[1:])
    for start in range(0, len(positions), most):
        rows = positions[start : start + most]
        yield Batch.of_bytes(
            torch.from_numpy(reader.take(rows)).to(device),
            None if labels is None else torch.from_numpy(labels[rows].astype(np.int64)).to(device),
            torch.from_numpy(rows.astype(np.int64)).to(device),
        )


def parts_of(
    batch: Batch, latents: int, generator: torch.Generator
) -> Iterator[tuple[Batch, Noise]]:
    """A batch in parts, of which so many ``latents`` an image can be decoded at once, with their
    noise: each image has the same as in the whole batch.
    """
    most = max(1, rows_at_once(batch.images.shape[2:]) // latents)
    if len(batch) <= most:
        yield batch, generator
        return
    noise = SharedNoise(generator, 0, len(batch))
    for first in range(0, len(batch), most):
        yield batch.rows(slice(first, first + most)), noise.part(first)


def terms_of_each(
    loss: Loss,
    images: PixelArray,
    labels: LabelArray | None = None,
    index: IndexArray | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Every term of each image, float64 (N,) by name.

    In evaluation mode, float32 and the final phase. z is sampled (for a VAE), and so are black and
    white images, with a generator of their own: the same seed gives the same figures. Terms
    ``of_batch`` are of 500 images or more, if there are so many: of fewer where latents are large.
    """
    return _terms_and_rates(loss, images, labels, index, seed, loss)[0]


def _terms_and_rates(
    loss: Loss,
    images: PixelArray,
    labels: LabelArray | None,
    index: IndexArray | None,
    seed: int,
    computed: LossFunction,
) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Every term of each image, and the mean rate of each latent dimension where it is known."""
    model = loss.model
    was_training = loss.training
    loss.eval()
    generator = torch.Generator(model.device).manual_seed(seed)
    count, start = len(images) if index is None else len(index), 0
    terms: dict[str, np.ndarray] = {}
    rates: torch.Tensor | None = None
    latents = loss.objective.latents_an_image
    together = rows_at_once((model.latent_dim, 1))  # latents have fewer numbers than layers
    is_cut = rows_at_once(images.shape[1:]) // latents < min(count, together)
    later = loss.of_batch if is_cut else frozenset()
    phase = replace(FULL, waiting=later)
    held: list[Drawn] = []
    first = 0
    with torch.no_grad():
        for batch in batches(images, labels, index, model.device):
            for part, noise in parts_of(batch, latents, generator):
                losses = computed(part, phase, noise)
                rows = slice(start, start + len(part))
                for name, values in losses.terms.items():
                    if name not in terms:  # one piece: small ones keep memory from being freed
                        terms[name] = np.empty(count)
                    terms[name][rows] = values.cpu()
                if losses.rates is not None:
                    sums = losses.rates.cpu().double().sum(0)
                    rates = sums if rates is None else rates + sums
                start = rows.stop
                if later:
                    held.append(DrawnLatents([losses.drawn], None))
            # The last few images are with those before them
            if later and (start == count or min(start - first, count - start) >= together):
                drawn = DrawnLatents(held, generator)
                for name, values in loss.terms_of_batch(drawn).items():
                    terms[name][first:start] += values.double().cpu().numpy()
                held, first = [], start
    loss.train(was_training)
    return terms, None if rates is None else rates.numpy() / count


DEAD = 0.01
"""Nats below which a latent dimension tells nothing of an image."""


def mean_losses(
    loss: Loss,
    images: PixelArray,
    labels: LabelArray | None = None,
    index: IndexArray | None = None,
    seed: int = 0,
    computed: LossFunction | None = None,
) -> dict[str, float]:
    """The losses to report (``Likelihood.losses``) of the terms' means over images, as
    `terms_of_each` has them. ``computed``: the same loss in another arithmetic than float32.

    ``dead_units`` beside them, where the rate is a sum over latent dimensions: how many of these
    have a mean rate below DEAD nats.
    """
    each, rates = _terms_and_rates(loss, images, labels, index, seed, computed or loss)
    means = loss.objective.reported({name: float(v.mean()) for name, v in each.items()})
    losses = loss.model.likelihood.losses(means)
    dead = {} if rates is None else {"dead_units": float((rates < DEAD).sum())}
    return losses | dead
