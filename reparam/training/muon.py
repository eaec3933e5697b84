"""Muon: steps whose singular values are all alike, for the weights of convolutions.

Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the step's size is
that of Liu et al. 2025, "Muon is scalable for LLM training", section 2.2, so that one learning
rate serves for it and for Adam beside it.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import nn
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that pushes singular values in (0, 1] towards 1 (Jordan et al. 2024)."""

ITERATIONS = 5

STEP_RMS = 0.5
"""Root mean square of a step, divided by the learning rate. A typical step of Adam's has 0.2 (Liu
et al. 2025); for the weights between channels more is sooner (docs/log.md)."""

Matrices = Float[torch.Tensor, "n rows columns"]


def orthogonalised(matrices: Matrices) -> Matrices:
    """Each matrix with its singular values near 1 and its singular vectors as they were.

    Newton-Schulz: X ← aX + (bA + cA²)X with A = XXᵀ. Every step multiplies X from the left by a
    polynomial of A, so the steps are taken on the small A alone, and X is multiplied once.
    """
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = matrices if wide else matrices.mT
    x = x / (torch.linalg.matrix_norm(x)[..., None, None] + 1e-7)
    gram = x @ x.mT
    product = factor = _polynomial(gram)
    for _ in range(ITERATIONS - 1):
        gram = factor @ gram @ factor
        factor = _polynomial(gram)
        product = factor @ product
    x = product @ x
    return x if wide else x.mT


def _polynomial(gram: Matrices) -> Matrices:
    """a + bA + cA²."""
    a, b, c = COEFFICIENTS
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.baddbmm(b * gram, gram, gram, beta=1, alpha=c) + a * eye


class Muon(Optimizer):
    """Momentum, then orthogonalisation, for parameters of two or more dimensions.

    A convolution's weights (O, I, k, k) count as a matrix of O rows. Parameters of one shape are
    handled together.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step along the gradients (Nesterov's momentum)."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for parameters in by_shape.values():
                self._step_of_one_shape(parameters, group["lr"], group["momentum"])

    def _step_of_one_shape(
        self, parameters: list[nn.Parameter], rate: float, momentum: float
    ) -> None:
        directions = []
        for parameter in parameters:
            gradient = parameter.grad
            assert gradient is not None
            state = self.state[parameter]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            buffer = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
            directions.append(gradient.lerp(buffer, momentum).flatten(1))
        stacked = orthogonalised(torch.stack(directions))
        size = STEP_RMS * max(stacked.shape[1:]) ** 0.5
        for parameter, direction in zip(parameters, stacked, strict=True):
            parameter.add_(direction.view(parameter.shape), alpha=-rate * size)
