"""Memory that a step has freed is kept for the next one, not given back and asked for again.

A step allocates and frees the same large tensors over and over. By default glibc returns each to
the system, which hands it out again page by page, zeroed: a tenth of a step (docs/log.md).
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGEST = 2**31 - 1
_USUAL = 2**25  # where glibc's own, moving threshold ends up after a large tensor was freed


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, freed memory stays with the process; afterwards it is given back."""
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
    libc.mallopt(_TRIM_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _USUAL)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None
