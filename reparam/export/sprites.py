"""Many images as a few PNG files: a grid of equal places, one image in each."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reparam.data import contact_sheet, to_picture
from reparam.types import PixelArray

SIDE = 1024
"""Pixels of a sheet's side, about: a phone decodes it at once."""

MOST = 32
"""Images in a row or a column at most: what is looked at should not wait for much else."""

COMPRESSION = 9


@dataclass(frozen=True)
class Grid:
    """Where images lie on their sheets: image i on sheet i // (columns · rows), row by row."""

    width: int
    height: int
    columns: int
    rows: int

    @property
    def places(self) -> int:
        return self.columns * self.rows


def grid_for(image_shape: tuple[int, int, int]) -> Grid:
    """A grid for images of this height, width and channels: at least one image a sheet."""
    height, width, _ = image_shape
    columns, rows = (min(MOST, max(1, SIDE // side)) for side in (width, height))
    return Grid(width, height, columns, rows)


def sheets(images: PixelArray, grid: Grid) -> Iterator[bytes]:
    """Sheets as PNG, all of one size, black where there is no image; the same images, same bytes.

    Pixels stay as they are: grey for one channel, RGB for three; of others the first three or the
    first channel.
    """
    channels = images.shape[3]
    shown = images[..., : 3 if channels in (3, 4) else 1]
    for start in range(0, len(shown), grid.places):
        part = shown[start : start + grid.places]
        missing = grid.places - len(part)
        if missing:
            part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.uint8)])
        picture = to_picture(contact_sheet(part, grid.columns, gap=0, paper=0))
        buffer = io.BytesIO()
        picture.save(buffer, format="PNG", compress_level=COMPRESSION)
        yield buffer.getvalue()
