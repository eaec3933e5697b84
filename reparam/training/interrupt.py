"""Ctrl-C and SIGTERM as a wish that the loop grants between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Training was stopped by the user; everything up to here is in the checkpoint."""


@dataclass
class StopWish:
    """Whether somebody asked to stop."""

    asked: bool = False


@contextmanager
def stop_on_signal() -> Iterator[StopWish]:
    """While inside, the first Ctrl-C or SIGTERM only sets ``asked``; a second Ctrl-C ends at once.

    Signals can be caught in the main thread only; in another one nothing is changed.
    """
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        if wish.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
