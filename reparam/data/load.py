"""Whatever a DataConfig names, as an ImageSet."""

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal

from reparam.data.arrays import ARRAY_SUFFIXES, load_array_file
from reparam.data.config import DataConfig
from reparam.data.factors import check_varied
from reparam.data.folder import load_folder
from reparam.data.images import ImageSet
from reparam.data.named import load_digits, load_idx_source
from reparam.data.pictures import Progress
from reparam.data.pixels import warn_of_pixels
from reparam.data.registry import IDX_SOURCES, NAMED_SOURCES
from reparam.data.splits import with_known_labels
from reparam.errors import ConfigError, DataError, near_paths
from reparam.fields import as_path, flag_of

_ACCEPTED = f"{', '.join(NAMED_SOURCES)}, an .npz or .npy file, or a folder of images"


def load_images(config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """The images that ``config.source`` names, split; ``progress`` is called while they are read.

    A known name comes before a file or folder of that name (write ./mnist for the folder).

    Raises ConfigError for an unknown name and for options that the source has no use for; DataError
    for a path that is missing or of another kind and for a factor that is the same for every image;
    and what the source's own loader raises.
    Warns where all images are equal, and where all are nearly black, unless ``config.pixel_range``
    says that they may be.
    """
    images = with_known_labels(_load(config, progress), config)
    warn_of_pixels(images.images, images.name, range_known=config.pixel_range is not None)
    if images.factors is not None:
        check_varied(images.factors, images.name)
    return images


SourceKind = Literal["digits", "named", "folder", "array"]


def kind_of(source: str) -> SourceKind:
    """What a source is: a known name comes before a file or folder of that name.

    Raises ConfigError for an unknown name, DataError for a path that is missing or of another kind.
    """
    if source == "digits":
        return "digits"
    if source in IDX_SOURCES:
        return "named"
    path = as_path(source)
    if not source or not _is_there(path):
        raise _unknown(source)
    if is_folder(source):
        return "folder"
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return "array"
    raise DataError(
        f"{path}: a source is {_ACCEPTED}, got a file of another kind "
        f"({path.suffix or 'no suffix'}). Fix: convert it, or give its folder"
    )


def is_folder(source: str) -> bool:
    """Whether its kind is folder. Raises nothing for what is no source."""
    return source not in NAMED_SOURCES and os.path.isdir(as_path(source))


def _load(config: DataConfig, progress: Progress | None) -> ImageSet:
    kind, path = kind_of(config.source), as_path(config.source)
    _refuse_idle_options(config, kind)
    match kind:
        case "digits":
            return load_digits(config)
        case "named":
            return load_idx_source(config.source, config)
        case "folder":
            return load_folder(path, config, progress)
        case "array":
            return load_array_file(path, config)


def read_images(config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """Every image that ``config.source`` names, for a model that is trained already.

    Nothing is held out or left out, and a single image will do, also a dark one. Raises as
    `load_images`.
    """
    whole = replace(config, train_size=None, valid_fraction=0.0, test_fraction=0.0)
    return _load(replace(whole, known_labels=None), progress)


USED_BY: Mapping[str, tuple[SourceKind, ...]] = {
    "data_dir": ("named",),
    "mirrors": ("named",),
    "image_size": ("folder",),
    "fit": ("folder",),
    "pages": ("folder",),
    "skip_broken": ("folder",),
    "split_folders": ("folder",),
    "channels": ("folder", "array"),
    "channels_first": ("array",),
    "pixel_range": ("folder", "array"),
}
"""Options that sources of some kinds alone have a use for."""

_IN_WORDS: Mapping[tuple[SourceKind, ...], str] = {
    ("named",): "mnist and fashion-mnist",
    ("folder",): "folders of images",
    ("array",): "arrays of images",
    ("folder", "array"): "folders and arrays of images",
}


def _refuse_idle_options(config: DataConfig, kind: SourceKind) -> None:
    """An option without effect is a misunderstanding, so it is not passed over in silence."""
    for field in fields(config):
        value, users = getattr(config, field.name), USED_BY.get(field.name, (kind,))
        if value != field.default and kind not in users:
            flag = f"--{flag_of(field)}"
            raise ConfigError(
                f"{flag} is for {_IN_WORDS[users]}, got it ({value}) with the source "
                f"{config.source!r}. Fix: omit {flag}"
            )


def _is_there(path: Path) -> bool:
    """Raises DataError where that cannot be told."""
    try:
        path.stat()
    except PermissionError as error:
        raise DataError(
            f"{path}: must be readable, got {error.strerror}. Fix: correct the permissions of it "
            "and of the folders above it"
        ) from error
    except (OSError, ValueError):
        return False
    return True


def _unknown(source: str) -> ConfigError | DataError:
    path = Path(source)
    if {"/", os.sep} & set(source) or path.suffix.lower() in ARRAY_SUFFIXES:
        here = near_paths(path, _may_hold_images)
        return DataError(f"{source!r}: no such file or folder{here or '.'} Fix: give {_ACCEPTED}")
    here = near_paths(path, _may_hold_images, NAMED_SOURCES)
    return ConfigError(
        f"the source {source!r} is no known name and no file or folder here{here or '.'} Fix: "
        f"a source is {_ACCEPTED}"
    )


def _may_hold_images(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in ARRAY_SUFFIXES
