"""The errors that reparam raises on purpose.

Each message gives the rule, the value found and how to fix it, in one line. The command prints it
without a traceback and ends with status 2.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from reparam.printable import printable

SHORT_LIST = 15
"""Names that a message lists, at most."""


class ReparamError(Exception):
    """Anything that the user can fix. Its message may quote names and files of anybody."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigError(ReparamError, ValueError):
    """An option, a name or a combination of options that cannot be."""


class UnknownOption(ConfigError):
    """An option that there is not, or not with the chosen parts."""


class DataError(ReparamError, ValueError):
    """Images, labels or latents that cannot be read or used."""


class DataRangeError(DataError):
    """Pixel values outside of the range that the data's type promises."""


class ShapeError(ReparamError, ValueError):
    """Sizes that do not fit together: images, latents, strides."""


class RunError(ReparamError, RuntimeError):
    """A run folder that is missing, incomplete, foreign, or in use."""


class NotFiniteError(ReparamError, ArithmeticError):
    """A loss, or weights, that are NaN or infinite."""


class ParityError(ReparamError, ArithmeticError):
    """An exported model that computes something else than the model that it was made from."""


class ExportError(ReparamError, RuntimeError):
    """A model cannot be written in another form."""


class HubError(ReparamError, RuntimeError):
    """The Hugging Face Hub refuses something, does not have it, or cannot be reached."""


class PageError(ReparamError, RuntimeError):
    """The explorer's page is not there, or not whole."""


class DiskFullError(RunError):
    """A file that did not fit on the disk. Nothing of it is left, and the old one is as it was."""


class LostError(RunError):
    """Another process of the same run is gone, and with it the connection to all."""


def check_bytes(images: object) -> None:
    """Raises DataError for images that are no bytes, such as pixels in [0, 1], which would be
    divided by 255 once more, and ShapeError for an array that is not (N, H, W, C).
    """
    dtype, shape = getattr(images, "dtype", None), tuple(getattr(images, "shape", ()))
    kind = type(images).__name__ if dtype is None else str(dtype).removeprefix("torch.")
    if kind != "uint8":
        raise DataError(
            f"images must be bytes (uint8, 0 to 255), got {kind}. Fix: of pixels x in [0, 1] give "
            "np.round(255 * x).astype(np.uint8)"
        )
    if len(shape) != 4:
        raise ShapeError(
            f"images must be an array (N, H, W, C), got one of shape {shape}. Fix: one of grey "
            "images is images[..., None]"
        )


def check_one_each(what: str, values: object, n: int) -> None:
    """Raises ShapeError unless there is one number for each of ``n`` images or latents. Sums of
    other shapes would broadcast, to something that is wrong and trains.
    """
    shape = getattr(values, "shape", None)
    if shape is None:
        raise ShapeError(
            f"{what} must be a tensor of one number for each image, of shape ({n},), got "
            f"{type(values).__name__}. Fix: return a torch tensor"
        )
    if tuple(shape) != (n,):
        raise ShapeError(
            f"{what} must be one number for each image, of shape ({n},), got {tuple(shape)}. Fix: "
            "sum over the other axes"
        )


def check_positive(**options: int | tuple[int, ...] | None) -> None:
    """Raises ConfigError for an option below 1, or with an entry below 1; None is not given."""
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        least = min((entry for entry in values if entry is not None), default=1)
        if least < 1:
            raise ConfigError(f"{name} must be 1 or more, got {least}. Fix: raise it")


def is_of_memory(error: BaseException) -> bool:
    """Whether what failed needs more memory, or larger numbers, than there are: PyTorch's errors of
    this kind have no type of their own.
    """
    if isinstance(error, MemoryError | OverflowError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError | TypeError) and (
        "allocate" in text or "overflow" in text
    )


def reason_of(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing. Libraries' have several."""
    return " ".join(str(error).split()) or type(error).__name__


def no_file(path: Path) -> str:
    """What to say where a file is needed and ``path`` is none."""
    if path.is_dir():
        return "must be a file, got a folder"
    return "must be a regular file, got a pipe or a device" if path.exists() else "no such file"


def unknown_name(kind: str, found: str, known: Iterable[str], see: str = "--help") -> str:
    """``unknown model 'vea'; did you mean vae? (known: ae, vae)``.

    At most three near names, about as near as the nearest; all names only where they are few, and
    else where to ``see`` them.
    """
    names = sorted(known)
    near = near_names(found, names)
    hint = f"; did you mean {either(near)}?" if near else ""
    listed = f" (known: {', '.join(names) or 'none'})" if len(names) <= SHORT_LIST else ""
    return f"unknown {kind} {found!r}{hint}{listed or ('' if near else f'; see {see}')}"


def near_names(found: str, known: Iterable[str]) -> list[str]:
    """At most three of the known names, about as near as the nearest. Dashes in front, which all
    flags have, and capitals do not count.
    """
    plain = {name: name.lstrip("-").lower() for name in known}
    wanted = found.lstrip("-").lower()
    likeness = {
        name: difflib.SequenceMatcher(None, word, wanted).ratio() for name, word in plain.items()
    }
    nearest = sorted(likeness, key=lambda name: (-likeness[name], name))[:3]
    enough = max(0.6, likeness[nearest[0]] - 0.1) if nearest else 1.0
    return [name for name in nearest if likeness[name] >= enough]


def near_paths(wanted: Path, is_one: Callable[[Path], bool], also: Iterable[str] = ()) -> str:
    """``; did you mean runs/photos-vae?``: of what lies in the same folder and is of the kind that
    is wanted, and of the names ``also``, the nearest by name. '' where nothing is near.
    """
    there = {name: Path(name) for name in also}
    try:
        paths = [path for path in wanted.parent.iterdir() if is_one(path)]
    except (OSError, ValueError):  # no such folder, or nothing that can be one
        paths = []
    hidden = wanted.name.startswith(".")
    there |= {path.name: path for path in paths if path.name.startswith(".") == hidden}
    near = [str(there[name]) for name in near_names(wanted.name, there)]
    return f"; did you mean {either(near)}?" if near else ""


def either(names: Sequence[str]) -> str:
    """``a, b or c``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
