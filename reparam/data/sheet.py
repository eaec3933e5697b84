"""Pixels as pictures: single ones, and many on one sheet."""

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from reparam.types import PixelArray

LEAST_SIDE = 64
"""Pixels that small images of a sheet are enlarged to, at most, by a whole factor."""


def to_picture(pixels: UInt8[np.ndarray, "H W C"]) -> Image.Image:
    """Grey for one channel, colour for three, with alpha for four; else the first channel alone."""
    channels = pixels.shape[2]
    if channels in (3, 4):
        return Image.fromarray(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0]))


def contact_sheet(
    images: PixelArray, columns: int | None = None, *, gap: int = 2, paper: int = 255
) -> UInt8[np.ndarray, "rows columns C"]:
    """All images in rows, ``gap`` pixels of ``paper`` apart; by default about as wide as high."""
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    sheet = np.full(shape, paper, np.uint8)
    for i, image in enumerate(images):
        top = gap + (i // columns) * (height + gap)
        left = gap + (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def sheet_picture(sheet: UInt8[np.ndarray, "rows columns C"], side: int) -> Image.Image:
    """A contact sheet as a picture to look at: enlarged where the longer ``side`` of its images is
    small.
    """
    picture, factor = to_picture(sheet), max(1, LEAST_SIDE // side)
    size = picture.width * factor, picture.height * factor
    return picture.resize(size, Image.Resampling.NEAREST)
