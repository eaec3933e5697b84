"""What a figure was measured on: processor, memory, versions, commit, and what the machine can do.

    python benchmarks/machine.py [cuda] [brief]

prints the machine's own rates as JSON: matrix products in float32 and bfloat16, and copying.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from reparam.training import processor_name

MATRIX_SIDES = {"cpu": (128, 256, 512, 1024, 2048, 3072), "cuda": (2048, 4096, 8192, 16384)}
SECONDS, BRIEF = 10.0, 2.0
"""For each rate of matrix products: larger ones are left out where they would take longer."""
COPY_BYTES = {"cpu": 2**28, "cuda": 2**32}
"""Far beyond any cache."""
REPEATS = 7


@dataclass(frozen=True)
class Rates:
    """What the machine reaches on work that suits it."""

    float32: float
    """Operations a second in the best matrix product, 2 for each multiply-add."""
    bfloat16: float | None
    """None where it is not native: emulated, and slower than float32."""
    copy: float
    """Bytes a second, read and written, of a copy in memory."""


def mean_of(before: Rates, after: Rates) -> Rates:
    """Of what is done between the two."""
    both = (before.bfloat16, after.bfloat16)
    native = [rate for rate in both if rate is not None]
    return Rates(
        float32=statistics.mean((before.float32, after.float32)),
        bfloat16=statistics.mean(native) if len(native) == 2 else None,
        copy=statistics.mean((before.copy, after.copy)),
    )


def commit() -> str:
    """The commit of the checkout, with "+" when tracked files differ from it."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=here, check=True, capture_output=True, text=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")


def instructions() -> str:
    """The widest that count here, of the processor."""
    names = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512_f": "AVX-512", "avx2": "AVX2"}
    has = torch.cpu.get_capabilities()
    found = [name for capability, name in names.items() if has.get(capability, False)]
    return f" with {found[0]}" if found else ""


def describe() -> str:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{processor_name()}{instructions()}, {os.cpu_count()} cores, {device}; "
        f"Python {platform.python_version()}, torch {torch.__version__}; commit {commit()}"
    )


def measure_rates(device: str = "cpu", seconds: float = SECONDS) -> Rates:
    """The best median over the sizes of each matrix product, and the median of copying.

    ``seconds``: about what each kind of product takes, at most.
    """
    sides = MATRIX_SIDES[device]
    float32 = best_rate(sides, lambda side: _product(side, torch.float32, device), seconds)
    bfloat16 = best_rate(sides, lambda side: _product(side, torch.bfloat16, device), seconds)
    return Rates(
        float32=float32,
        bfloat16=bfloat16 if bfloat16 > float32 else None,
        copy=_copy(COPY_BYTES[device], device),
    )


def best_rate(sides: Sequence[int], measured: Callable[[int], float], seconds: float) -> float:
    """The best of ``measured(side)``, operations a second, over growing sides of matrices.

    Ends before the first one that would take longer than what is left of ``seconds``.
    """
    end = time.perf_counter() + seconds
    best = measured(sides[0])
    for side in sides[1:]:
        if (1 + REPEATS) * _operations(side) / best > end - time.perf_counter():
            break
        best = max(best, measured(side))
    return best


def _operations(side: int) -> int:
    return 2 * side**3


def _product(side: int, dtype: torch.dtype, device: str) -> float:
    a = torch.rand(side, side, device=device).to(dtype)
    b = torch.rand(side, side, device=device).to(dtype)
    out = torch.empty_like(a)
    return _operations(side) / _median_seconds(lambda: torch.matmul(a, b, out=out), device)


def _copy(size: int, device: str) -> float:
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / _median_seconds(lambda: target.copy_(source), device)


def _median_seconds(work: Callable[[], object], device: str) -> float:
    seconds = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    where = "cuda" if "cuda" in sys.argv[1:] else "cpu"
    print(json.dumps(asdict(measure_rates(where, BRIEF if "brief" in sys.argv[1:] else SECONDS))))
