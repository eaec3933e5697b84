"""Gradients of strided convolutions of kernel 1, which oneDNN gets wrong (networks/layers.py).

The fault corrupts the heap or never returns, so each check is a process of its own. The instruction
set decides which of its kernels oneDNN takes: that of AVX2, and the best that this processor has.
"""

import os
import subprocess
import sys

import pytest

SCRIPT = """
from itertools import product

import torch

from reparam.model.networks.layers import SameConv2d, SameConvTranspose2d


def gradients(layer, x):
    layer.zero_grad()
    x = x.clone().requires_grad_()
    y = layer(x)
    weights = torch.linspace(1, 2, y.numel(), dtype=torch.float64).view(y.shape)
    (y * weights.to(y.dtype)).mean().backward()
    return [g.detach().double() for g in (y, x.grad, layer.weight.grad, layer.bias.grad)]


torch.manual_seed(0)
last = torch.channels_last
side = 12  # oneDNN takes the faulty kernel where the stride divides the side
for threads, stride, few, other in product((2, 1), (2, 3), range(1, 17), (1, 8)):
    torch.set_num_threads(threads)
    for layer, x in (
        (SameConv2d(few, other, 1, stride), torch.randn(19, few, side, side)),
        (
            SameConvTranspose2d(other, few, 1, stride, (side, side)),
            torch.randn(19, other, side // stride, side // stride),
        ),
    ):
        found = gradients(layer.to(memory_format=last), x.to(memory_format=last))
        expected = gradients(layer.double(), x.double().contiguous())
        for a, b in zip(found, expected, strict=True):
            error = (a - b).abs().max() / b.abs().max()
            case = f"{layer}, {few} and {other} channels, stride {stride}, {threads} threads"
            assert error < 1e-4, f"{case}: {error.item()}"
"""


@pytest.mark.parametrize("only", ["AVX2", pytest.param(None, marks=pytest.mark.slow)])
def test_gradients_of_kernel_1_with_a_stride_are_those_of_float64(only: str | None) -> None:
    limits = {"ONEDNN_MAX_CPU_ISA": only, "ATEN_CPU_CAPABILITY": only.lower()} if only else {}
    # Threads that spin while they wait take minutes where processors are few or busy.
    env = os.environ | limits | {"GOMP_SPINCOUNT": "1000"}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
