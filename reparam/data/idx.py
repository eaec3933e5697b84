"""One IDX file (LeCun's format of MNIST), gzipped or not, into an array of bytes."""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from reparam.data.memory import check_memory
from reparam.errors import DataError, reason_of

MAX_IDX_BYTES = 2**30
"""Largest uncompressed IDX file that is read; a gzip file that grows past it is refused."""

IMAGES_MAGIC = 0x00000803
LABELS_MAGIC = 0x00000801

_GZIP_MAGIC = b"\x1f\x8b"
_WORD = 4
_HEAD = 4 * _WORD


class IdxFile(NamedTuple):
    """The uncompressed bytes of an IDX file, and the name that errors give to it."""

    name: str
    content: bytes


def read_idx_file(path: Path, limit: int = MAX_IDX_BYTES) -> IdxFile:
    """The uncompressed content of a file; gzip is known by its first two bytes, not by its name.

    Raises DataError when the file cannot be read, is broken gzip, or exceeds ``limit`` bytes.
    """
    try:
        if not path.is_file() and path.exists():
            raise OSError("not a regular file")  # a named pipe would be waited for
        with path.open("rb") as file:
            gzipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            file.seek(0)
            if gzipped:
                with gzip.GzipFile(fileobj=file) as unzipped:
                    head = unzipped.read(_HEAD)
                    check_memory(min(_promised(head), limit), str(path))
                    content = head + unzipped.read(limit + 1 - len(head))
            else:
                check_memory(min(path.stat().st_size, limit), str(path))
                content = file.read(limit + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: an IDX file must be whole, got broken gzip ({reason_of(error)}). Fix: fetch "
            "it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: an IDX file must be readable, got {error.strerror or error}. Fix: "
            "check the path and its permissions"
        ) from error
    if len(content) > limit:
        raise DataError(
            f"{path}: an IDX file may hold at most {limit} bytes uncompressed, got more. Fix: "
            "save a smaller file, or save the images as .npy"
        )
    return IdxFile(str(path), content)


def _promised(head: bytes) -> int:
    """Bytes of the whole by its first; 0 for what is no IDX file of bytes."""
    magic = int.from_bytes(head[:_WORD], "big")
    rank = magic & 0xFF
    if magic not in (IMAGES_MAGIC, LABELS_MAGIC) or len(head) < _WORD * (1 + rank):
        return 0
    return prod(int(n) for n in np.frombuffer(head, ">u4", count=rank, offset=_WORD))


def parse_images(file: IdxFile) -> UInt8[np.ndarray, "N H W"]:
    """Images of an IDX file, in its order; read-only. Raises DataError as `parse_pair` does."""
    return _parse(file, IMAGES_MAGIC, "images")


def parse_labels(file: IdxFile) -> UInt8[np.ndarray, " N"]:
    """Labels of an IDX file, in its order; read-only. Raises DataError as `parse_pair` does."""
    return _parse(file, LABELS_MAGIC, "labels")


def parse_pair(
    images_file: IdxFile, labels_file: IdxFile
) -> tuple[UInt8[np.ndarray, "N H W"], UInt8[np.ndarray, " N"]]:
    """Images and their labels.

    Raises DataError for a wrong magic number, a file that is cut short or has bytes left over, a
    file without images, and for as many labels as there are not images.
    """
    images, labels = parse_images(images_file), parse_labels(labels_file)
    if len(images) != len(labels):
        raise DataError(
            f"{labels_file.name}: every image needs one label, got {len(labels)} labels for the "
            f"{len(images)} images of {images_file.name}. Fix: use two files of one set"
        )
    return images, labels


def _parse(file: IdxFile, magic: int, what: str) -> np.ndarray:
    name, content = file
    rank = magic & 0xFF
    found = int.from_bytes(content[:_WORD], "big")
    if len(content) < _WORD or found != magic:
        shown = f"0x{found:08x}" if len(content) >= _WORD else f"{len(content)} bytes in all"
        raise DataError(
            f"{name}: an IDX file of {what} begins with 0x{magic:08x}, got {shown}. Fix: "
            f"put the IDX file of {what} there"
        )
    start = _WORD * (1 + rank)
    if len(content) < start:
        raise DataError(
            f"{name}: an IDX file of {what} has a header of {start} bytes, got "
            f"{len(content)} bytes in all (cut short). Fix: fetch it again"
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", count=rank, offset=_WORD))
    expected = start + prod(shape)
    if len(content) != expected:
        state = "cut short" if len(content) < expected else "bytes left over"
        raise DataError(
            f"{name}: {what} of shape {_times(shape)} take {expected} bytes, got "
            f"{len(content)} ({state}). Fix: fetch it again"
        )
    if 0 in shape:
        raise DataError(
            f"{name}: a set needs at least one image, got {what} of shape {_times(shape)}. Fix: "
            "use another file"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
