"""A moving average of the weights, which validation and the saved model use."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """The exponential moving average of parameters; of none where ``decay`` is 0.

    a ← δa + (1 − δ)w after every step t (from 0), with δ = min(decay, (1 + t)/(10 + t)): in the
    first steps the average is of few weights, and the initial ones are soon forgotten. Buffers are
    not averaged: a model has the newest ones.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.parameters = dict(parameters) if decay else {}
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After step number ``step``."""
        if self.values:
            newest = 1 - min(self.decay, (1 + step) / (10 + step))
            weights: list[torch.Tensor] = [*self.parameters.values()]
            torch._foreach_lerp_(list(self.values.values()), weights, newest)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While inside, the parameters have their averages; their memory stays where it is."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self.parameters.items():
            current = parameter.clone()
            parameter.copy_(self.values[name])
            self.values[name].copy_(current)

    def restore(self, values: Mapping[str, torch.Tensor]) -> None:
        """Puts back ``values``. Raises KeyError where one is missing."""
        for name, value in self.values.items():
            value.copy_(values[name])
