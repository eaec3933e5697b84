"""Images out: a folder of PNG files with a contact sheet, or one array file."""

import csv
import io
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from reparam.data import composed, contact_sheet, sheet_picture, to_picture
from reparam.errors import ConfigError
from reparam.export.place import (
    PICTURES_TABLE,
    check_file_free,
    check_folder_free,
    new_folder,
    write_file,
)
from reparam.types import LabelArray, PixelArray

ARRAY_SUFFIXES = (".npz", ".npy")
OTHER_SUFFIXES = (".csv", ".parquet", ".png", ".jpg", ".jpeg", ".gif", ".zip", ".pt", ".json")
"""Names of files that images are not written to: taken for a folder, they would surprise."""

SHEET_IMAGES = 400
"""Images on a contact sheet at most."""

BETWEEN = 4
"""White pixels between the lines that belong together and the next ones."""

SHEET_PIXELS = 4_000_000
"""Of a contact sheet: of larger images fewer are shown, so that it stays a file of some megabytes
that can be looked at. All of them are beside it."""

COMPARED_IMAGES = 100
COMPARED_COLUMNS = 10

REFUSED = frozenset('<>:"/\\|?*#%')
"""In names of files, by one file system or another, or in addresses."""

MOST_BYTES_OF_A_NAME = 200
"""Of a written picture, so that a number and .png have room: file systems take 255."""


@dataclass(frozen=True)
class LabelledImages:
    """Images as bytes (N, H, W, C), with labels (N) that index ``class_names``, if there are any.

    Written to an .npz file they can be read again as a set of images.
    """

    images: PixelArray
    labels: LabelArray | None = None
    class_names: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    """Of a folder: the path of each image in it."""

    def label_names(self) -> tuple[str, ...] | None:
        """The class's name of each image."""
        names = (*self.class_names, "")  # the last is that of UNKNOWN, -1
        return None if self.labels is None else tuple(names[i] for i in self.labels)


Sheet = UInt8[np.ndarray, "rows columns C"]
Extra = Callable[[Path], object]
"""Writes something more into the folder that it is given."""


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raises ConfigError when images cannot go to ``path``: looked at before any work is done."""
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        check_file_free(path, overwrite=overwrite)
    elif suffix in OTHER_SUFFIXES:
        raise ConfigError(
            f"{path}: images must go to a folder, an .npz or an .npy file, got {path.suffix}. Fix: "
            "choose another --out"
        )
    else:
        check_folder_free(path, overwrite=overwrite)


def write_images(
    path: Path,
    out: LabelledImages,
    *,
    overwrite: bool = False,
    sheet: Sheet | None = None,
    extra: Extra | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    scores: Mapping[str, Float[np.ndarray, " N"]] | None = None,
) -> None:
    """Writes images to an .npz file, an .npy file (images alone), or a folder.

    A folder gets a PNG file of each image in images/, named by ``picture_names``, and sheet.png:
    ``sheet`` (rows, columns, C) if given, or else the first images side by side; PNG shows the
    first channel alone unless there are 1, 3 or 4. Images that have files or ``scores`` (figures of
    each, by name) also get a table, pictures.csv. ``sizes``: the height and width that each is
    brought to in a folder. ``extra`` writes what else belongs into the folder.
    Raises ConfigError when something exists there, or when nothing can be written.
    """
    check_target(path, overwrite=overwrite)
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        write_file(path, _array_file(suffix, out), overwrite=overwrite)
        return
    with new_folder(path, overwrite=overwrite) as folder:
        write_pictures(folder / "images", out.images, picture_names(out), sizes)
        if out.files is not None or scores:
            table = pictures_table(out, scores or {})
            (folder / PICTURES_TABLE).write_text(table, encoding="utf-8", newline="")
        if sheet is None:
            sheet = contact_sheet(out.images[: on_a_sheet(out.images.shape, SHEET_IMAGES)])
        sheet_picture(sheet, max(out.images.shape[1:3])).save(folder / "sheet.png")
        if extra is not None:
            extra(folder)


def write_pictures(
    folder: Path,
    images: PixelArray,
    names: Sequence[str],
    sizes: Sequence[tuple[int, int]] | None = None,
) -> None:
    """One PNG file an image, by these names; ``sizes``: the height and width each is brought to.

    Warns where PNG cannot have all channels.
    """
    channels = images.shape[-1]
    if channels not in (1, 3, 4):
        warnings.warn(
            f"pictures of {channels} channels: PNG has the first alone. Fix: write all of them to "
            "an .npz file (--out FILE.npz)",
            stacklevel=2,
        )
    folder.mkdir()
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        picture = to_picture(image)
        if sizes is not None:
            height, width = sizes[i]
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        picture.save(folder / name)


def picture_names(out: LabelledImages) -> list[str]:
    """The names of the written pictures: those of their files, as .png, without what a file system
    may refuse. Where two would be the same, each has its folder's name before it (crack-01.png), or
    where these are the same too, its position.

    Pictures that come from no files are named by their position: 00000.png, 00001.png, ...
    """
    count = len(out.images)
    digits = max(5, len(str(count - 1)))
    numbers = [f"{i:0{digits}d}" for i in range(count)]
    if out.files is None:
        return [f"{number}.png" for number in numbers]
    stems = [_stem(file) for file in out.files]
    in_folders = [_stem(file.replace("/", "-")) for file in out.files]
    numbered = [f"{stem}-{number}" for stem, number in zip(stems, numbers, strict=True)]
    names = _first_unique(stems, _first_unique(in_folders, numbered))
    if len({name.casefold() for name in names}) < count:  # a file is called as another and a number
        names = [f"{number}-{stem}" for stem, number in zip(stems, numbers, strict=True)]
    return [f"{name}.png" for name in names]


def _first_unique(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """Each of ``names``, or where two are the same, those of ``others`` at their places."""
    # Some file systems hold a.png and A.png for one name.
    times = Counter(name.casefold() for name in names)
    return [
        name if times[name.casefold()] == 1 else other
        for name, other in zip(names, others, strict=True)
    ]


def _stem(file: str) -> str:
    """The name of a file without folder and suffix; the page of a file with several stays."""
    name = re.sub(r"(?<=.)\.[^.#]*(?=(#\d+)?$)", "", file.rpartition("/")[2])
    kept = (c if _may_stand_in_a_name(c) else "\0" for c in composed(name))
    name = re.sub("\0+", "_", "".join(kept))
    name = name.encode()[:MOST_BYTES_OF_A_NAME].decode(errors="ignore")
    return name.strip(". ") or "picture"


def _may_stand_in_a_name(c: str) -> bool:
    """Whether every file system takes it, and nothing hides in it; joiners are parts of emoji."""
    return c not in REFUSED and (unicodedata.category(c)[0] not in "CZ" or c in " \u200c\u200d")


def pictures_table(out: LabelledImages, scores: Mapping[str, Float[np.ndarray, " N"]]) -> str:
    """A CSV table of the written pictures: picture, file, label (where there are any), scores."""
    columns: dict[str, Sequence[object]] = {"picture": picture_names(out)}
    for name, values in (("file", out.files), ("label", out.label_names())):
        if values is not None:
            columns[name] = [as_text(value) for value in values]
    columns |= {name: values.tolist() for name, values in scores.items()}
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return buffer.getvalue()


def on_a_sheet(shape: Sequence[int], most: int, each: int = 1) -> int:
    """How many of images (N, H, W, C) go on a sheet that has ``each`` pictures of every one."""
    return min(most, max(COMPARED_COLUMNS, SHEET_PIXELS // (each * shape[1] * shape[2])))


def comparison_sheet(*rows: PixelArray) -> Sheet:
    """Images (N, H, W, C) above their counterparts: up to 100 of each, ten to a line; fewer where
    they are large (SHEET_PIXELS).

    Every line of the first set has the same images of the other sets below it, and some white
    before the next; the last line is white where it is short.
    """
    groups = []
    most = on_a_sheet(rows[0].shape, COMPARED_IMAGES, len(rows))
    shown = [row[:most] for row in rows]
    columns = min(COMPARED_COLUMNS, len(shown[0]))
    for start in range(0, len(shown[0]), columns):
        lines = np.full((len(shown), columns, *rows[0].shape[1:]), 255, np.uint8)
        for line, row in zip(lines, shown, strict=True):
            part = row[start : start + columns]
            line[: len(part)] = part
        group = contact_sheet(lines.reshape(-1, *rows[0].shape[1:]), columns)
        groups += [group, np.full((BETWEEN, *group.shape[1:]), 255, np.uint8)]
    return np.concatenate(groups[:-1])


def _array_file(suffix: str, out: LabelledImages) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, out.images, allow_pickle=False)
    elif out.labels is None:
        np.savez_compressed(buffer, images=out.images)
    else:
        np.savez_compressed(
            buffer,
            images=out.images,
            labels=out.labels,
            class_names=np.array(out.class_names, dtype=str),
        )
    return buffer.getvalue()


def as_text(name: str) -> str:
    r"""A name, in which bytes that are no text (Python's surrogates) are written ``\udcff``."""
    return name.encode("utf-8", "backslashreplace").decode()
