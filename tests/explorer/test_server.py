"""The server answers for its own files, to this machine, and for nothing else."""

import contextlib
import http.client
import io
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.explorer import ExplorerServer, is_loopback

FILES: Mapping[str, bytes] = {
    "index.html": b"<!doctype html><title>page</title>",
    "assets/a-1.js": b"console.log(1)",
    "assets/a-1.css": b"body{}",
    "assets/runtime.wasm": b"\0asm",
    "data/manifest.json": b"{}",
    "data/vae/decoder.onnx": bytes(range(256)) * 4000,
    "data/shared/thumbs-0.png": b"\x89PNG",
}


@contextmanager
def running(host: str = "127.0.0.1", **limits: float) -> Iterator[ExplorerServer]:
    with ExplorerServer(host, None, **limits) as server:
        server.publish(FILES)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[ExplorerServer]:
    with running() as started:
        yield started


Answer = tuple[int, Mapping[str, str], bytes]


def ask(server: ExplorerServer, target: str, method: str = "GET", **headers: str) -> Answer:
    """One request whose target is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    found = (answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return found


def exchange(server: ExplorerServer, sent: bytes) -> bytes:
    """All that comes back until the server closes the connection; a traceback fails the test."""
    said = io.StringIO()
    address = ("127.0.0.1", server.port)
    with (
        contextlib.redirect_stderr(said),
        socket.create_connection(address, timeout=10) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(sent)
        got = answer.read()
    assert said.getvalue() == ""
    return got


def statuses(answer: bytes) -> list[int]:
    """Of the answers in what came back, none of whose bodies has such words."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def test_it_listens_on_this_machine_alone(server: ExplorerServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.port}/"


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served_as_it_is(server: ExplorerServer, name: str) -> None:
    status, headers, body = ask(server, f"/{name}")
    assert (status, body) == (200, FILES[name])
    assert headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("assets/a-1.js", "text/javascript; charset=utf-8"),
        ("assets/a-1.css", "text/css; charset=utf-8"),
        ("assets/runtime.wasm", "application/wasm"),
        ("data/manifest.json", "application/json; charset=utf-8"),
        ("data/vae/decoder.onnx", "application/octet-stream"),
        ("data/shared/thumbs-0.png", "image/png"),
    ],
)
def test_types_and_headers(server: ExplorerServer, name: str, kind: str) -> None:
    _, headers, _ = ask(server, f"/{name}")
    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["worker-src"] == "'self' blob:"
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize(
    "target",
    [
        "/../pyproject.toml",
        "/assets/../../pyproject.toml",
        "/%2e%2e/pyproject.toml",
        "/%2e%2e%2fpyproject.toml",
        "/..%2fpyproject.toml",
        "/..%5cpyproject.toml",
        "/%252e%252e/pyproject.toml",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/etc/passwd",
        "/index.html%00.js",
        "/%00",
        "/%ff",
        "/data/",
        "/data",
        "/assets/./a-1.js",
        "/INDEX.HTML",
        "/index.html/",
        "*",
    ],
)
def test_nothing_else_is_served(server: ExplorerServer, target: str) -> None:
    status, headers, body = ask(server, target)
    assert (status, body) == (404, b"404 Not Found\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Content-Security-Policy" in headers


def test_a_query_is_no_part_of_the_name(server: ExplorerServer) -> None:
    assert ask(server, "/?z=1,2")[2] == FILES["index.html"]
    assert ask(server, "/assets/a%2D1.js?v=1")[2] == FILES["assets/a-1.js"]


def test_head_is_get_without_its_body(server: ExplorerServer) -> None:
    status, headers, body = ask(server, "/data/vae/decoder.onnx", "HEAD")
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str(len(FILES["data/vae/decoder.onnx"]))
    assert ask(server, "/nothing", "HEAD")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: ExplorerServer, method: str) -> None:
    status, headers, _ = ask(server, "/", method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_a_request_is_not_repeated_in_an_error(server: ExplorerServer) -> None:
    status, _, body = ask(server, "/", "<script>alert(1)</script>")
    assert status == 501
    assert b"script" not in body


def test_what_has_not_changed_is_not_sent_again(server: ExplorerServer) -> None:
    _, headers, _ = ask(server, "/data/manifest.json")
    again, _, body = ask(server, "/data/manifest.json", If_None_Match=headers["ETag"])
    assert (again, body) == (304, b"")
    assert ask(server, "/index.html", If_None_Match=headers["ETag"])[0] == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 200),
        ("LOCALHOST:8537", 200),
        ("[::1]:8537", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8537", 421),
        ("", 421),
        ("[", 421),
        ("]", 421),
        ("[]", 421),
        ("[::1", 421),
        ("::1", 421),
        ("[v1.x]", 421),
        ("v1.x", 421),
        ("[127.0.0.1]", 421),
        ("[::1]x", 421),
        ("[::1%lo]", 421),
        ("127.0.0.1:x", 421),
        ("127.0.0.1:1:1", 421),
        ("127.0.0.1,evil.example", 421),
        ("me@127.0.0.1", 421),
        ("127.0.0.1/evil", 421),
        ("\N{FULLWIDTH DIGIT ONE}27.0.0.1".encode().decode("latin-1"), 421),
        ("\x00", 421),
        ("127.0.0.1\x00", 421),
        ("\x1b[31m", 421),
    ],
)
def test_a_name_from_elsewhere_that_points_here(
    server: ExplorerServer, host: str, status: int
) -> None:
    assert ask(server, "/data/manifest.json", Host=host)[0] == status


LOOPBACK_HOST = re.compile(
    rb"[ \t]*(localhost|127(\.(0|[1-9]\d{0,2})){3}|\[[0:]*:0*1\])(:\d*)?[ \t]*", re.IGNORECASE
)


@settings(max_examples=150)
@example(b"[")
@example(b"[::1")
@example(b"v1.x")
@example(b"[::ffff:127.0.0.1]")
@example(b"127.0.0.1\r\nHost: evil.example")
@example(b"evil.example\r\n 127.0.0.1")
@example(b"evil.example\rHost: 127.0.0.1")
@given(
    st.one_of(
        st.binary(max_size=40),
        st.text("[]:@/.%01278lohcast \t\r\n\x00\x1f\x85\xff", max_size=24).map(
            lambda text: text.encode("latin-1")
        ),
    )
)
def test_any_host_is_answered_and_only_this_machine_gets_files(server, host: bytes) -> None:
    request = b"GET /data/manifest.json HTTP/1.1\r\nConnection: close\r\nHost: %s\r\n\r\n" % host
    first, *_ = statuses(exchange(server, request))
    assert first in (200, 400, 421)
    if first == 200:
        assert any(LOOPBACK_HOST.fullmatch(line) for line in re.split(rb"[\r\n]+", host))
    elif LOOPBACK_HOST.fullmatch(host):
        assert b"\x00" in host or max(map(int, re.findall(rb"\d+", host))) > 255 or b"[" in host


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_the_connection_ends(server, head: bytes) -> None:
    answer = exchange(server, head + b"\r\nConnection: close\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET / HTTP/1.1", 400),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1", 400),
        ("GET / HTTP/1.1\r\nno header\r\nHost: 127.0.0.1", 400),
        ("GET / HTTP/1.1\r\n Host: 127.0.0.1", 400),
        ("HEAD / HTTP/1.1", 400),
        ("GET / HTTP/1.0", 421),
        ("GET /", 421),
        ("GET / HTTP/1.0\r\nHost: 127.0.0.1", 200),
        ("GET / HTTP/x", 400),
        ("GET / HTTP/\xb2.1", 400),
        ("GET / HTTP/2.0", 505),
        ("GET", 400),
        ("GET / / HTTP/1.1", 400),
        (f"GET /{'a' * 2**16} HTTP/1.1", 414),
        (f"GET / HTTP/1.1\r\nX: {'a' * 2**16}", 431),
        ("GET / HTTP/1.1" + "\r\nX: a" * 200, 431),
        (f"GET /{'%00' * 20_000} HTTP/1.1\r\nHost: 127.0.0.1", 404),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1", 404),
        ("GET http://[/ HTTP/1.1\r\nHost: 127.0.0.1", 404),
    ],
)
def test_heads_that_http_does_not_know(server: ExplorerServer, head: str, status: int) -> None:
    request = head.encode("latin-1") + b"\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(server, request)) == [status]


SECOND = b"GET /data/manifest.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "BREW"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (f"Content-Length: {len(SECOND)}", 200),
        (f"content-length:{len(SECOND)}\r\nContent-Length: {len(SECOND)} ", 200),
        ("Transfer-Encoding: chunked", 200),
        (f"Transfer-Encoding: chunked\r\nContent-Length: {len(SECOND)}", 200),
        ("Transfer-Encoding: gzip, chunked\r\nContent-Length: 0", 200),
        (f"Expect: 100-continue\r\nContent-Length: {len(SECOND)}", 200),
        (f"Content-Length: 0\r\nContent-Length: {len(SECOND)}", 400),
        (f"Content-Length: 0, {len(SECOND)}", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: +0", 400),
        ("Content-Length: \xb2", 400),
        ("Content-Length:", 400),
        (f"Content-Length: {'9' * 5000}", 400),
        (f"Content-Length : {len(SECOND)}", 400),
        (f"Content-Length: 0\r\n {len(SECOND)}", 400),
    ],
)
def test_a_body_is_no_request(
    server: ExplorerServer, method: str, headers: str, status: int
) -> None:
    """Its bytes are dropped, and the connection ends."""
    head = f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode("latin-1")
    answer = exchange(server, head + SECOND)
    refused = {"POST": 405, "BREW": 501}
    assert statuses(answer) == [refused.get(method, status)]
    assert b"\r\nConnection: close\r\n" in answer
    assert FILES["index.html"] not in answer or (method, status) == ("GET", 200)


def test_requests_without_a_body_share_a_connection(server: ExplorerServer) -> None:
    first = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    last = SECOND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert statuses(exchange(server, first + SECOND + last)) == [200, 200, 200]


def test_an_answer_arrives_before_a_long_body_is_dropped(server: ExplorerServer) -> None:
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n\r\n"
    assert exchange(server, head + bytes(500_000)).endswith(FILES["index.html"])


def test_a_part_of_a_file_is_not_sent_for_the_whole(server: ExplorerServer) -> None:
    status, _, body = ask(server, "/data/vae/decoder.onnx", Range="bytes=1-2")
    assert (status, body) == (200, FILES["data/vae/decoder.onnx"])


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX: ", SECOND + b"GET /"])
def test_a_head_that_drips_has_an_end(sent: bytes) -> None:
    """A byte now and then keeps no connection open, whichever request of it this is."""
    with running(head_seconds=0.4) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(sent)
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - began < 5:
                    connection.sendall(b"a")
                    time.sleep(0.05)
            assert time.monotonic() - began < 5
        assert ask(server, "/")[0] == 200


def test_no_more_connections_than_there_is_room_for() -> None:
    with running(head_seconds=0.4, connections=3) as server:
        address = ("127.0.0.1", server.port)
        with contextlib.ExitStack() as held:
            for _ in range(3):
                held.enter_context(socket.create_connection(address, timeout=10)).sendall(b"G")
            with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
                ask(server, "/")
        end = time.monotonic() + 10
        while time.monotonic() < end:  # those three are closed, and there is room again
            with contextlib.suppress(ConnectionError):
                assert ask(server, "/")[0] == 200
                break
            time.sleep(0.05)
        else:
            raise AssertionError("there is never room again")


def test_one_connection_takes_many_requests(server: ExplorerServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for name in [*FILES, "nothing", *FILES]:
        connection.request("GET", f"/{name}")
        assert connection.getresponse().read() == FILES.get(name, b"404 Not Found\n")
    connection.close()


def test_it_ends_while_connections_are_open_and_leaves_the_port_free() -> None:
    with running() as server:
        port = server.port
        idle = socket.create_connection(("127.0.0.1", port), timeout=10)
        idle.sendall(b"GET / HT")
    idle.close()
    with ExplorerServer("127.0.0.1", port) as again:
        assert again.port == port


def test_a_port_that_is_in_use(server: ExplorerServer) -> None:
    with ExplorerServer("127.0.0.1", None) as other:  # any free one
        assert other.port != server.port
    with pytest.raises(ConfigError, match=rf"port {server.port} .*Fix: choose another --port"):
        ExplorerServer("127.0.0.1", server.port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "127.0.0.1.5"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        ExplorerServer(host, None)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.2", False),
        ("example.org", False),
    ],
)
def test_loopback(host: str, is_ours: bool) -> None:
    assert is_loopback(host) == is_ours
