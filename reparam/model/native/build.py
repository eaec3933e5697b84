"""The compiled kernels: built once with the machine's g++, kept in the user's cache.

A library runs as its user, so that only what this user alone can have written is loaded.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import torch

HERE = Path(__file__).parent
SOURCES = (
    *("convolution.cpp", "norm.cpp", "shuffle.cpp", "tail.cpp", "winograd.cpp"),
    *("geometry.h", "runs.h", "simd.h", "tail.h", "weights.h"),
    *("simd_bfloat16.h", "simd_float32.h"),
)

FLAGS = ("-O3", "-std=c++17", "-fPIC", "-fopenmp")


@dataclass(frozen=True)
class Instructions:
    """Of the processor, that kernels of one number format are for."""

    name: str
    capabilities: tuple[str, ...]
    """As PyTorch calls them."""
    flags: tuple[str, ...]
    """Of the compiler."""


INSTRUCTIONS: Mapping[torch.dtype, Instructions] = {
    torch.bfloat16: Instructions(
        "AVX512-BF16",
        ("avx512_bf16",),
        ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512bf16", "-mfma"),
    ),
    torch.float32: Instructions("AVX2 with FMA", ("avx2", "fma3"), ("-mavx2", "-mfma")),
}


class _Unavailable(Exception):
    """Why there are no kernels of our own on this machine."""


def available(dtype: torch.dtype) -> bool:
    """Whether this machine has the kernels for ``dtype``, bfloat16 or float32; they are built if
    need be (seconds, once).
    """
    return unavailable_because(dtype) is None


def unavailable_because(dtype: torch.dtype) -> str | None:
    """Why this machine has no kernels of our own for ``dtype``; None where it has them."""
    found = _load(dtype)
    return found if isinstance(found, str) else None


def library(dtype: torch.dtype) -> ctypes.CDLL:
    """The compiled kernels for ``dtype``, which must be available."""
    found = _load(dtype)
    assert isinstance(found, ctypes.CDLL), found
    return found


@functools.cache
def _load(dtype: torch.dtype) -> ctypes.CDLL | str:
    instructions = INSTRUCTIONS[dtype]
    try:
        compiler, openmp = _compiler(instructions), _openmp()
    except _Unavailable as reason:
        return str(reason)
    cache = platformdirs.user_cache_path("reparam") / "kernels"
    try:
        with own_folder(cache) as folder:
            kernels = ctypes.CDLL(str(_built(folder, instructions, compiler, openmp)))
    except (_Unavailable, OSError) as error:
        why = f"{cache}: {getattr(error, 'strerror', None) or error}"
        warnings.warn(
            f"no compiled kernels, PyTorch's are used and are slower: {why}. Fix: let the cache "
            "(XDG_CACHE_HOME) be a folder that you alone may write to, or take --kernels pytorch",
            stacklevel=3,
        )
        return why
    kernels.packed_size.restype = kernels.winograd_size.restype = ctypes.c_int64
    return kernels


def _compiler(instructions: Instructions) -> str:
    if not sys.platform.startswith("linux"):
        raise _Unavailable("they are for Linux")
    has = torch.cpu.get_capabilities()
    if not all(has.get(capability, False) for capability in instructions.capabilities):
        raise _Unavailable(f"the processor has no {instructions.name}")
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


def is_own(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user, and nobody else may write to it."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@contextmanager
def own_folder(path: Path) -> Iterator[Path]:
    """``path``, made where it is missing, under a name of Linux that always means this folder.

    Whoever may write to a folder above could put another one in its place at any time, but cannot
    make one that is this user's own. Nobody else may write to it from here on. Raises _Unavailable
    where it is another user's.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        owner = os.fstat(handle).st_uid
        if owner != os.geteuid():
            raise _Unavailable(f"must be a folder of user {os.geteuid()}, got one of user {owner}")
        os.fchmod(handle, 0o700)  # whatever others put there before: each library is looked at
        yield Path(f"/proc/{os.getpid()}/fd/{handle}")  # g++ is another process: not /proc/self
    finally:
        os.close(handle)


def _name(instructions: Instructions, compiler: str, openmp: str) -> str:
    """What the library of these sources, flags and compiler is called."""
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, check=False)
    key = hashlib.sha256()
    for part in (*FLAGS, *instructions.flags, compiler, openmp, torch.__version__):
        key.update(part.encode() + b"\0")
    for content in (version.stdout, *((HERE / source).read_bytes() for source in SOURCES)):
        key.update(content + b"\0")
    return key.hexdigest()[:16]


def _built(folder: Path, instructions: Instructions, compiler: str, openmp: str) -> Path:
    """The library: built where none in ``folder`` is good."""
    name = _name(instructions, compiler, openmp)
    kept = find_library(folder, name)
    if kept is not None:
        return kept
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        flags = (*FLAGS, *instructions.flags)
        objects = {file: f"{scratch}/{file}.o" for file in SOURCES if file.endswith(".cpp")}
        compiled = [
            [compiler, *flags, "-c", str(HERE / file), "-o", to] for file, to in objects.items()
        ]
        with ThreadPoolExecutor(os.cpu_count()) as several:  # each waits for a g++ of its own
            list(several.map(_run, compiled))
        target = Path(scratch, "kernels.so")
        _run([compiler, "-shared", *objects.values(), openmp, "-o", str(target)])
        return keep_library(target, folder, name)


def find_library(folder: Path, name: str) -> Path | None:
    """The library ``name`` in ``folder``: this user's own, with the content that it was built with.

    The digest of the content is part of a library's file name. None: it has to be built.
    """
    for path in sorted(folder.glob(f"{name}-*.so")):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and is_own(status) and path.name == _named(name, path):
            return path
    return None


def keep_library(built: Path, folder: Path, name: str) -> Path:
    """Moves a library to where ``find_library`` finds it: whole or not at all."""
    kept = folder / _named(name, built)
    built.chmod(0o600)
    with built.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(built, kept)
    return kept


def _named(name: str, library: Path) -> str:
    return f"{name}-{hashlib.sha256(library.read_bytes()).hexdigest()[:32]}.so"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _Unavailable(f"{Path(command[0]).name} failed: {last}")
