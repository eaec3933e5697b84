"""What one step computes: the losses of a batch and their gradients, if need be as a CUDA graph."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from reparam.model import Autoencoder, from_bytes
from reparam.model.noise import Noise
from reparam.objective import ObjectiveConfig, elbo_terms
from reparam.training.augment import augmented
from reparam.training.finite import FiniteWatch
from reparam.training.state import State
from reparam.training.team import Team

if TYPE_CHECKING:
    from lightning_fabric.wrappers import _FabricModule


class Objective(nn.Module):
    """Bytes of a batch (B, H, W, C) → distortion and rate, each (B,): what Fabric wraps."""

    def __init__(
        self, model: Autoencoder, config: ObjectiveConfig, *, shift: float, rotate: float
    ) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.shift, self.rotate = shift, rotate

    def forward(self, pixels: torch.Tensor, generator: Noise) -> tuple[torch.Tensor, torch.Tensor]:
        x = augmented(from_bytes(pixels), self.shift, self.rotate, generator)
        terms = elbo_terms(self.model, x, self.config, generator)
        return terms.distortion, terms.rate


class Gradients:
    """The gradients of a batch, in the parameters; its losses, in the epoch's sums."""

    def __init__(
        self, module: "_FabricModule", team: Team, state: State, watch: FiniteWatch
    ) -> None:
        self.module, self.team, self.state, self.watch = module, team, state, watch

    def __call__(self, part: torch.Tensor, whole: int) -> None:
        """From this process' part of a batch of ``whole`` images."""
        self.state.optimiser.zero_grad()
        self.compute(part, whole)

    def compute(self, part: torch.Tensor, whole: int) -> None:
        """The same; the parameters must have no gradients yet."""
        team = self.team
        distortion, rate = self.module(part, team.noise(self.state.noise, whole))
        team.fabric.backward(team.mean(distortion + rate, whole))
        with torch.no_grad():
            own = [team.counted(term, whole).sum() for term in (distortion, rate)]
            self.state.sums += torch.stack(own)
            self.watch.note()


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
        self.replay: Callable[[], None] | None = None
        self.parameters = list(gradients.state.model.parameters())
        self.recorded: list[torch.Tensor | None] = []
        self.batch = torch.empty(0)

    def __call__(self, part: torch.Tensor, whole: int) -> None:
        if len(part) != self.batch_size or self.taken < WARM_UP:
            self.taken += 1
            self.gradients(part, whole)
            return
        if self.replay is None:
            self._record(part, whole)
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


def cuda_graph(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
    """``Record`` by a CUDA graph, whose random streams go on from replay to replay."""
    graph: Any = torch.cuda.CUDAGraph()
    graph.register_generator_state(noise)
    with torch.cuda.graph(graph):
        function()
    replay: Callable[[], None] = graph.replay
    return replay
