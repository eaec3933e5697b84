"""A web server of a fixed set of files, all in memory, for this machine alone by default.

What it serves was listed before it began: an address either names one of these files or nothing.
No path of the machine is ever made from an address, so that there is none to climb out of.
"""

import hashlib
import io
import ipaddress
import os
import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote

from reparam._version import __version__
from reparam.errors import ConfigError
from reparam.explorer.connection import Incoming, drop_rest

LOOPBACK = "127.0.0.1"

PORT = 8537
"""Tried first, so that the address stays the same from day to day."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob: data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Scripts and WebAssembly of our own, nothing inline, nothing from elsewhere."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Together they let the page share memory between the threads that run its networks.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-cache",  # asks again each time, and gets 304 while nothing changed
}

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".map": "application/json; charset=utf-8",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
"""By suffix; everything else (.onnx, .bin) is application/octet-stream. Not the system's table,
which differs from one machine to the next."""

HEAD_SECONDS = 10.0
"""A connection is closed where the next request's head is not whole by then: idle, or too slow."""

ANSWER_SECONDS = 120.0
"""Longest time for one answer."""

CONNECTIONS = 256
"""Open at once, at most; a browser has six. Further ones are closed unanswered."""

HOST = re.compile(r"(\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]|[0-9A-Za-z._~-]+)(?::[0-9]*)?")
"""A Host header: an IPv6 address in brackets or a name, and perhaps a port."""


@dataclass(frozen=True)
class Served:
    """A file as it is sent."""

    data: bytes
    type: str
    etag: str


class ExplorerServer(ThreadingHTTPServer):
    """Serves what was last given to ``publish``, until ``shutdown`` or Ctrl-C.

    It has its address at once, and answers when ``serve_forever`` is called. ``port`` None takes
    PORT, or any free one where that is in use. ``head_seconds`` and ``connections`` are as
    HEAD_SECONDS and CONNECTIONS. Raises ConfigError where the address cannot be had.
    """

    daemon_threads = True  # an open connection does not hold up the end
    allow_reuse_address = os.name == "posix"  # on Windows it would share a port that is in use
    request_queue_size = CONNECTIONS  # the base class's 5 has the system reset what comes at once

    def __init__(
        self,
        host: str = LOOPBACK,
        port: int | None = None,
        *,
        head_seconds: float = HEAD_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        self.served: Mapping[str, Served] = {}
        self.head_seconds = head_seconds
        self.room = threading.Semaphore(connections)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.host = host
        wanted = (PORT, 0) if port is None else (port,)
        for number in wanted:
            try:
                super().__init__((host, number), Handler)
            except (OSError, OverflowError) as error:
                if number != wanted[-1]:
                    continue
                reason = getattr(error, "strerror", None) or str(error)
                raise ConfigError(
                    f"the explorer cannot listen on {host}, port {number} ({reason}). Fix: choose "
                    "another --port or --host"
                ) from error
            return

    def server_bind(self) -> None:
        """As HTTPServer's, which also asks the network for the machine's name, and waits for it."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.host, self.port

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Takes the files, by name below the site, in the place of those before."""
        self.served = {name: _served(name, data) for name, data in files.items()}

    def process_request(self, request: object, client_address: object) -> None:
        """In a thread of its own, where there is room for one more."""
        if not self.room.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]
            return
        try:
            super().process_request(request, client_address)  # type: ignore[arg-type]
        except RuntimeError:  # the system has no more threads
            self.room.release()
            raise

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self.room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away in the middle of an answer is no news."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """Where a browser of this machine finds the page."""
        shown = {"": LOOPBACK, "0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}/"

    def is_meant(self, host: str | None) -> bool:
        """Whether a request's Host header is this server's.

        On loopback another name means that a page from elsewhere had its own name point here (DNS
        rebinding), to read what it must not.
        """
        if not is_loopback(self.host):
            return True
        found = HOST.fullmatch((host or "").strip(" \t"))
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        return name == self.host.lower() or is_loopback(name)


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of the server's files; everything else is refused."""

    server: ExplorerServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer's head and body are two writes: 40 ms without
    default_request_version = "HTTP/1.0"  # 0.9 would have its errors answered without a status

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.incoming = Incoming(self.connection)
        self.rfile = io.BufferedReader(self.incoming)

    def finish(self) -> None:
        super().finish()
        drop_rest(self.connection)

    def handle_one_request(self) -> None:
        self.incoming.deadline = time.monotonic() + self.server.head_seconds
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        """Asks for no body: nobody would read it."""
        return True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _refuse(self) -> None:
        self.close_connection = True  # a body that nobody reads would be taken for a request
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, extra={"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _answer(self) -> None:
        if not self._is_well_formed():
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if "Transfer-Encoding" in self.headers or any(map(int, self._lengths())):
            self.close_connection = True  # as _refuse
        if not self.server.is_meant(self.headers.get("Host")):
            self._send(HTTPStatus.MISDIRECTED_REQUEST)
            return
        file = self.server.served.get(named(self.path))
        if file is None:
            self._send(HTTPStatus.NOT_FOUND)
        elif file.etag in self.headers.get("If-None-Match", ""):
            self._send(HTTPStatus.NOT_MODIFIED, extra={"ETag": file.etag})
        else:
            self._send(HTTPStatus.OK, file.data, file.type, {"ETag": file.etag})

    def _is_well_formed(self) -> bool:
        """Whether HTTP lets the head be answered by anything but 400 (RFC 9112, 3.2 and 6.3)."""
        lengths = self._lengths()
        hosts = len(self.headers.get_all("Host", []))
        return (
            not self.headers.defects  # a line that is no header hides those behind it
            and all(re.fullmatch("[0-9]{1,18}", length) for length in lengths)
            and len(lengths) <= 1
            and (hosts == 1 or (hosts == 0 and self.request_version == "HTTP/1.0"))
        )

    def _lengths(self) -> set[str]:
        """What Content-Length says: at most one value where it is right."""
        return {value.strip(" \t") for value in self.headers.get_all("Content-Length", [])}

    def _send(
        self,
        status: HTTPStatus,
        data: bytes | None = None,
        kind: str = "text/plain; charset=utf-8",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        body = f"{status.value} {status.phrase}\n".encode() if data is None else data
        self.connection.settimeout(ANSWER_SECONDS)
        self.send_response(status)
        for name, value in {**HEADERS, **(extra or {})}.items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself: without its page, which repeats the request."""
        self.close_connection = True
        self._send(HTTPStatus(code))

    def version_string(self) -> str:
        return f"reparam/{__version__}"

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: requests are nobody's business."""


def named(target: str) -> str:
    """The file that a request's target names: decoded once, "" for none.

    index.html for the root. Only exact names are served, so that nothing here has to be secure.
    """
    path = unquote(target.split("?", 1)[0].split("#", 1)[0], errors="replace")
    return "index.html" if path == "/" else path[1:] if path.startswith("/") else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _served(name: str, data: bytes) -> Served:
    kind = TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
    return Served(data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
