"""Invertible networks that read a context: z0 → z with ln |det ∂z/∂z0|, and back.

Each begins as the identity.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from reparam.extras import need
from reparam.types import Latents, PerExample

Context = Float[Tensor, "B c"]

HALVINGS = 60
"""Of the interval in which a planar step is inverted: beyond the last bit of float64."""

M_0 = 0.5413248546129181
"""ln(e − 1): where softplus is 1."""


class Step(nn.Module, ABC):
    """One invertible step."""

    @abstractmethod
    def forward(self, z: Latents, context: Context) -> tuple[Latents, PerExample]:
        """z moved, and ln |det| of that."""

    @abstractmethod
    def inverse(self, z: Latents, context: Context) -> Latents: ...


class Flow(nn.Module):
    """Invertible steps, one after another."""

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)

    def forward(self, z: Latents, context: Context) -> tuple[Latents, PerExample]:
        """z and the sum of the steps' ln |det|."""
        total = torch.zeros_like(z[:, 0])
        with in_full_precision(z):
            for step in self.steps:
                z, log_det = step(z, context)
                total = total + log_det
        return z, total

    def inverse(self, z: Latents, context: Context) -> Latents:
        """z0, differentiable in z, the context and the weights."""
        with in_full_precision(z):
            for step in reversed(self.steps):
                z = cast(Step, step).inverse(z, context)
        return z


def in_full_precision(x: Tensor) -> AbstractContextManager[object]:
    """Densities need all digits: no automatic bfloat16 within it."""
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


class InverseAutoregressive(Step):
    """z_i = μ_i + σ_i z0_i, with μ_i, σ_i a masked network of z0_1 … z0_{i−1} and the context
    (Kingma et al. 2016, eq. 10). Its inverse takes as many passes as there are dimensions.
    """

    def __init__(self, d: int, context: int, hidden: int, descending: bool) -> None:
        need("an inverse autoregressive flow", "flow")
        from zuko.flows.autoregressive import MaskedAutoregressiveTransform  # imported late

        super().__init__()
        order = torch.arange(d)
        self.transform = MaskedAutoregressiveTransform(
            d,
            context,
            order=order.flip(0) if descending else order,
            hidden_features=(hidden, hidden),
            activation=nn.ELU,
        )
        last = self.transform.hyper[-1]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, z: Latents, context: Context) -> tuple[Latents, PerExample]:
        moved, log_det = self.transform(context).call_and_ladj(z)
        return moved, log_det

    def inverse(self, z: Latents, context: Context) -> Latents:
        back: Latents = self.transform(context).inv(z)
        return back


class Planar(Step):
    """z = z0 + û tanh(wᵀz0 + b), with u, w, b linear in the context (Rezende & Mohamed 2015,
    eq. 10; appendix A.1).

    û is u with wᵀû = m(wᵀu) > −1, which makes it invertible. m(x) = softplus(x + ln(e − 1)) − 1,
    so that u = 0 is the identity, where the paper's, softplus(x) − 1, has none.
    """

    def __init__(self, d: int, context: int) -> None:
        super().__init__()
        self.u, self.w, self.b = (nn.Linear(context, size) for size in (d, d, 1))
        nn.init.zeros_(self.u.weight)
        nn.init.zeros_(self.u.bias)

    def _of(self, context: Context) -> tuple[Latents, Latents, Tensor, Tensor]:
        """û, w, b (B, 1), and m = wᵀû (B, 1)."""
        u, w, b = self.u(context), self.w(context), self.b(context)
        dot = (w * u).sum(1, keepdim=True)
        m = F.softplus(dot + M_0) - 1
        return u + (m - dot) * w / w.square().sum(1, keepdim=True).clamp_min(1e-12), w, b, m

    def forward(self, z: Latents, context: Context) -> tuple[Latents, PerExample]:
        u, w, b, m = self._of(context)
        h = torch.tanh((w * z).sum(1, keepdim=True) + b)
        return z + u * h, torch.log1p(m * (1 - h.square())).squeeze(1)

    def inverse(self, z: Latents, context: Context) -> Latents:
        """α = wᵀz0 solves α + m tanh(α + b) = wᵀz, which rises in α: by halving, and a step of
        Newton's that also gives it the exact gradient.
        """
        u, w, b, m = self._of(context)
        wanted = (w * z).sum(1, keepdim=True)
        with torch.no_grad():
            low, high = wanted - m.abs(), wanted + m.abs()
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                below = middle + m * torch.tanh(middle + b) < wanted
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            alpha = (low + high) / 2
            slope = 1 + m * (1 - torch.tanh(alpha + b).square())
        alpha = alpha - (alpha + m * torch.tanh(alpha + b) - wanted) / slope
        return z - u * torch.tanh(alpha + b)
