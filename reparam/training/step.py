"""One gradient step's losses and gradients, if need be replayed as a CUDA graph."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from reparam.data import Batch
from reparam.model import Noise
from reparam.objective import FULL, Augmentation, Loss, Losses, LossFunction, Phase
from reparam.runs import TrainingConfig
from reparam.training.arithmetic import Arithmetic
from reparam.training.feed import ByteBatch
from reparam.training.state import State
from reparam.training.sums import OBJECTIVE
from reparam.training.team import Team


def gradient_step(
    loss: LossFunction,
    batch: Batch,
    phase: Phase = FULL,
    noise: Noise = None,
    *,
    mean: Callable[[torch.Tensor], torch.Tensor] = torch.mean,
    backward: Callable[[torch.Tensor], object] = torch.Tensor.backward,
) -> Losses:
    """The losses of a batch, and the gradients of its mean objective in the parameters.

        loss = reparam.Loss(model, reparam.Elbo())
        for batch in batches:
            optimiser.zero_grad()
            reparam.gradient_step(loss, batch)
            optimiser.step()

    The training loop takes every step through it; ``mean`` and ``backward`` are for several
    processes.
    """
    losses = loss(batch, phase, noise)
    backward(mean(losses.objective))
    return losses


class _Wrapped(nn.Module):
    """A loss as Fabric wraps modules. Batch and phase are set before the call: Fabric copies
    dataclasses among the arguments.
    """

    def __init__(self, loss: Loss, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.loss = loss
        self.computed = arithmetic.of(loss)
        self.batch: Batch | None = None
        self.phase = FULL
        self.losses: Losses | None = None

    def forward(self, noise: Noise) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        assert self.batch is not None
        self.losses = self.computed(self.batch, self.phase, noise)
        objective = self.losses.objective
        for parameter in self.loss.waiting_parameters(self.phase.waiting):
            objective = objective + 0 * parameter.sum()  # DDP waits for a gradient of each
        return objective, self.losses.terms


RATE_BEGINS = 0.02
"""The rate's weight at the beginning of a warm-up (Bowman et al. 2016, section 3.1, begin at 0)."""


@dataclass(frozen=True)
class Plan:
    """What a step's phase is like, after a share of the run."""

    rate_weight: float
    """Of the rate in the objective; recorded losses have weight 1."""
    augment: bool
    """Whether images are augmented."""
    waiting: frozenset[str] = frozenset()
    """The extra terms that have not begun."""
    done: float = 1.0
    """Share of the run before the step."""

    @property
    def branch(self) -> tuple[object, ...]:
        """What decides which operations a step has: a recording holds for one."""
        return self.augment, self.waiting

    @classmethod
    def at(cls, config: TrainingConfig, loss: Loss, done: float) -> "Plan":
        """After a share ``done`` of the run."""
        rate_weight = 1.0
        if loss.objective.warms_up and done < config.rate_warm_up:
            rate_weight = RATE_BEGINS + (1 - RATE_BEGINS) * done / config.rate_warm_up
        waiting = loss.waiting(done, config.first_full_rate(loss.objective.warms_up))
        return cls(rate_weight, done < config.augment_until, waiting, done)


class Gradients:
    """The gradients of a batch, in the parameters; its losses, in the epoch's sums.

    Images are ``augmented`` while a plan says so. A batch goes through the networks in
    ``accumulate`` parts.
    """

    def __init__(
        self,
        state: State,
        team: Team,
        augmented: Augmentation,
        arithmetic: Arithmetic,
        *,
        accumulate: int = 1,
    ) -> None:
        self.state, self.team, self.accumulate = state, team, accumulate
        self.augmented = augmented
        self.wrapped = _Wrapped(state.loss, arithmetic)
        self.module = team.fabric.setup_module(self.wrapped, move_to_device=False)
        self.rate_weight = torch.ones((), device=team.fabric.device)
        self.done = torch.ones((), device=team.fabric.device)
        self.augment = True
        self.waiting: frozenset[str] = frozenset()

    def enter(self, plan: Plan) -> None:
        """From now on by this plan."""
        self.rate_weight.fill_(plan.rate_weight)
        self.done.fill_(plan.done)
        self.augment, self.waiting = plan.augment, plan.waiting

    def __call__(self, part: ByteBatch, whole: int, plan: Plan) -> None:
        """From this process' part of a batch of ``whole`` images."""
        self.enter(plan)
        self.state.optimiser.zero_grad()
        self.compute(part, whole)

    def compute(self, part: ByteBatch, whole: int) -> None:
        """The same; the parameters must have no gradients yet."""
        team = self.team
        turns = team.rows_in_turn(len(part), whole, self.accumulate)
        noises = team.noises(self.state.noise, whole, turns)
        found: list[dict[str, torch.Tensor]] = []
        for rows, noise in zip(turns, noises, strict=True):
            is_last = rows.stop == len(part)
            with team.fabric.no_backward_sync(self.module, enabled=not is_last):
                found.append(self._compute(part.rows(rows), whole, noise))
        for parameter in self.state.loss.waiting_parameters(self.waiting):
            parameter.grad = None
        with torch.no_grad():
            self._record({name: torch.cat([t[name] for t in found]) for name in found[0]}, whole)

    def _compute(self, part: ByteBatch, whole: int, noise: Noise) -> dict[str, torch.Tensor]:
        """Adds the gradients of some rows to those so far. Returns their terms."""
        team = self.team
        batch = part.batch()
        if self.augment:
            batch = batch.with_images(self.augmented(batch.images, noise))
        phase = Phase(
            self.rate_weight,
            mean=lambda values: team.mean_of_all(values, whole),
            gradient=lambda values, at: team.gradient_of_all(values, at, whole),
            waiting=self.waiting,
            done=self.done,
        )
        losses = gradient_step(
            self._loss,
            batch,
            phase,
            noise,
            mean=lambda values: team.mean(values, whole),
            backward=team.fabric.backward,
        )
        terms = {**losses.terms, OBJECTIVE: losses.objective}
        return {name: values.detach() for name, values in terms.items()}

    def _loss(self, batch: Batch, phase: Phase, noise: Noise) -> Losses:
        self.wrapped.batch, self.wrapped.phase = batch, phase
        objective, terms = self.module(noise)
        losses = self.wrapped.losses
        self.wrapped.batch = self.wrapped.losses = None  # they hold the step's memory
        assert losses is not None
        return Losses(objective, terms, losses.drawn, losses.rates)

    def _record(self, terms: dict[str, torch.Tensor], whole: int) -> None:
        sums, likelihood = self.state.sums, self.state.model.likelihood
        step = sums.add({name: self.team.counted(term, whole) for name, term in terms.items()})
        if likelihood.adapts:
            self.team.add_up(step)
            likelihood.after_step(dict(zip(sums.names, step / whole, strict=True)))


WARM_UP = 3
"""Steps taken the usual way before one is recorded: libraries choose their kernels then."""

Record = Callable[[Callable[[], None], torch.Generator], Callable[[], None]]
"""Records what a function does to tensors without doing it, and gives what does it again."""


class ReplayedGradients:
    """The same, recorded once and then replayed: a GPU gets one command a step, not hundreds.

    A recording reads and writes the same memory each time, so a batch is first copied to where the
    recording reads it. Batches of another size, at the end of an epoch, go the usual way.
    """

    def __init__(self, gradients: Gradients, batch_size: int, record: Record) -> None:
        self.gradients, self.batch_size, self.record = gradients, batch_size, record
        self.taken = 0
        self.branch: tuple[object, ...] = ()
        self.replay: Callable[[], None] | None = None
        self.parameters = list(gradients.state.loss.parameters())
        self.recorded: list[torch.Tensor | None] = []
        self.batch: ByteBatch | None = None

    def __call__(self, part: ByteBatch, whole: int, plan: Plan) -> None:
        if plan.branch != self.branch:
            self.branch, self.taken, self.replay = plan.branch, 0, None
        if len(part) != self.batch_size or self.taken < WARM_UP:
            self.taken += 1
            self.gradients(part, whole, plan)
            return
        self.gradients.enter(plan)
        if self.replay is None:
            try:
                self._record(part, whole)
            except RuntimeError as error:
                self._go_without(error)
                self.gradients(part, whole, plan)
                return
        assert self.replay is not None
        assert self.batch is not None
        for held, new in zip(self.batch.tensors(), part.tensors(), strict=True):
            held.copy_(new)
        self.replay()
        # A batch that went the usual way has put gradients elsewhere.
        for parameter, gradient in zip(self.parameters, self.recorded, strict=True):
            parameter.grad = gradient

    def _record(self, part: ByteBatch, whole: int) -> None:
        batch = part.clone()
        self.batch = batch
        self.gradients.state.optimiser.zero_grad()
        noise = self.gradients.state.noise
        self.replay = self.record(lambda: self.gradients.compute(batch, whole), noise)
        self.recorded = [parameter.grad for parameter in self.parameters]

    def _go_without(self, error: RuntimeError) -> None:
        """Nothing is lost but speed: from now on every step goes the usual way."""
        self.batch_size = 0
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        warnings.warn(
            f"a step could not be recorded as a CUDA graph ({reason}); training continues without, "
            "more slowly",
            stacklevel=2,
        )


def cuda_graph(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
    """``Record`` by a CUDA graph, whose random streams continue from replay to replay."""
    graph: Any = torch.cuda.CUDAGraph()  # its stubs lack register_generator_state
    graph.register_generator_state(noise)
    with torch.cuda.graph(graph):
        function()
    replay: Callable[[], None] = graph.replay
    return replay
