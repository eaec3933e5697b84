"""Pictures with known defects, in the folders that MVTec AD and anomalib have."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageOps
from scipy.ndimage import label

from reparam.data import DataConfig, Progress, is_image, read_images, read_picture, sizes_in_files
from reparam.errors import DataError
from reparam.evaluation.anomaly.curve import NEIGHBOURS
from reparam.evaluation.anomaly.metrics import ALL, GOOD
from reparam.fields import as_path
from reparam.types import PixelArray

TRUTH = "ground_truth"
"""The folder of the masks."""

MASK = "_mask"
"""What a mask's name may have behind the picture's."""

DARK = 16
"""Levels of a mask below this are black, as JPEG leaves it, unless no level is above."""


Mask = Bool[np.ndarray, "H W"]


@dataclass(frozen=True)
class LabelledPictures:
    """Good pictures first, then those of each kind of defect, in the order of their names."""

    images: PixelArray
    names: tuple[str, ...]
    """Of the files, in the folder: scratch/000.png."""
    kinds: tuple[str, ...]
    """`GOOD`, or the name of the folder."""
    masks: tuple[Mask | None, ...]
    """Where the defect is; nowhere in good pictures, None for a defect without a mask."""


def read_labelled(
    folder: Path, config: DataConfig | None = None, progress: Progress | None = None
) -> LabelledPictures:
    """The pictures in ``folder/test`` (or in ``folder`` itself, where it has no such folder).

    ``good`` has good pictures, every other folder one kind of defect; masks are in
    ``ground_truth/KIND``, beside or in the folder of the pictures, named as the picture with or
    without ``_mask``, of any suffix. What is not black is marked. ``config`` says how pictures are
    read (``image_size``, ``fit``, ``channels``, ...); masks follow, and a pixel of a smaller mask
    is marked where half of it is, or of a fine defect as much as anywhere.

    Raises DataError where there are no good pictures or no defects, for a folder without pictures,
    a mask without a picture or of another size, two masks of one picture, pictures of several
    sizes, and what `read_images` raises.
    """
    folder = as_path(folder)
    test = folder / "test" if (folder / "test").is_dir() else folder
    truth = test / TRUTH if (test / TRUTH).is_dir() else test.parent / TRUTH
    kinds = _kinds(test)
    if stray := sorted({each.name for each in _inner(truth)} - {*kinds}):
        raise DataError(
            f"{truth / stray[0]}: masks must belong to a folder of pictures, got no "
            f"{test / stray[0]}. Fix: add the pictures, or delete the masks"
        )
    images: list[PixelArray] = []
    names: list[str] = []
    of: list[str] = []
    masks: list[Mask | None] = []
    for kind in kinds:
        source = test / kind
        _check_some(source)
        how = replace(
            config or DataConfig(), source=str(source), split_folders=False, pages="first"
        )
        found = read_images(how, progress)
        if images and found.images.shape[1:] != images[0].shape[1:]:
            raise DataError(
                f"{test}: pictures must have one size, got {_size(images[0].shape[1:])} in "
                f"{kinds[0]} and {_size(found.images.shape[1:])} in {kind}. Fix: pass an image "
                "size, and 1 or 3 channels"
            )
        images.append(np.asarray(found.images))
        files = found.files or ()
        names += [f"{kind}/{file}" for file in files]
        of += [kind] * len(files)
        if kind == GOOD:
            masks += [np.zeros(found.images.shape[1:3], bool)] * len(files)
        else:
            masks += _masks(source, truth / kind, files, how, found.images.shape[1:3])
    return LabelledPictures(np.concatenate(images), tuple(names), tuple(of), tuple(masks))


def _kinds(test: Path) -> list[str]:
    """The folders of pictures, the good ones' first."""
    if not test.is_dir():
        raise DataError(
            f"{test}: test pictures must be in a folder, got "
            f"{'a file' if test.exists() else 'no such folder'}. Fix: correct the path"
        )
    kinds = [each.name for each in _inner(test) if each.name != TRUTH]
    if GOOD not in kinds:
        raise DataError(
            f"{test}: test pictures need a folder {GOOD!r} of good ones, got "
            f"{', '.join(map(repr, kinds)) or 'no folder'}. Fix: put good pictures, which were not "
            f"trained on, into {test / GOOD}"
        )
    if ALL in kinds:
        raise DataError(
            f"{test / ALL}: a kind of defect must not be called {ALL!r}, as the row of all kinds "
            "is. Fix: rename the folder"
        )
    if len(kinds) == 1:
        raise DataError(
            f"{test}: test pictures need a folder for each kind of defect, got {GOOD!r} alone. "
            f"Fix: put pictures with defects into a folder beside it, such as {test / 'scratch'}"
        )
    return [GOOD, *(kind for kind in kinds if kind != GOOD)]


def _inner(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]


def _check_some(source: Path) -> None:
    if not _files(source):
        raise DataError(
            f"{source}: a folder of test pictures needs pictures, got none. Fix: put some there, "
            "or delete the folder"
        )


def _masks(
    source: Path, truth: Path, files: tuple[str, ...], config: DataConfig, size: tuple[int, int]
) -> list[Mask | None]:
    """Of each picture of a kind."""
    stems = {p.relative_to(source).with_suffix("").as_posix() for p in _files(source)}
    found: dict[str, Path] = {}
    for path in _files(truth):
        stem = path.relative_to(truth).with_suffix("").as_posix()
        stem = stem if stem in stems else stem.removesuffix(MASK)
        if stem not in stems:
            if not is_image(path):  # a reader's or a system's file
                warnings.warn(f"{truth}: left out {path.name}: no image", stacklevel=2)
                continue
            raise DataError(
                f"{path}: a mask must belong to a picture, got none called {stem} in {source}. "
                "Fix: add the picture, or delete the mask"
            )
        if stem in found:
            raise DataError(
                f"{path}: a picture must have one mask, got {found[stem].name} too. Fix: delete "
                "one of them"
            )
        found[stem] = path
    if not found:
        return [None] * len(files)
    masks: list[Mask | None] = []
    whole = sizes_in_files(replace(config, fit="resize"), files)
    for file, in_file in zip(files, whole, strict=True):
        own = found.get(Path(file).with_suffix("").as_posix())
        masks.append(None if own is None else _mask(own, in_file, size, config))
    return masks


def _mask(
    path: Path, in_file: tuple[int, int], size: tuple[int, int], config: DataConfig
) -> Bool[np.ndarray, "H W"]:
    """A mask at the size that its picture is read in; ``in_file``: that in the picture's file."""
    levels = read_picture(path).max(-1)
    if levels.shape != in_file:
        raise DataError(
            f"{path}: a mask must have its picture's size {_size(in_file)}, got "
            f"{_size(levels.shape)}. Fix: bring it to that size"
        )
    marked = levels >= DARK if levels.max() >= DARK else _numbers(path) > 0
    if not marked.any():
        raise DataError(
            f"{path}: a mask must mark the defect of its picture, got one that is all black. Fix: "
            "mark it, or delete the mask: where none is known is no error"
        )
    if marked.all():
        raise DataError(
            f"{path}: a mask must leave the good part of its picture out, got one that marks "
            "all of it. Fix: make what is good black (what is transparent is taken for white)"
        )
    if size == in_file:
        return marked
    regions, count = label(marked, NEIGHBOURS)
    found = np.zeros(size, bool)
    for region in range(1, count + 1):  # each by itself: one of few pixels is a defect too
        shares = _fitted(regions == region, size, config)
        found |= shares >= max(min(128, int(shares.max())), 1)
    return found


def _numbers(path: Path) -> UInt8[np.ndarray, "H W"]:
    """What a dark mask's file says: of 16 bits the numbers themselves, as of 8."""
    try:
        return read_picture(path, (0, 255)).max(-1)
    except DataError as error:
        raise DataError(
            f"{path}: a mask must have white (65535) for what is marked, or numbers up to 255, got "
            "others of 16 bits. Fix: save it with 8 bits"
        ) from error


def _fitted(
    marked: Bool[np.ndarray, "h w"], size: tuple[int, int], config: DataConfig
) -> UInt8[np.ndarray, "H W"]:
    """What of each pixel is marked, of 255, at the size that its picture is read in."""
    whole, box = Image.fromarray(np.where(marked, 255, 0).astype(np.uint8)), Image.Resampling.BOX
    wide = (size[1], size[0])
    fitted = ImageOps.fit(whole, wide, box) if config.fit == "crop" else whole.resize(wide, box)
    return np.asarray(fitted)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
