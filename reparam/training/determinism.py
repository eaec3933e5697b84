"""Whether the same seed gives the same run, bit for bit, and what that needs on a GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from reparam.errors import ConfigError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
"""cuBLAS repeats its sums in the same order only with workspaces of fixed sizes (NVIDIA's cuBLAS
documentation, section on reproducible results)."""


@contextmanager
def deterministic_algorithms(wanted: bool) -> Iterator[None]:
    """While inside, torch takes deterministic algorithms only, where ``wanted``; else the fastest.

    Afterwards torch's settings are as before. Raises ConfigError where there is no such
    algorithm on the device.
    """
    if not wanted:
        tried = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True  # tries algorithms: the shapes stay the same
        try:
            yield
        finally:
            torch.backends.cudnn.benchmark = tried
        return
    was_on = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic, os.environ.get(WORKSPACE)
    os.environ.setdefault(WORKSPACE, ":4096:8")
    torch.use_deterministic_algorithms(True)
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        raise ConfigError(
            "--deterministic must have deterministic algorithms on this device, got a part of the "
            f"training without one ({str(error).split('.')[0]}). Fix: omit it, or train with "
            "--device cpu"
        ) from error
    finally:
        torch.use_deterministic_algorithms(was_on, warn_only=only_warned)
        cudnn.benchmark, cudnn.deterministic, workspace = before
        if workspace is None:
            os.environ.pop(WORKSPACE, None)


def what_held(asked: bool, device: str, processes: int, arithmetic: str) -> tuple[bool, str]:
    """Whether the same command gives the same numbers on this machine, and why.

    ``device`` is cpu, cuda or mps; ``processes`` is how many trained together, in ``arithmetic``.
    """
    if processes > 1:
        return False, f"{processes} processes trained together"
    if device == "cpu":
        threads = torch.get_num_threads()
        cpu = f"one process on a CPU, with {threads} thread{'s' * (threads > 1)}"
        return True, f"{cpu}, in {arithmetic}"
    if asked:
        return True, f"deterministic algorithms on {device}, as requested"
    return False, f"the fastest algorithms on {device}; --deterministic takes others"
