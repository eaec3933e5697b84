"""Images that are already arrays: in memory, or in an .npz or .npy file."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from reparam.data.config import DataConfig
from reparam.data.factors import as_factors
from reparam.data.images import ImageSet
from reparam.data.labels import as_labels
from reparam.data.mapping import MAPPED_FROM, keep_open
from reparam.data.memory import check_memory
from reparam.data.pixels import as_pixels
from reparam.data.splits import split_indices, with_known_labels
from reparam.errors import DataError, reason_of

ARRAY_SUFFIXES = (".npz", ".npy")

_KEYS = ("images", "labels", "class_names", "factors", "factor_names")
_UNREADABLE = (
    OSError,
    ValueError,  # a pickle, or a header that is none
    EOFError,
    KeyError,
    RuntimeError,  # an encrypted zip file
    MemoryError,  # a header that promises more than there can be
    zipfile.BadZipFile,
    zlib.error,
)


def image_set_from_arrays(
    images: object,
    labels: object = None,
    class_names: Sequence[str] | None = None,
    *,
    name: str,
    config: DataConfig,
    factors: object = None,
    factor_names: Sequence[str] | None = None,
) -> ImageSet:
    """An ImageSet of arrays in memory, split as ``config`` says.

    ``images``: N × H × W or N × H × W × C, as `as_pixels` takes them; ``labels`` (N) and
    ``class_names`` as `as_labels` takes them; ``factors`` (N, F) and ``factor_names`` (F) as
    `as_factors` does. ``name`` is the set's name, also in errors.

    Raises what `as_pixels`, `as_labels`, `as_factors` and `split_indices` raise, and DataError for
    names without what they name.
    """
    pixels = as_pixels(
        images,
        name,
        pixel_range=config.pixel_range,
        channels=config.channels,
        channels_first=config.channels_first,
    )
    _refuse_idle_names(name, "class_names", class_names, "labels", labels)
    _refuse_idle_names(name, "factor_names", factor_names, "factors", factors)
    count = len(pixels)
    known = None if factors is None else as_factors(factors, count, factor_names, name)
    if labels is None:
        splits = split_indices(count, None, config, name=name)
        return with_known_labels(ImageSet(name, pixels, None, (), splits, factors=known), config)
    indices, names = as_labels(labels, count, class_names, name)
    splits = split_indices(count, indices, config, name=name)
    found = ImageSet(name, pixels, indices, names, splits, factors=known)
    return with_known_labels(found, config)


def _refuse_idle_names(
    name: str, key: str, names: Sequence[str] | None, what: str, named: object
) -> None:
    if names is not None and named is None:
        raise DataError(
            f"{name}: {key} need {what}, got {len(names)} names and no {what}. Fix: give {what}, "
            f"or omit {key}"
        )


def load_array_file(path: Path, config: DataConfig) -> ImageSet:
    """An .npy file of images, or an .npz file of ``images``, ``labels``, ``class_names``,
    ``factors`` and ``factor_names``.

    All but the images are optional. Pickles (object arrays) are never loaded. A large .npy file is
    mapped: of uint8 it then takes no memory, of other numbers only their bytes are held.

    Raises DataError for a file that cannot be read, holds pickles or has no ``images``, and what
    `image_set_from_arrays` raises.
    """
    arrays = _read(path)
    image_set = image_set_from_arrays(
        arrays["images"],
        arrays.get("labels"),
        _names(arrays, "class_names", path),
        name=str(path),
        config=config,
        factors=arrays.get("factors"),
        factor_names=_names(arrays, "factor_names", path),
    )
    return replace(image_set, name=path.stem)


def _names(arrays: dict[str, np.ndarray], key: str, path: Path) -> tuple[str, ...] | None:
    names = arrays.get(key)
    if names is None:
        return None
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            f"{path}: {key} must be a list of strings, got dtype {names.dtype} of shape "
            f"{names.shape}. Fix: save them by numpy.array([...], dtype=str)"
        )
    return tuple(str(each) for each in names)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; an .npy file has only ``images``."""
    if not path.is_file():
        raise DataError(
            f"{path}: must be a regular file, got a folder, a named pipe or a device. Fix: save "
            "the arrays in a file"
        )
    try:
        if path.suffix.lower() == ".npy":
            return {"images": _read_npy(path)}
        arrays, keys = _read_npz(path)
    except DataError:
        raise
    except _UNREADABLE as error:
        reason = reason_of(error)
        raise DataError(
            f"{path}: must be a readable {path.suffix} file without pickled objects, found: "
            f"{reason}. Fix: save it again by numpy.savez(path, images=...) from arrays of numbers"
        ) from error
    if "images" not in arrays:
        raise DataError(
            f"{path}: an .npz file needs an array named images, got "
            f"{', '.join(map(repr, keys)) or 'no arrays'}. Fix: "
            "save it by numpy.savez(path, images=..., labels=...)"
        )
    return arrays


def _read_npy(path: Path) -> np.ndarray:
    size = path.stat().st_size
    with path.open("rb") as file:
        needed = _check_header(file, size, path, "images")
    large = size >= MAPPED_FROM
    if not large:
        check_memory(needed, str(path))
    loaded = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    return keep_open(loaded, path) if isinstance(loaded, np.memmap) else loaded


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays that are known, and the names of all. Their headers are read before they are: a
    small file may grow to any size.
    """
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        needed = 0
        for key in _KEYS:
            if key in members:
                with archive.open(members[key]) as member:
                    needed += _check_header(member, members[key].file_size, path, key)
    check_memory(needed, str(path))
    with np.load(path, allow_pickle=False) as loaded:
        return {key: loaded[key] for key in _KEYS if key in loaded.files}, loaded.files


def _check_header(file: IO[bytes] | zipfile.ZipExtFile, size: int, path: Path, key: str) -> int:
    """The bytes of the array in a file of ``size`` bytes, by its header.

    Raises DataError for Python objects, and ValueError for a file with less than the header says
    and for what is no such header.
    """
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
        (3, 0): np.lib.format.read_array_header_2_0,  # differs in the names of fields alone
    }.get(version)
    if read is None:
        raise ValueError(f"the array {key} has an unknown format, {version}")
    shape, _, dtype = read(file)
    if dtype.hasobject:
        kinds = {"images": "numbers", "labels": "whole numbers or strings"}
        right = {**kinds, "factors": "numbers or strings"}.get(key, "strings")
        raise DataError(
            f"{path}: {key} must be an array of {right}, got one of Python objects, which is not "
            f"read. Fix: save {key} as such, as in numpy.array({key}.tolist())"
        )
    needed = math.prod(shape) * dtype.itemsize
    found = size - file.tell()
    if needed > found:
        raise ValueError(
            f"{key} of shape {shape} and dtype {dtype} takes {needed:,} bytes, got {found:,}"
        )
    return needed
