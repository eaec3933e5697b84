"""A Hub of this machine: the part of the Hub's HTTP that huggingface_hub speaks to push and pull.

Repositories with commits of whole trees, small files in the commit, large ones by LFS; tokens that
may write or only read; and faults on demand.
"""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import ModelCard, constants

WRITER, READER = "hf_writer_of_the_tests", "hf_reader_of_the_tests"

LICENSES = ["mit", "cc-by-4.0"]
"""Those that it knows."""

Tree = dict[str, bytes]


@dataclass
class Repo:
    private: bool
    commits: dict[str, Tree] = field(default_factory=dict)
    head: str = ""

    def commit(self, tree: Tree, message: str) -> None:
        files = [(name, _sha1(data)) for name, data in sorted(tree.items())]
        self.head = _sha1(json.dumps([self.head, message, files]).encode())
        self.commits[self.head] = tree

    def at(self, revision: str) -> Tree | None:
        return self.commits.get(self.head if revision == "main" else revision)


class Hub(ThreadingHTTPServer):
    """``faults``: a pattern of "METHOD /path" → a status to answer with, or "cut": the connection
    ends in the middle, or "page": a page that is not the Hub's.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repo] = {}
        self.stored: dict[str, bytes] = {}
        self.faults: dict[str, int | str] = {}
        self.seen: list[tuple[str, str]] = []
        """Every request, with its user agent."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections that are cut on purpose."""


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield hub
        hub.shutdown()


@contextmanager
def used_hub(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[Hub]:
    """The one that huggingface_hub uses, with a token that may write; its cache in ``folder``."""
    patch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # a store that is not HTTP alone
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub-cache"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    patch.setenv("HF_TOKEN", WRITER)
    # Its waits between attempts are half a minute in all.
    patch.setattr("huggingface_hub.utils._http.time", Mock(wraps=time, sleep=Mock()))
    with serving() as server:
        files = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        patch.setattr(constants, "ENDPOINT", server.address)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + files)
        yield server


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer()

    do_GET = do_HEAD = do_PUT = do_POST

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        what = f"{self.command} {path}"
        self.server.seen.append((what, self.headers.get("User-Agent", "")))
        for pattern, fault in self.server.faults.items():
            if re.search(pattern, what):
                if fault == "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "100000")
                    self.end_headers()
                    self.wfile.write(b"{half")
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                elif fault == "page":
                    self._send(b"<title>Please log in</title>", **{"Content-Type": "text/html"})
                else:
                    self._json({"error": "a fault"}, int(fault))
                return
        for pattern, method in _ROUTES:
            if found := re.fullmatch(pattern, what):
                getattr(self, method)(body, *found.groups())
                return
        self._json({"error": f"no such page: {what}"}, 404)

    @property
    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _json(self, value: object, status: int = 200, **headers: str) -> None:
        self._send(json.dumps(value).encode(), status, **{"Content-Type": "application/json"})

    def _send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _error(self, status: int, code: str) -> None:
        self._send(b"", status, **{"X-Error-Code": code, "X-Error-Message": code})

    def _writable(self) -> bool:
        """Whether the token may write; else it has been answered."""
        if self._token == WRITER:
            return True
        self._json({"error": "no"}, 403 if self._token == READER else 401)
        return False

    def _readable(self, name: str) -> Repo | None:
        repo = self.server.repos.get(name)
        if repo is None or (repo.private and self._token not in (WRITER, READER)):
            # As the Hub does: who is not logged in is not told what there is.
            self._error(404 if self._token else 401, "RepoNotFound")
            return None
        return repo

    def create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self._writable():
            return
        if name in self.server.repos:
            self._json({"error": "exists", "url": f"{self.server.address}/{name}"}, 409)
            return
        repo = Repo(private=asked.get("visibility") == "private" or asked.get("private", False))
        repo.commit({".gitattributes": b"*.safetensors filter=lfs"}, "initial commit")
        self.server.repos[name] = repo
        self._json({"url": f"{self.server.address}/{name}", "name": name})

    def info(self, _: bytes, name: str, revision: str | None) -> None:
        repo = self._readable(name)
        if repo is None:
            return
        tree = repo.at(revision or "main")
        if tree is None:
            self._error(404, "RevisionNotFound")
            return
        siblings = [{"rfilename": file, "size": len(data)} for file, data in tree.items()]
        sha = repo.head if revision in (None, "main") else revision
        card = _front_matter(tree.get("README.md", b"").decode())
        found = {"id": name, "sha": sha, "private": repo.private, "siblings": siblings}
        self._json({**found, "library_name": card.get("library_name")})

    def tree(self, _: bytes, name: str, revision: str) -> None:
        repo = self._readable(name)
        tree = None if repo is None else repo.at(revision)
        if tree is None:
            if repo is not None:
                self._error(404, "RevisionNotFound")
            return
        self._json(
            [
                {"type": "file", "path": file, "size": len(data), "oid": _sha1(data)}
                for file, data in tree.items()
            ]
        )

    def validate(self, body: bytes) -> None:
        license = _front_matter(json.loads(body)["content"]).get("license", "mit")
        wrong = [] if license in LICENSES else [{"message": f'"license" must be one of {LICENSES}'}]
        self._json({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def preupload(self, body: bytes, name: str) -> None:
        if self._writable():
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._json({"files": files})

    def batch(self, body: bytes, name: str) -> None:
        if self._writable():
            objects = []
            for each in json.loads(body)["objects"]:
                action = {"upload": {"href": f"{self.server.address}/store/{each['oid']}"}}
                known = each["oid"] in self.server.stored
                objects.append(each if known else {**each, "actions": action})
            self._json({"transfer": "basic", "objects": objects})

    def store(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.server.stored[oid] = body
        self._send(b"")

    def commit(self, body: bytes, name: str) -> None:
        if not self._writable():
            return
        repo = self.server.repos[name]
        header, *changes = map(json.loads, body.splitlines())
        tree = dict(repo.commits[repo.head])
        for change in changes:
            value = change["value"]
            if change["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif change["key"] == "lfsFile":
                tree[value["path"]] = self.server.stored[value["oid"]]
            else:
                assert change["key"] == "deletedFile"
                del tree[value["path"]]
        repo.commit(tree, header["value"]["summary"])
        address = f"{self.server.address}/{name}/commit/{repo.head}"
        self._json({"success": True, "commitOid": repo.head, "commitUrl": address})

    def resolve(self, _: bytes, name: str, revision: str, file: str) -> None:
        repo = self._readable(name)
        if repo is None:
            return
        tree = repo.at(revision)
        if tree is None or file not in tree:
            self._error(404, "RevisionNotFound" if tree is None else "EntryNotFound")
            return
        data, commit = tree[file], {"X-Repo-Commit": revision}
        oid = hashlib.sha256(data).hexdigest()
        if file.endswith(".safetensors"):
            linked = {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(data))}
            # Of another host, as the Hub's store is: the client must not follow when it only asks.
            place = f"{self.server.address.replace('127.0.0.1', 'localhost')}/store/{oid}"
            self._send(b"", 302, **commit, **linked, Location=place)
        else:
            self._send(data, ETag=f'"{oid[:40]}"', **commit)

    def stored(self, _: bytes, oid: str) -> None:
        self._send(self.server.stored[oid], ETag=f'"{oid}"')


def _front_matter(card: str) -> dict[str, Any]:
    """The YAML of a model card."""
    return ModelCard(card, ignore_metadata_errors=True).data.to_dict()


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


_ID = r"([\w.-]+/[\w.-]+)"
_ROUTES = (
    ("POST /api/repos/create", "create"),
    (rf"GET /api/models/{_ID}(?:/revision/([\w.-]+))?", "info"),
    (rf"GET /api/models/{_ID}/tree/([\w.-]+)", "tree"),
    ("POST /api/validate-yaml", "validate"),
    (rf"POST /api/models/{_ID}/preupload/main", "preupload"),
    (rf"POST /{_ID}\.git/info/lfs/objects/batch", "batch"),
    (r"PUT /store/(\w+)", "store"),
    (rf"POST /api/models/{_ID}/commit/main", "commit"),
    (rf"(?:GET|HEAD) /{_ID}/resolve/([\w.-]+)/(.+)", "resolve"),
    (r"(?:GET|HEAD) /store/(\w+)", "stored"),
)
