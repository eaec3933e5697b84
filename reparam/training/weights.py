"""Tensors on disc: safetensors files, written whole or not at all. No pickle."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from reparam.errors import RunError
from reparam.training.files import write_atomically

FORMAT = 1
"""Version of the run folder's files; a newer one is refused by name."""


def save_tensors(path: Path, tensors: dict[str, torch.Tensor], kind: str, state: Any) -> None:
    """Writes tensors with a JSON ``state`` beside them; ``kind`` says what the file is."""
    plain = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    # One key: the library writes several in an order that changes from run to run.
    facts = {"kind": kind, "format": FORMAT, "state": state}
    header = json.dumps({**facts, "digest": digest_of(facts, plain)})
    write_atomically(path, save(plain, metadata={"reparam": header}))


def load_tensors(
    path: Path, kind: str, mend: str = "restore it or train again"
) -> tuple[dict[str, torch.Tensor], Any]:
    """The tensors and the state of a file that ``save_tensors`` wrote.

    ``mend``: what one does about a damaged one. Raises RunError, naming the file, when it is
    missing, damaged (by one bit), foreign, or from a newer version.
    """
    if not path.is_file():
        raise RunError(
            f"{path}: no such file; the run has not finished its first epoch: go on with "
            "`reparam resume`"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("reparam", "{}"))
            # Clones: the file must not stay mapped, or Windows cannot replace it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path}: damaged or not a safetensors file ({error}); {mend}") from error
    if header.get("kind") != kind:
        found = header.get("kind", "a file of another program")
        raise RunError(f"{path}: expected a reparam {kind}, found {found}; restore the right file")
    check_format(path, header.get("format"))
    digest = header.pop("digest", None)  # None: written before files had one
    if digest not in (None, digest_of(header, tensors)):
        raise RunError(f"{path}: damaged, its values are not those that were written; {mend}")
    return tensors, header["state"]


def digest_of(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """A checksum of facts and tensors: safetensors has none of its own."""
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_format(path: Path, found: object) -> None:
    """Raises RunError when ``found`` is not a version that this program reads."""
    try:
        version = int(str(found))
    except ValueError:
        raise RunError(f"{path}: format {found!r} is not a number; restore the file") from None
    if version > FORMAT:
        raise RunError(
            f"{path}: written by a newer reparam (format {version}, this one reads up to "
            f"{FORMAT}); upgrade reparam"
        )
