"""How much memory a process has held; imports no framework, which would count itself."""

import resource
import sys
from pathlib import Path


def peak_bytes() -> int:
    """The most memory of this machine that this process has held at once, in bytes.

    Linux counts for each program; ``getrusage`` there also counts the parent's memory at the moment
    of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return _maxrss(resource.RUSAGE_SELF)


def peak_bytes_of_children() -> int:
    """The most that a process that this one started and waited for has held; on Linux at least as
    much as this one held when it started it.
    """
    return _maxrss(resource.RUSAGE_CHILDREN)


def _maxrss(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
