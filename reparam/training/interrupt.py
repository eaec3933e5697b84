"""Ctrl-C and SIGTERM as requests to stop, which the loop follows between two steps."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

SAME_REQUEST = 1.0
"""Seconds after the first signal in which others belong to the same request: GNU timeout signals a
process and then its group, and torchrun passes on the Ctrl-C that its processes have already had.
"""

GRACE = 5.0
"""Seconds that training has to end after a second request; then the process is ended."""


class Interrupted(KeyboardInterrupt):
    """Training was stopped by the user; everything up to here is in the checkpoint."""


@dataclass
class StopRequest:
    """Whether a stop was requested."""

    stop_requested: bool = False


class _Requests:
    """Tells a second request from signals that belong to the first."""

    def __init__(self) -> None:
        self.first: float | None = None

    def is_second(self) -> bool:
        """Whether the signal that has come now is one. To be called once for each signal."""
        now = time.monotonic()
        if self.first is None:
            self.first = now
        return now - self.first > SAME_REQUEST


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """While inside, the first Ctrl-C or SIGTERM only sets ``stop_requested``; a second one raises
    KeyboardInterrupt.

    Python runs signal handlers between two instructions of the main thread, so never while a call
    to native code does not return. The second request is therefore noticed by a thread too, which
    ends the process if this context is still active ``GRACE`` seconds later. The thread needs
    Python's global lock, which PyTorch's operations and the package's own kernels release; native
    code that keeps the lock and does not return can be ended by SIGKILL only.

    Signals can be caught in the main thread only; in another one nothing is changed.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    requests = _Requests()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if requests.is_second():
            raise KeyboardInterrupt
        request.stop_requested = True

    received, sent = socket.socketpair()
    sent.setblocking(False)
    left = threading.Event()
    watch = threading.Thread(target=_watch, args=(received, left), daemon=True, name="signals")
    watch.start()
    handlers = {number: signal.signal(number, handle) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)

    def restore() -> None:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    _restore.append(restore)
    try:
        yield request
    finally:
        restore()
        if restore in _restore:  # not in a forked process that ends here too
            _restore.remove(restore)
            left.set()
            sent.shutdown(socket.SHUT_WR)  # ends the thread, also where a forked process lives on
            watch.join()
        sent.close()
        received.close()


def _watch(received: socket.socket, left: threading.Event) -> None:
    """Ends the process where training does not stop at a second request.

    ``received`` gives the number of every signal as soon as it comes (``signal.set_wakeup_fd``).
    """
    requests = _Requests()
    while numbers := received.recv(64):
        for number in numbers:
            if number in SIGNALS and requests.is_second() and not left.wait(GRACE):
                _end(signal.Signals(number))


def _end(number: signal.Signals) -> None:
    message = (
        f"reparam: error: training must end within {GRACE:g} s of the second {number.name}, got a "
        "step that does not return; the process is ended, its last checkpoint is complete. Fix: "
        "resume the run with `reparam resume`\n"
    )
    with suppress(OSError):
        os.write(2, message.encode())  # sys.stderr may be locked by the thread that hangs
    os._exit(128 + number)


_restore: list[Callable[[], None]] = []
"""What gives each ``stop_on_signal`` that is active back the handlers from before."""


def _restore_in_child() -> None:
    """A forked process has no training to stop, and must not report its signals to its parent."""
    while _restore:
        _restore.pop()()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_restore_in_child)
