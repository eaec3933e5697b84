"""Images out: a folder of PNG files with a contact sheet, or one array file."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reparam.data import contact_sheet, to_picture
from reparam.errors import ConfigError
from reparam.export.place import check_file_free, check_folder_free, new_folder, write_file
from reparam.types import LabelArray, PixelArray

ARRAY_SUFFIXES = (".npz", ".npy")
OTHER_SUFFIXES = (".csv", ".parquet", ".png", ".jpg", ".jpeg", ".gif", ".zip", ".pt", ".json")
"""Names of files that images are not written to: taken for a folder, they would surprise."""

SHEET_IMAGES = 400
"""Images on a contact sheet at most."""

COMPARED_IMAGES = 100
COMPARED_COLUMNS = 10


@dataclass(frozen=True)
class LabelledImages:
    """Images as bytes (N, H, W, C), with labels (N) that index ``class_names``, if there are any.

    Written to an .npz file they can be read again as a set of images.
    """

    images: PixelArray
    labels: LabelArray | None = None
    class_names: tuple[str, ...] = ()


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
) -> None:
    """Writes images to an .npz file, an .npy file (images alone), or a folder.

    A folder gets images/00000.png and so on, and sheet.png: ``sheet`` (rows, columns, C) if given,
    or else the first images side by side; PNG shows the first channel alone unless there are
    1, 3 or 4. ``extra`` writes what else belongs into the folder.
    Raises ConfigError when something exists there, or when nothing can be written.
    """
    check_target(path, overwrite=overwrite)
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        write_file(path, _array_file(suffix, out), overwrite=overwrite)
        return
    with new_folder(path, overwrite=overwrite) as folder:
        write_pictures(folder / "images", out.images)
        if sheet is None:
            sheet = contact_sheet(out.images[:SHEET_IMAGES])
        to_picture(sheet).save(folder / "sheet.png")
        if extra is not None:
            extra(folder)


def write_pictures(folder: Path, images: PixelArray) -> None:
    """One PNG file an image, named by its position: 00000.png, 00001.png, ..."""
    folder.mkdir()
    digits = max(5, len(str(len(images) - 1)))
    for i, image in enumerate(images):
        to_picture(image).save(folder / f"{i:0{digits}d}.png")


def comparison_sheet(*rows: PixelArray) -> Sheet:
    """Images (N, H, W, C) above their counterparts: up to 100 of each, ten to a line.

    Every line of the first set has the same images of the other sets below it; the last line is
    white where it is short.
    """
    lines = []
    shown = [row[:COMPARED_IMAGES] for row in rows]
    columns = min(COMPARED_COLUMNS, len(shown[0]))
    for start in range(0, len(shown[0]), columns):
        for row in shown:
            line = np.full((columns, *row.shape[1:]), 255, np.uint8)
            part = row[start : start + columns]
            line[: len(part)] = part
            lines.append(line)
    return contact_sheet(np.concatenate(lines), columns)


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
