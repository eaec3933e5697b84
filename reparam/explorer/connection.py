"""A client's connection: bytes by a deadline, and an end that does not lose the last answer."""

import contextlib
import io
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REST_SECONDS = 1.0
REST_BYTES = 2**20
"""What is read and dropped after the last answer, at most."""


class Incoming(io.RawIOBase):
    """What a client sends, until ``deadline`` on the clock of time.monotonic().

    Then reading raises TimeoutError. A socket's own timeout begins anew with each byte, so that a
    client which sends one now and then would never meet it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.deadline = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self.connection.settimeout(seconds)
        return self.connection.recv_into(buffer)


def drop_rest(connection: socket.socket) -> None:
    """Ends the answers, and drops what the client still sends, for a moment.

    A connection that is closed with bytes unread is reset, and its client may lose the answer.
    """
    end = time.monotonic() + REST_SECONDS
    left = REST_BYTES
    with contextlib.suppress(OSError):  # the client is gone, or too slow: nobody waits any more
        connection.shutdown(socket.SHUT_WR)
        while left > 0 and (seconds := end - time.monotonic()) > 0:
            connection.settimeout(seconds)
            dropped = len(connection.recv(2**16))
            if not dropped:
                break
            left -= dropped
