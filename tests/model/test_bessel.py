"""Modified Bessel functions against SciPy's."""

import math

import numpy as np
import pytest
import torch
from scipy.special import ive

from reparam.model.posteriors.bessel import log_bessel

X = np.logspace(-3, 5, 120)


@pytest.mark.parametrize("v", [0, 0.5, 1, 1.5, 4, 9.5, 24, 31, 64])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-7), (torch.float32, 3e-4)])
def test_values_and_gradients_are_scipys(v: float, dtype: torch.dtype, close: float) -> None:
    """ln(I_v e^−x x^−v), whose derivative is I_{v+1} / I_v − 1, where SciPy has a value."""
    x = torch.tensor(X, dtype=dtype, requires_grad=True)
    log_value, rest = log_bessel(v, x)
    (slope,) = torch.autograd.grad(log_value.sum(), x)
    at = x.detach().double().numpy()
    value = ive(v, at)
    seen = value > 1e-290
    expected = at[seen] * (1 - ive(v + 1, at[seen]) / value[seen])
    logs = np.log(value[seen]) - v * np.log(at[seen])
    assert seen.sum() > 60
    np.testing.assert_allclose(log_value.detach().numpy()[seen], logs, rtol=0, atol=close)
    loose = max(close, 1e-6)  # SciPy's ratio is itself 1 up to rounding where x is large
    np.testing.assert_allclose(rest.detach().numpy()[seen], expected, rtol=loose)
    np.testing.assert_allclose(-slope.numpy()[seen] * at[seen], expected, rtol=loose)


@pytest.mark.parametrize("v", [0, 0.5, 3, 40])
def test_the_limits(v: float) -> None:
    """At 0: 2^−v / Γ(v + 1), and 0. Far out: a normal density's, (2π)^−½ x^−(v + ½), and v + ½."""
    log_value, rest = log_bessel(v, torch.tensor([0.0, 1e9], dtype=torch.float64))
    at_0 = -v * math.log(2) - math.lgamma(v + 1)
    far = -math.log(2 * math.pi) / 2 - (v + 0.5) * math.log(1e9)
    assert log_value.tolist() == pytest.approx([at_0, far], abs=1e-5)
    assert rest.tolist() == pytest.approx([0, v + 0.5], rel=1e-5)


def test_order_one_half_is_elementary() -> None:
    """I_½(x) = √(2 / (π x)) sinh x, and x I_{3/2} / I_½ = x coth x − 1."""
    x = torch.linspace(0.01, 30, 50, dtype=torch.float64)
    log_value, rest = log_bessel(0.5, x)
    sinh = (1 - torch.exp(-2 * x)) / 2
    expected = 0.5 * math.log(2 / math.pi) - x.log() + sinh.log()
    torch.testing.assert_close(log_value, expected, atol=3e-8, rtol=0)
    torch.testing.assert_close(rest, x - x / x.tanh() + 1, atol=1e-9, rtol=1e-9)
