"""The server answers for its own files, to this machine, and for nothing else."""

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

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
def running(host: str = "127.0.0.1") -> Iterator[ExplorerServer]:
    with ExplorerServer(host, None) as server:
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
    ],
)
def test_a_name_from_elsewhere_that_points_here(
    server: ExplorerServer, host: str, status: int
) -> None:
    assert ask(server, "/data/manifest.json", Host=host)[0] == status


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
