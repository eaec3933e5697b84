"""Tensors on disk: safetensors files, written whole or not at all. No pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from reparam.errors import RunError, no_file, reason_of
from reparam.model import Autoencoder
from reparam.runs.files import write_atomically
from reparam.runs.lock import is_being_written
from reparam.runs.migrations import FORMAT
from reparam.types import Json

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Saved:
    """A file's tensors and state as they were written, in the format of then."""

    tensors: Tensors
    state: Json
    format: int

    @property
    def digest(self) -> str:
        """Of the tensors alone, under the names that they have in the file."""
        return digest_of({}, self.tensors)


def save_tensors(path: Path, tensors: Tensors, kind: str, state: Mapping[str, object]) -> None:
    """Writes tensors with a JSON ``state`` beside them; ``kind`` says what the file is."""
    # A copy: of one element, `contiguous` leaves any stride, and its bytes cannot be viewed.
    plain = {
        name: t.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, t in tensors.items()
    }
    # One key: the library writes several in an order that changes from run to run.
    facts = {"kind": kind, "format": FORMAT, "state": state}
    header = json.dumps({**facts, "digest": digest_of(facts, plain)})
    write_atomically(path, save(plain, metadata={"reparam": header}))


def load_tensors(path: Path, kind: str, fix: str = "restore it or train again") -> Saved:
    """A file that ``save_tensors`` wrote.

    ``fix``: what one does about a damaged one. Raises RunError, naming the file, when it is
    missing, damaged (by one bit), foreign, or from a newer version.
    """
    if not path.is_file():
        if path.exists():
            raise RunError(f"{path}: {no_file(path)}. Fix: {fix}")
        raise RunError(
            f"{path}: no such file; the run has not finished its first epoch. Fix: "
            + ("wait, it is training" if is_being_written(path.parent) else "`reparam resume` it")
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("reparam", "{}"))
            # Clones: the file must not stay mapped, or Windows cannot replace it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        reason = f"damaged or not a safetensors file ({reason_of(error)})"
        raise RunError(f"{path}: {reason}. Fix: {fix}") from error
    if not isinstance(header, dict) or (header and not isinstance(header.get("state"), dict)):
        raise RunError(f"{path}: damaged, its header is not one that reparam wrote. Fix: {fix}")
    if header.get("kind") != kind:
        found = header.get("kind", "a file of another program")
        raise RunError(f"{path} must be a reparam {kind}, got {found}. Fix: restore the right file")
    found_format = check_format(path, header.get("format"))
    digest = header.pop("digest", None)  # None: written before files had one
    if digest not in (None, digest_of(header, tensors)):
        raise RunError(f"{path}: damaged, its values are not those that were written. Fix: {fix}")
    return Saved(tensors, header["state"], found_format)


def digest_of(facts: Mapping[str, object], tensors: Tensors) -> str:
    """A checksum of facts and contiguous tensors: safetensors has none of its own."""
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # Stride 1 by name: one value counts as contiguous whatever its stride, but has no bytes.
        values = tensor.as_strided((tensor.numel(),), (1,))
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_weights(model: Autoencoder, tensors: Tensors, path: Path) -> None:
    """Raises RunError when the names or shapes differ from the model's."""
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if own != found:
        odd = sorted({name for name, _ in own.items() ^ found.items()})
        raise RunError(
            f"{path}: its weights do not fit config.json ({', '.join(odd[:3])}"
            f"{', ...' if len(odd) > 3 else ''}). Fix: restore the right file"
        )
    model.load_state_dict(tensors)


def check_format(path: Path, found: object) -> int:
    """The format as a number. Raises RunError when it is not one that this program reads."""
    try:
        version = int(str(found))
    except ValueError:
        raise RunError(
            f"{path}: its format must be a number, got {found!r}. Fix: restore the file"
        ) from None
    if version > FORMAT:
        raise RunError(
            f"{path}: its format must be at most {FORMAT}, got {version}: written by a newer "
            "reparam. Fix: upgrade reparam"
        )
    return version
