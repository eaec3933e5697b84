"""The files of a named set: from the cache, or else from the first mirror with the right ones."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import platformdirs
import pooch

from reparam.data.cache import writable
from reparam.data.idx import IdxFile, read_idx_file
from reparam.data.registry import IdxSource
from reparam.errors import ConfigError, DataError, reason_of

MAX_DOWNLOAD_BYTES = 2**27
"""Most bytes that one file may have, on the wire and again uncompressed (MNIST: 47 million)."""

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""


def cache_folder(source: str) -> Path:
    """Where the downloaded files of a set are kept (XDG_CACHE_HOME moves it on Linux)."""
    return platformdirs.user_cache_path("reparam") / source


def mirrors_for(source: IdxSource, chosen: Sequence[str]) -> tuple[str, ...]:
    """The base addresses to try: those chosen, else REPARAM_MIRRORS, else the built-in ones.

    Raises ConfigError for an address that is not http or https.
    """
    mirrors = tuple(chosen) or tuple(os.environ.get("REPARAM_MIRRORS", "").split())
    for mirror in mirrors:
        if not mirror.startswith(("https://", "http://")):
            raise ConfigError(
                f"a mirror is a base address that begins with https:// or http://, got "
                f"{mirror!r}. Fix: correct --mirrors or REPARAM_MIRRORS"
            )
    return mirrors or source.mirrors


def fetch_all(
    sha256: Mapping[str, str], mirrors: Sequence[str], folder: Path
) -> dict[str, IdxFile]:
    """Every file of ``sha256`` (file → checksum of its uncompressed content), checked.

    A file whose checksum is right in ``folder`` is taken from there. Otherwise it is downloaded
    from ``<mirror>/<file>.gz``, checked, and only then given its name in ``folder``.

    Raises DataError, naming what failed at each mirror, when no mirror has the right file.
    """
    return {file: _fetch(file, digest, mirrors, folder) for file, digest in sha256.items()}


def _fetch(file: str, digest: str, mirrors: Sequence[str], folder: Path) -> IdxFile:
    path = folder / f"{file}.gz"
    failures = []
    if path.exists():
        try:
            return _checked(path, digest)
        except DataError as error:
            failures.append(f"the cache: {_one_line(error)}")
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{path.name}"
        try:
            return _download(url, path, digest)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors, ours ValueErrors
            failures.append(f"{url}: {_one_line(error)}")
    raise DataError(
        f"{path.name}: no mirror has the right file ({'; '.join(failures)}). Fix: give the folder "
        "of the four files by --data-dir or REPARAM_DATA, or another address by --mirrors"
    )


def _download(url: str, path: Path, digest: str) -> IdxFile:
    """Fetch to a temporary file beside ``path``, check, rename; nothing is left when that fails."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as part:
        temporary = Path(part.name)
        try:
            download = pooch.HTTPDownloader(timeout=TIMEOUT, chunk_size=2**16)
            download(url, _Limited(part, MAX_DOWNLOAD_BYTES), None)
            part.close()
            content = _checked(temporary, digest).content
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return IdxFile(str(path), content)


def _checked(path: Path, digest: str) -> IdxFile:
    file = read_idx_file(path, MAX_DOWNLOAD_BYTES)
    found = hashlib.sha256(file.content).hexdigest()
    if found != digest:
        raise DataError(f"the checksum must be {digest[:12]}…, got {found[:12]}…")
    return file


class _Limited:
    """A file to write to, up to so many bytes."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self.file, self.left = file, limit

    def write(self, chunk: bytes) -> int:
        self.left -= len(chunk)
        if self.left < 0:
            raise DataError(f"a download may have {MAX_DOWNLOAD_BYTES} bytes, got more")
        return self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


def _one_line(error: Exception) -> str:
    text = reason_of(error)
    return text if len(text) <= 160 else f"{text[:159]}…"
