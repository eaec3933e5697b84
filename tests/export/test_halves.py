"""What exported halves are compared on."""

import pytest

from reparam.export.halves import LARGEST_VALUES, compared_batches


@pytest.mark.parametrize(
    ("shape", "large"),
    [((28, 28, 1), 400), ((64, 64, 3), 400), ((256, 256, 3), 25), ((2000, 2000, 3), 8)],
)
def test_large_images_are_compared_in_smaller_batches(shape, large) -> None:
    """A graph computes a batch at once."""
    height, width, channels = shape
    values = height * width * channels
    assert compared_batches(values) == (1, 2, 7, large)
    assert large == 8 or large * values <= LARGEST_VALUES
