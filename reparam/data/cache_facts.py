"""What is known of decoded pictures in the cache, and whether they are as they were written."""

import hashlib
import json
import math
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from typeguard import TypeCheckError

from reparam.errors import reason_of
from reparam.types import check_value

PIXELS, FACTS = "pixels.bin", "facts.json"

BLOCK = 2**22
"""Bytes of pixels that have a digest of their own."""


class Facts(TypedDict):
    """What facts.json holds."""

    folder: str
    """Of the pictures."""
    options: str
    """That change their pixels, as they are typed."""
    shape: list[int]
    """N, H, W, C."""
    pages: dict[str, int]
    more: list[str]
    broken: list[int]
    reasons: list[str]
    blocks: list[str]
    """A digest of each BLOCK bytes of the pixels."""


class DamagedError(Exception):
    """An entry that is not as it was written. Internal: it is built again."""


@dataclass(frozen=True)
class Contents:
    """What the files of a folder hold, beside pixels."""

    pages: Mapping[str, int] = field(default_factory=dict)
    """Pages that are read of files with several, by the path in the folder."""
    more: Sequence[str] = ()
    """Files with pages that are not read."""
    broken: dict[int, str] = field(default_factory=dict)
    """Why pictures are left out, by their position among all of them."""


def read_facts(entry: Path) -> Facts:
    """What is known of an entry. Raises DamagedError for what was not written like this."""
    file = entry / FACTS
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise DamagedError(f"{FACTS} is no regular file")
        record = json.loads(file.read_text(encoding="utf-8"))
        facts: Facts = record["facts"]
        check_value(facts, Facts)
        found = record["digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, TypeCheckError) as error:
        raise DamagedError(f"{FACTS}: {reason_of(error)[:100]}") from error
    if found != digest_of_facts(facts):
        raise DamagedError(f"{FACTS} has another digest than when it was written")
    return facts


def check_pixels(entry: Path, facts: Facts, blocks: Iterable[int] | None = None) -> None:
    """Raises DamagedError unless the pixels have their size and these blocks (or all of them) their
    digests.
    """
    file = entry / PIXELS
    try:
        status = file.stat()
        needed = math.prod(facts["shape"])
        if not stat.S_ISREG(status.st_mode) or status.st_size != needed:
            raise DamagedError(f"{PIXELS} must have {needed} bytes, got {status.st_size}")
        with file.open("rb") as pixels:
            for block in range(len(facts["blocks"])) if blocks is None else blocks:
                pixels.seek(block * BLOCK)
                if digest(pixels.read(BLOCK)) != facts["blocks"][block]:
                    raise DamagedError(f"block {block + 1} of {PIXELS} has another digest")
    except OSError as error:
        raise DamagedError(f"{PIXELS}: {error.strerror or error}") from error


def digest(data: bytes | bytearray) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_of_facts(facts: Facts) -> str:
    return digest(json.dumps(facts, sort_keys=True).encode())
