"""Downloads, against mirrors on this machine."""

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from idx_files import small_set, write_set

from reparam.data import DataConfig, download, load_images, named
from reparam.data.download import fetch_all, mirrors_for
from reparam.data.registry import IDX_SOURCES, IdxSource
from reparam.errors import ConfigError, DataError

FILES = small_set()
SHA256 = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
DEAD = "http://127.0.0.1:9/"


class Mirror(ThreadingHTTPServer):
    """Serves a folder on a free port and remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.folder = folder
        handler = partial(_Handler, directory=str(folder))
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, no_network: Path) -> Iterator[Mirror]:
    with Mirror(write_set(tmp_path / "mirror", FILES)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def other(tmp_path: Path, no_network: Path) -> Iterator[Mirror]:
    """A second mirror, with nothing in it yet."""
    (tmp_path / "other").mkdir()
    with Mirror(tmp_path / "other") as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


def _contents(files: dict) -> dict[str, bytes]:
    return {name: file.content for name, file in files.items()}


def test_download_then_cache(mirror: Mirror, tmp_path: Path):
    cache = tmp_path / "cached"
    assert _contents(fetch_all(SHA256, [mirror.url], cache)) == FILES
    assert sorted(mirror.asked) == sorted(f"/{name}.gz" for name in FILES)
    assert sorted(os.listdir(cache)) == sorted(f"{name}.gz" for name in FILES)

    mirror.asked.clear()
    assert _contents(fetch_all(SHA256, [mirror.url], cache)) == FILES
    assert _contents(fetch_all(SHA256, [DEAD], cache)) == FILES
    assert mirror.asked == []


def test_a_mirror_may_compress_as_it_likes(mirror: Mirror, tmp_path: Path):
    for name, content in FILES.items():
        packed = gzip.compress(content, 1, mtime=1) if "train" in name else content
        (mirror.folder / f"{name}.gz").write_bytes(packed)
    assert _contents(fetch_all(SHA256, [mirror.url], tmp_path / "cached")) == FILES


def test_second_mirror_when_the_first_has_nothing(mirror: Mirror, other: Mirror, tmp_path: Path):
    found = fetch_all(SHA256, [other.url, mirror.url], tmp_path / "cached")
    assert _contents(found) == FILES
    assert len(other.asked) == len(mirror.asked) == len(FILES)


@pytest.mark.parametrize(
    "wrong",
    [gzip.compress(b"other"), gzip.compress(b"cut")[:-9], b"<html>"],
    ids=["other", "cut", "page"],
)
def test_second_mirror_when_the_first_is_wrong(mirror: Mirror, other: Mirror, tmp_path, wrong):
    for name in FILES:
        (other.folder / f"{name}.gz").write_bytes(wrong)
    assert _contents(fetch_all(SHA256, [other.url, mirror.url], tmp_path / "cached")) == FILES


def test_wrong_everywhere_leaves_nothing(mirror: Mirror, other: Mirror, tmp_path: Path):
    for name in FILES:
        (mirror.folder / f"{name}.gz").write_bytes(gzip.compress(b"other"))
    cache = tmp_path / "cached"
    with pytest.raises(DataError) as caught:
        fetch_all(SHA256, [mirror.url, other.url, DEAD], cache)
    message = str(caught.value)
    assert "\n" not in message
    assert "train-images-idx3-ubyte.gz: no mirror has the right file" in message
    for part in (f"{mirror.url}train-", "checksum must be", f"{other.url}train-", "404", DEAD):
        assert part in message
    for fix in ("--data-dir", "REPARAM_DATA", "--mirrors"):
        assert fix in message
    assert os.listdir(cache) == []


def test_a_download_is_bounded(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "MAX_DOWNLOAD_BYTES", 50)
    with pytest.raises(DataError, match="may have 50 bytes, got more"):
        fetch_all(SHA256, [mirror.url], tmp_path / "cached")
    assert os.listdir(tmp_path / "cached") == []


def test_an_unpacked_download_is_bounded(mirror: Mirror, tmp_path: Path, monkeypatch):
    bomb = gzip.compress(b"\0" * 1_000_000)
    for name in FILES:
        (mirror.folder / f"{name}.gz").write_bytes(bomb)
    monkeypatch.setattr(download, "MAX_DOWNLOAD_BYTES", len(bomb))
    with pytest.raises(DataError, match=f"at most {len(bomb)} bytes uncompressed"):
        fetch_all(SHA256, [mirror.url], tmp_path / "cached")


def test_a_spoilt_cache_is_mended(mirror: Mirror, tmp_path: Path):
    cache = tmp_path / "cached"
    fetch_all(SHA256, [mirror.url], cache)
    spoilt = cache / "train-images-idx3-ubyte.gz"
    spoilt.write_bytes(gzip.compress(b"spoilt"))
    with pytest.raises(DataError, match=r"the cache: the checksum must be .*127.0.0.1:9"):
        fetch_all(SHA256, [DEAD], cache)
    mirror.asked.clear()
    assert _contents(fetch_all(SHA256, [mirror.url], cache)) == FILES
    assert mirror.asked == ["/train-images-idx3-ubyte.gz"]
    assert gzip.decompress(spoilt.read_bytes()) == FILES["train-images-idx3-ubyte"]


def test_a_cache_that_cannot_be_written(mirror: Mirror, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file: reparam's cache must be a folder.* File exists"):
        fetch_all(SHA256, [mirror.url], tmp_path / "file")


def test_which_mirrors(monkeypatch: pytest.MonkeyPatch):
    mnist = IDX_SOURCES["mnist"]
    monkeypatch.delenv("REPARAM_MIRRORS", raising=False)
    assert mirrors_for(mnist, ()) == mnist.mirrors
    monkeypatch.setenv("REPARAM_MIRRORS", " http://a/  https://b/x ")
    assert mirrors_for(mnist, ()) == ("http://a/", "https://b/x")
    assert mirrors_for(mnist, ("https://c",)) == ("https://c",)
    with pytest.raises(ConfigError, match=r"https:// or http://, got 'file:///etc'. Fix: cor"):
        mirrors_for(mnist, ("file:///etc",))


def test_a_named_set_from_a_mirror(mirror: Mirror, no_network: Path, monkeypatch):
    small = IdxSource(IDX_SOURCES["mnist"].class_names, (), SHA256)
    monkeypatch.setattr(named, "IDX_SOURCES", {"mnist": small})
    config = DataConfig(source="mnist", mirrors=(mirror.url,), valid_fraction=0.0)
    first = load_images(config)
    assert (no_network / "reparam" / "mnist" / "t10k-labels-idx1-ubyte.gz").exists()
    again = load_images(DataConfig(source="mnist", valid_fraction=0.0))  # the mirror is dead now
    np.testing.assert_array_equal(first.images, again.images)
    assert first.images.shape == (16, 5, 5, 1)
    assert first.splits["test"].tolist() == [12, 13, 14, 15]


def test_without_network_the_error_tells_the_mend(no_network: Path):
    with pytest.raises(DataError, match=r"127.0.0.1:9.*--data-dir or REPARAM_DATA"):
        load_images(DataConfig(source="mnist"))
