"""The compiled kernels: built once with the machine's g++, kept in the user's cache."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs
import torch

SOURCES = ("convolution.cpp", "tail.cpp", "geometry.h", "runs.h", "simd.h", "weights.h")

FLAGS = (
    "-O3",
    "-std=c++17",
    "-fPIC",
    "-fopenmp",
    *("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512bf16", "-mfma"),
)


class _Unavailable(Exception):
    """Why there are no kernels of our own on this machine."""


def available() -> bool:
    """Whether this machine has the kernels; they are built if need be (seconds, once)."""
    return unavailable_because() is None


def unavailable_because() -> str | None:
    """Why this machine has no kernels of our own; None where it has them."""
    found = _load()
    return found if isinstance(found, str) else None


def library() -> ctypes.CDLL:
    """The compiled kernels, which must be available."""
    found = _load()
    assert isinstance(found, ctypes.CDLL), found
    return found


@functools.cache
def _load() -> ctypes.CDLL | str:
    try:
        compiler, openmp = _compiler(), _openmp()
        path = _built(compiler, openmp)
        kernels = ctypes.CDLL(str(path))
    except _Unavailable as reason:
        return str(reason)
    except OSError as error:
        return f"the kernels cannot be built or loaded ({error})"
    kernels.packed_size.restype = ctypes.c_int64
    return kernels


def _compiler() -> str:
    if not sys.platform.startswith("linux"):
        raise _Unavailable("they are for Linux")
    if not torch.cpu.get_capabilities().get("avx512_bf16", False):
        raise _Unavailable("the processor has no AVX512-BF16")
    compiler = shutil.which("g++")
    if compiler is None:
        raise _Unavailable("g++ is not installed")
    return compiler


def _openmp() -> str:
    """The OpenMP library that PyTorch has loaded.

    A second one would bring a second pool of threads, and the two would fight over the cores.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = {line.split(maxsplit=5)[-1] for line in maps if "libgomp" in line}
    packages = Path(torch.__file__).parents[1]
    own = {path for path in paths if Path(path).is_relative_to(packages / "torch")}
    own |= {path for path in paths if Path(path).is_relative_to(packages / "torch.libs")}
    candidates = own or paths  # PyTorch of a Linux distribution uses the system's
    if len(candidates) != 1:
        raise _Unavailable("PyTorch's OpenMP library is not GNU's")
    return candidates.pop()


def _built(compiler: str, openmp: str) -> Path:
    """The library for these sources, flags and compiler, which is built where it is missing."""
    folder = Path(__file__).parent
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, check=False)
    key = hashlib.sha256()
    for part in (*FLAGS, compiler, openmp, torch.__version__):
        key.update(part.encode() + b"\0")
    for content in (version.stdout, *((folder / name).read_bytes() for name in SOURCES)):
        key.update(content + b"\0")
    kept = platformdirs.user_cache_path("reparam") / "kernels" / f"{key.hexdigest()[:16]}.so"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        objects = []
        for source in (name for name in SOURCES if name.endswith(".cpp")):
            objects.append(f"{scratch}/{source}.o")
            _run([compiler, *FLAGS, "-c", str(folder / source), "-o", objects[-1]])
        target = f"{scratch}/kernels.so"
        _run([compiler, "-shared", *objects, openmp, "-o", target])
        os.replace(target, kept)  # whole or not at all, if two processes build at once
    return kept


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _Unavailable(f"{Path(command[0]).name} failed: {last}")
