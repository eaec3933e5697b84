"""What one step computes: the losses of a batch and their gradients, if need be as a CUDA graph."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from reparam.model import Autoencoder, from_bytes
from reparam.model.noise import Noise
from reparam.objective import ObjectiveConfig, elbo_terms, free_bits
from reparam.training.augment import augmented
from reparam.training.config import TrainingConfig
from reparam.training.finite import FiniteWatch
from reparam.training.state import State
from reparam.training.team import Team

Terms = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Distortion (B,), rate (B,), and the rate of each dimension (B, d) where there is one."""


class Objective(nn.Module):
    """Bytes of a batch (B, H, W, C) → its terms: what Fabric wraps."""

    def __init__(
        self, model: Autoencoder, config: ObjectiveConfig, *, shift: float, rotate: float
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.shift, self.rotate = shift, rotate
        self.moves = True
        """Whether images are shifted and rotated now."""

    def forward(self, pixels: torch.Tensor, generator: Noise) -> Terms:
        x = from_bytes(pixels)
        if self.moves:
            x = augmented(x, self.shift, self.rotate, generator)
        terms = elbo_terms(self.model, x, self.config, generator)
        return terms.distortion, terms.rate, terms.rates


RATE_BEGINS = 0.02
"""The rate's weight at the beginning of a warm-up (Bowman et al. 2016, section 3.1, begin at 0)."""


@dataclass(frozen=True)
class Phase:
    """What of the objective changes in the course of a run."""

    rate_weight: float
    """Of the rate in the loss whose gradient is taken; the losses that are told have weight 1."""
    moves: bool
    """Whether images are shifted and rotated."""


def phase_at(config: TrainingConfig, done: float) -> Phase:
    """The phase after a share ``done`` of the run."""
    rate_weight = 1.0
    if done < config.rate_warm_up:
        rate_weight = RATE_BEGINS + (1 - RATE_BEGINS) * done / config.rate_warm_up
    return Phase(rate_weight, done < config.augment_until)


class Gradients:
    """The gradients of a batch, in the parameters; its losses, in the epoch's sums."""

    def __init__(self, objective: Objective, team: Team, state: State, watch: FiniteWatch) -> None:
        self.objective = objective
        self.module = team.fabric.setup_module(objective, move_to_device=False)
        self.team, self.state, self.watch = team, state, watch
        self.rate_weight = torch.ones((), device=team.fabric.device)

    def enter(self, phase: Phase) -> None:
        """From now on in this phase."""
        self.rate_weight.fill_(phase.rate_weight)
        self.objective.moves = phase.moves

    def __call__(self, part: torch.Tensor, whole: int, phase: Phase) -> None:
        """From this process' part of a batch of ``whole`` images."""
        self.enter(phase)
        self.state.optimiser.zero_grad()
        self.compute(part, whole)

    def compute(self, part: torch.Tensor, whole: int) -> None:
        """The same; the parameters must have no gradients yet."""
        team = self.team
        distortion, rate, rates = self.module(part, team.noise(self.state.noise, whole))
        cost = rate
        if self.objective.config.free_bits and rates is not None:
            mean_rates = team.mean_of_all(rates.detach(), whole)
            cost = free_bits(rates, mean_rates, self.objective.config.free_bits)
        team.fabric.backward(team.mean(distortion + self.rate_weight * cost, whole))
        with torch.no_grad():
            # The distortion without σ², which may move: half of the squared error.
            terms = torch.stack([distortion * self.state.weighing.scale, rate], 1)
            self.state.sums += team.counted(terms, whole).sum(0)
            self.watch.note()
            self.state.weighing.after(terms, team, whole)


WARM_UP = 3
"""Steps taken the usual way before one is recorded: libraries choose their kernels then."""

Record = Callable[[Callable[[], None], torch.Generator], Callable[[], None]]
"""Records what a function does to tensors without doing it, and gives what does it again."""


class ReplayedGradients:
    """The same, recorded once and then replayed: a GPU is told once what to do, not every step.

    A recording reads and writes the same memory each time, so a batch is first copied to where the
    recording reads it. Batches of another size, at the end of an epoch, go the usual way.
    """

    def __init__(self, gradients: Gradients, batch_size: int, record: Record) -> None:
        self.gradients, self.batch_size, self.record = gradients, batch_size, record
        self.taken = 0
        self.moves = True
        self.replay: Callable[[], None] | None = None
        self.parameters = list(gradients.state.model.parameters())
        self.recorded: list[torch.Tensor | None] = []
        self.batch = torch.empty(0)

    def __call__(self, part: torch.Tensor, whole: int, phase: Phase) -> None:
        if len(part) != self.batch_size or self.taken < WARM_UP:
            self.taken += 1
            self.gradients(part, whole, phase)
            return
        self.gradients.enter(phase)
        if self.replay is None or phase.moves != self.moves:
            self.moves = phase.moves
            try:
                self._record(part, whole)
            except RuntimeError as error:
                self._go_without(error)
                self.gradients(part, whole, phase)
                return
        assert self.replay is not None
        self.batch.copy_(part)
        self.replay()
        # A batch that went the usual way has put gradients elsewhere.
        for parameter, gradient in zip(self.parameters, self.recorded, strict=True):
            parameter.grad = gradient

    def _record(self, part: torch.Tensor, whole: int) -> None:
        self.batch = part.clone()
        self.gradients.state.optimiser.zero_grad()
        noise = self.gradients.state.noise
        self.replay = self.record(lambda: self.gradients.compute(self.batch, whole), noise)
        self.recorded = [parameter.grad for parameter in self.parameters]

    def _go_without(self, error: RuntimeError) -> None:
        """Nothing is lost but speed: from now on every step goes the usual way."""
        self.batch_size = 0
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        warnings.warn(
            f"a step could not be recorded as a CUDA graph ({reason}); training goes on without, "
            "more slowly",
            stacklevel=2,
        )


def cuda_graph(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
    """``Record`` by a CUDA graph, whose random streams go on from replay to replay."""
    graph: Any = torch.cuda.CUDAGraph()
    graph.register_generator_state(noise)
    with torch.cuda.graph(graph):
        function()
    replay: Callable[[], None] = graph.replay
    return replay
