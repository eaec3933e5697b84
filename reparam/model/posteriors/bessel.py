"""Modified Bessel functions I_v(x) as a von Mises–Fisher density needs them, for any v ≥ 0, x ≥ 0.

I_v itself overflows, and differences of its logarithms lose all digits where x is large. Both
numbers here are smooth in x from 0 on, and so are their gradients.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

AHEAD = 16
"""Orders above v at which the expansion is taken: its error falls with the order."""

# U_k(p) = p^k Σ_i c_i p^(2i) of the uniform expansion (DLMF, 10.41.10 and the line after it)
U: Sequence[tuple[float, ...]] = (
    tuple(c / 24 for c in (3, -5)),
    tuple(c / 1152 for c in (81, -462, 385)),
    tuple(c / 414720 for c in (30375, -369603, 765765, -425425)),
    tuple(c / 39813120 for c in (4465125, -94121676, 349922430, -446185740, 185910725)),
)

Column = Float[Tensor, "*B"]


def log_bessel(v: float, x: Column) -> tuple[Column, Column]:
    """ln(I_v(x) e^−x x^−v), and x (1 − I_{v+1}(x) / I_v(x)), element by element.

    Both at order w = v + AHEAD by the uniform asymptotic expansion (DLMF, 10.41.3), with
    s = √(w² + x²) and p = w / s, then down to v by I_{j−1} = I_{j+1} + (2j / x) I_j (10.29.1),
    which is stable downwards. Powers of x have been cancelled by hand, so x = 0 is like the rest.
    """
    w = v + AHEAD
    s = torch.sqrt(w * w + x * x)
    p = w / s
    series, slope = _expansion(w, p)
    log_value = w * w / (s + x) - w * torch.log(w + s) - torch.log(2 * torch.pi * s) / 2
    log_value = log_value + torch.log(series)
    first = w * w / (s * (s + x)) + w * x / (s * (w + s)) + x / (2 * s * s)
    rest = x * (first + w * x / s**3 * slope / series)
    for j in reversed(range(AHEAD)):
        twice = 2 * (v + j + 1)
        below = twice + x - rest
        log_value = log_value + torch.log(below)
        rest = x * (twice - rest) / below
    return log_value, rest


def _expansion(w: float, p: Column) -> tuple[Column, Column]:
    """1 + Σ_k U_k(p) / w^k, and its derivative by p."""
    series, slope = torch.ones_like(p), torch.zeros_like(p)
    for k, coefficients in enumerate(U, 1):
        for i, c in enumerate(coefficients):
            power = k + 2 * i
            series = series + c / w**k * p**power
            slope = slope + power * c / w**k * p ** (power - 1)
    return series, slope
