"""A folder of image files; its sub-folders are the classes."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from reparam.data.agreement import (
    LARGEST,
    Found,
    agreed_shape,
    first_broken,
    proposed_size,
    refuse_broken,
    what_is_broken,
)
from reparam.data.cache import Entry
from reparam.data.cache_facts import Contents
from reparam.data.config import DataConfig
from reparam.data.images import ImageSet
from reparam.data.listing import (
    Picture,
    as_text,
    classes_of,
    given_splits,
    labels_of,
    list_files,
    quoted,
)
from reparam.data.mapping import MAPPED_FROM
from reparam.data.picture import Shape
from reparam.data.pictures import ROUND, Progress, decode_all, look_at_all
from reparam.data.pixels import check_range
from reparam.data.splits import split_as_given, split_indices
from reparam.errors import ConfigError, DataError
from reparam.fields import as_path
from reparam.types import PixelArray


def load_folder(folder: Path, config: DataConfig, progress: Progress | None = None) -> ImageSet:
    """The images of a folder, in the order of their paths.

    Images lie either all in the folder itself (no labels) or all in its sub-folders: each
    sub-folder that has images is a class, and images deeper down belong to it. Where the
    sub-folders are train, val and test (SPLIT_FOLDERS), they are the splits, and what is in them
    the classes. Names that begin with a dot and folders of runs are left out; links are followed.
    How each kind of file is read, `reparam.data.picture` says. From MAPPED_FROM bytes of pixels on
    they are kept decoded in the cache (`reparam.data.cache`) and mapped from there.

    Every file with a picture's name must be a readable image; with ``skip_broken`` those that are
    not are left out with a warning, as are files of other kinds in any case. Of files with several
    pages the first is read, with a warning, or by ``pages`` every one. Without ``image_size`` all
    must have one size, without ``channels`` all must be grey or all colour.

    Raises DataError for a folder that cannot be read or does not hold such images (of which
    DisagreementError says what options are missing), ConfigError for
    an ``image_size``, ``channels`` or ``fit`` that cannot be, and what `split_indices` raises.
    """
    _check(config)
    files = list_files(folder)
    entry = Entry.of(folder, files, config)
    images, contents = entry.read() or _decode(folder, files, config, entry, progress)
    pictures = _pictures(folder, files, contents.pages)
    if contents.broken:
        everything = Found(folder, pictures, [], contents.pages, contents.more)
        what = what_is_broken(everything, contents.broken)
        warnings.warn(f"{folder}: left out {what}", UserWarning, stacklevel=3)
    if contents.more:
        which = quoted(folder, folder / contents.more[0])
        warnings.warn(
            f"{folder}: of files with several pages ({len(contents.more)} of {len(files)}, such as "
            f"{which}) the first page is read. To read every page, pass --pages all",
            UserWarning,
            stacklevel=3,
        )
    kept = [each for i, each in enumerate(pictures) if i not in contents.broken]
    paths = [picture.path for picture in kept]
    given = given_splits(folder, paths, config)
    labels, names = labels_of(classes_of(folder, paths, 1 if given else 0))
    if given:
        splits = split_as_given(given, labels, config, name=str(folder))
    else:
        splits = split_indices(len(images), labels, config, name=str(folder))
    shown = tuple(picture.within(folder) for picture in kept)
    name = as_text(folder.resolve().name) or str(folder)
    return ImageSet(name, images, labels, names, splits, shown)


def sizes_in_files(config: DataConfig, files: Sequence[str]) -> list[tuple[int, int]]:
    """Height and width that each picture of the folder ``config.source`` has in its file, upright;
    where it is fitted by cropping, of the part that is kept.

    ``files``: the pictures, as ``ImageSet.files`` names them. Raises DataError where a file is
    gone, or readable no more.
    """
    folder = as_path(config.source)
    paths = {Picture(path).within(folder): path for path in list_files(folder)}
    places: list[tuple[str, int]] = []
    for name in files:
        file, _, number = name.rpartition("#")
        places.append((name, 0) if name in paths or file not in paths else (file, int(number) - 1))
    names = sorted({name for name, _ in places} & paths.keys())
    several = look_at_all([paths[name] for name in names], config.pages)
    looks = dict(zip(names, several, strict=True))
    sizes = []
    for name, page in places:
        look = looks.get(name, "no such file")
        if isinstance(look, str):
            raise DataError(
                f"{folder}: {name!r} must be the picture that was read, got: {look}. Fix: restore "
                "it"
            )
        height, width, _ = look.shapes[min(page, len(look.shapes) - 1)]
        if config.image_size is not None and config.fit == "crop":
            ratio = config.image_size[1] / config.image_size[0]
            height, width = min(height, round(width / ratio)), min(width, round(height * ratio))
        sizes.append((max(height, 1), max(width, 1)))
    return sizes


def suited_size(config: DataConfig) -> tuple[int, int] | None:
    """Height and width to train at, where the pictures of the folder all have one size with a side
    above LARGEST, as photographs of one camera; None for others, and where ``config`` says a size.

    Raises DataError for a folder without images.
    """
    if config.image_size is not None:
        return None
    files = list_files(as_path(config.source))
    few = _shapes(files[:ROUND], config)  # of a large folder of small pictures not every file
    if all(max(shape.height, shape.width) <= LARGEST for shape in few):
        return None
    shapes = few + _shapes(files[ROUND:], config)
    alike = len({(shape.height, shape.width) for shape in shapes}) == 1
    return proposed_size(dict(enumerate(shapes))) if alike else None


def _shapes(files: list[Path], config: DataConfig) -> list[Shape]:
    """Of every picture in those of the files that are images."""
    looks = look_at_all(files, config.pages)
    return [shape for look in looks if not isinstance(look, str) for shape in look.shapes]


def _decode(
    folder: Path, files: list[Path], config: DataConfig, entry: Entry, progress: Progress | None
) -> tuple[PixelArray, Contents]:
    """The pixels of the pictures that are images, in memory or in the cache."""
    found = _inspect_all(folder, files, config, progress)
    readable, broken = list(found.readable), found.broken
    good = [found.pictures[i] for i in readable]
    # Refused before the long work.
    paths = [picture.path for picture in good]
    classes_of(folder, paths, 1 if given_splits(folder, paths, config) else 0)

    def undecodable(shape: Shape) -> dict[int, str]:
        """Of the first pictures: decoding all of a large folder would take long."""
        why: dict[int, str] = {}
        for _ in decode_all(good[:ROUND], shape, config, why, progress):
            pass
        return {readable[i]: reason for i, reason in why.items()}

    shape = agreed_shape(found, config, undecodable)

    def parts() -> Iterator[PixelArray]:
        undecoded: dict[int, str] = {}
        yield from decode_all(good, shape, config, undecoded, progress)
        broken.update({readable[i]: why for i, why in undecoded.items()})
        refuse_broken(found, broken, config.skip_broken)

    count = len(good)
    contents = Contents(found.pages, found.more, broken)
    if count * math.prod(shape) >= MAPPED_FROM:
        return entry.build(parts(), shape, count, contents)
    images = np.empty((count, *shape), np.uint8)
    filled = 0
    for part in parts():
        images[filled : filled + len(part)] = part
        filled += len(part)
    return images[:filled], contents


def _pictures(folder: Path, files: list[Path], pages: Mapping[str, int]) -> list[Picture]:
    """The pictures of the files, in order; ``pages``: of those with several, how many."""
    if not pages:
        return [Picture(file) for file in files]
    counts = {folder / name: count for name, count in pages.items()}
    return [
        Picture(file, page)
        for file in files
        for page in (range(counts[file]) if file in counts else (None,))
    ]


def _check(config: DataConfig) -> None:
    size = config.image_size
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise ConfigError(
            f"image_size must be a height and a width of at least 1, got {size}. Fix: "
            "correct --image-size"
        )
    if config.channels not in (None, 1, 3):
        raise ConfigError(
            f"channels must be 1 (grey) or 3 (colour), got {config.channels}. Fix: correct "
            "--channels"
        )
    if config.pixel_range is not None:
        check_range(config.pixel_range)  # here once, and not as a fault of every file


def _inspect_all(
    folder: Path, files: list[Path], config: DataConfig, progress: Progress | None
) -> Found:
    """Look at every header. Raises DataError when no file is an image."""
    shapes: list[Shape | str] = []
    pages: dict[str, int] = {}
    more: list[str] = []
    for path, look in zip(files, look_at_all(files, config.pages, progress), strict=True):
        if isinstance(look, str):
            shapes.append(look)
            continue
        shapes += look.shapes
        if len(look.shapes) > 1:
            pages[str(path.relative_to(folder))] = len(look.shapes)
        if look.more:
            more.append(str(path.relative_to(folder)))
    found = Found(folder, _pictures(folder, files, pages), shapes, pages, more)
    if not found.readable:
        raise DataError(
            f"{folder}: a folder of images needs readable images, got none among "
            f"{len(files)} files: {first_broken(found, found.broken)}. Fix: give another folder"
        )
    return found
