"""How much memory there is, to refuse a file that says it needs more before it is read."""

import os
from pathlib import Path

from reparam.errors import DataError


def check_memory(needed: int, name: str) -> None:
    """Raises DataError where the arrays of a file, ``needed`` bytes, do not fit into memory."""
    there = available_memory()
    if there is not None and needed > there:
        raise DataError(
            f"{name}: its arrays must fit into memory, got {needed:,} bytes of them and {there:,} "
            "bytes available. Fix: save uint8 as an .npy file, which is read from disk, or free "
            "memory"
        )


def available_memory() -> int | None:
    """Bytes that this process may still take, as far as the system says; None where it does not."""
    known = [_of_the_machine(), _of_the_group(), _of_the_process()]
    return min((size for size in known if size is not None), default=None)


def _of_the_machine() -> int | None:
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in _lines("/proc/meminfo")}
    if "MemAvailable" in sizes:
        return (sizes["MemAvailable"] + sizes.get("SwapFree", 0)) * 1024
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names:  # all of it, where nobody says how much is free
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_the_group() -> int | None:
    """Of a container (cgroup 2): its limit, less what it holds beside cached files."""
    limit, held = (_lines(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    if not (limit and held and limit[0].isdigit()):
        return None
    cached = sum(
        int(line.split()[1])
        for line in _lines("/sys/fs/cgroup/memory.stat")
        if line.startswith(("active_file ", "inactive_file "))
    )
    return max(int(limit[0]) - int(held[0]) + cached, 0)


def _of_the_process() -> int | None:
    """What `ulimit -v` leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    pages = _lines("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return max(limit - int(pages[0].split()[0]) * resource.getpagesize(), 0)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
