"""Training in processes of their own, which may be killed at any time or die at a chosen fault."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PROCESSES = multiprocessing.get_context(METHOD)
# Loaded once, and not at the start of each process: that takes longer than its training.
PROCESSES.set_forkserver_preload(["torch._dynamo", "lightning_fabric", "reparam.training"])


def start(target: Any, *args: Any) -> BaseProcess:
    process = PROCESSES.Process(target=target, args=args)
    process.start()
    return process


def go_on(folder: Path) -> None:
    """Trains a run to its end."""
    from reparam.runs import Run
    from reparam.training import train

    run = Run.open(folder)
    train(run, run.images())


def go_on_until(folder: Path, event: str, name: str, skipped: int, room: int) -> None:
    """Trains until Python does something (an audit event) to the file ``name``; then dies.

    At once; or, with ``room``, when a file grows beyond so many bytes: then the system itself ends
    the process within the write. So many events that are ``skipped`` come first.
    """
    import resource

    left = [skipped]

    def fault(audited: str, details: tuple[Any, ...]) -> None:
        if audited != event or not any(name in str(part) for part in details[:2]):
            return
        if audited == "open" and "a" not in str(details[1]):
            return
        if left[0]:
            left[0] -= 1
        elif room:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(fault)
    go_on(folder)
