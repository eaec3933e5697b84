import io

import numpy as np
import pytest
from PIL import Image

from reparam.export.sprites import grid_for, sheets

from .conftest import noise


@pytest.mark.parametrize("shape", [(28, 28, 1), (300, 9, 3), (2000, 1500, 1)])
def test_every_image_is_cut_from_its_sheet_to_the_last_bit(shape: tuple[int, int, int]) -> None:
    grid = grid_for(shape)
    assert 1 <= grid.rows <= 32
    assert 1 <= grid.columns <= 32
    images = noise(grid.places + 3 if grid.places < 200 else 40, shape)
    opened = [np.asarray(Image.open(io.BytesIO(png))) for png in sheets(images, grid)]
    assert len(opened) == -(-len(images) // grid.places)
    for sheet in opened:
        assert sheet.shape[:2] == (grid.rows * shape[0], grid.columns * shape[1])
    for i, image in enumerate(images):
        row, column = divmod(i % grid.places, grid.columns)
        top, left = row * shape[0], column * shape[1]
        cut = opened[i // grid.places][top : top + shape[0], left : left + shape[1]]
        np.testing.assert_array_equal(cut.reshape(shape), image)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB")])
def test_a_sheet_is_grey_or_colour(channels: int, mode: str) -> None:
    images = noise(3, (5, 6, channels))
    (png,) = sheets(images, grid_for((5, 6, channels)))
    picture = Image.open(io.BytesIO(png))
    assert picture.mode == mode
    shown = np.asarray(picture)[:5, :6].reshape(5, 6, -1)
    np.testing.assert_array_equal(shown, images[0][:, :, : shown.shape[2]])
