"""Whatever a DataConfig names, as an ImageSet."""

import os
from dataclasses import fields, replace
from pathlib import Path

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
from reparam.fields import check_options, flag_of

_ACCEPTED = f"{', '.join(NAMED_SOURCES)}, an .npz or .npy file, or a folder of images"


def load_images(config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """The images that ``config.source`` names, split; ``progress`` is called while they are read.

    A known name comes before a file or folder of that name (write ./mnist for the folder).

    Raises ConfigError for an unknown name, for an option of a value that it cannot have, and for
    options that the source has no use for; DataError for a path that is missing or of another kind
    and for a factor that is the same for every image; and what the source's own loader raises.
    Warns where all images are equal, and where all are nearly black, unless ``config.pixel_range``
    says that they may be.
    """
    check_options(config)
    images = with_known_labels(_load(config, progress), config)
    warn_of_pixels(images.images, images.name, range_known=config.pixel_range is not None)
    if images.factors is not None:
        check_varied(images.factors, images.name)
    return images


def _load(config: DataConfig, progress: Progress | None) -> ImageSet:
    source = config.source
    if source == "digits":
        _refuse_idle_options(config)
        return load_digits(config)
    if source in IDX_SOURCES:
        _refuse_idle_options(config, *_OF_NAMED)
        return load_idx_source(source, config)
    path = Path(os.path.expanduser(source))
    if not source or not _is_there(path):
        raise _unknown(source)
    if path.is_dir():
        _refuse_idle_options(config, *_OF_FOLDERS)
        return load_folder(path, config, progress)
    if path.suffix.lower() in ARRAY_SUFFIXES:
        _refuse_idle_options(config, *_OF_ARRAYS)
        return load_array_file(path, config)
    raise DataError(
        f"{path}: a source is {_ACCEPTED}, got a file of another kind "
        f"({path.suffix or 'no suffix'}). Fix: convert it, or give its folder"
    )


def read_images(config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """Every image that ``config.source`` names, for a model that is trained already.

    Nothing is held out or left out, and a single image will do, also a dark one. Raises as
    `load_images`.
    """
    whole = replace(config, train_size=None, valid_fraction=0.0, test_fraction=0.0)
    return _load(replace(whole, known_labels=None), progress)


_USED_BY = {
    "data_dir": "mnist and fashion-mnist",
    "mirrors": "mnist and fashion-mnist",
    "image_size": "folders of images",
    "fit": "folders of images",
    "pages": "folders of images",
    "skip_broken": "folders of images",
    "split_folders": "folders of images",
    "channels": "folders and arrays of images",
    "channels_first": "arrays of images",
    "pixel_range": "folders and arrays of images",
}
_OF_NAMED = ("data_dir", "mirrors")
_OF_FOLDERS = (
    *("image_size", "fit", "channels", "pixel_range", "pages", "skip_broken", "split_folders"),
)
_OF_ARRAYS = ("channels", "channels_first", "pixel_range")


def _refuse_idle_options(config: DataConfig, *used: str) -> None:
    """An option without effect is a misunderstanding, so it is not passed over in silence.

    ``used``: those that the source has a use for.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if value != field.default and field.name in _USED_BY and field.name not in used:
            flag = f"--{flag_of(field)}"
            raise ConfigError(
                f"{flag} is for {_USED_BY[field.name]}, got it ({value}) with the source "
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
