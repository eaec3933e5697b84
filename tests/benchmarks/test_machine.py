"""The machine's own rates take seconds, also where a product is emulated."""

import platform
import subprocess
import sys
import time

import pytest
from machine import best_rate
from speed import environment

EMULATED = """
import machine
machine.COPY_BYTES["cpu"] = 2**20
rates = machine.measure_rates(seconds=1.0)
assert rates.float32 > 0 and rates.copy > 0
print(rates.bfloat16)
"""


@pytest.mark.parametrize(
    ("operations_a_second", "measured"),
    [(1e6, [100]), (1e8, [100, 200]), (1e10, [100, 200, 400, 800])],
)
def test_products_that_take_too_long_are_left_out(
    operations_a_second: float, measured: list[int]
) -> None:
    """Eight products of 2 · side³ operations: 1.3 s of the second size at 1e8 a second."""
    asked: list[int] = []

    def rate(side: int) -> float:
        asked.append(side)
        return operations_a_second + side

    best = best_rate((100, 200, 400, 800), rate, seconds=4.0)
    assert asked == measured
    assert best == operations_a_second + measured[-1]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN's variable is for x86")
def test_emulated_bfloat16_is_not_native_and_does_not_hang() -> None:
    env = {**environment(), "OMP_NUM_THREADS": "1", "ONEDNN_MAX_CPU_ISA": "AVX2"}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EMULATED], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "None\n"
    assert time.monotonic() - began < 60  # a product of 3072 × 3072 alone takes longer
