"""Random changes of images against what they say they are."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.model import uniform
from reparam.objective import Augmentation
from reparam.runs import TrainingConfig

SIZES = [(28, 28), (21, 33)]


def ramp(height: int, width: int) -> torch.Tensor:
    """An image whose two channels are each pixel's column and row, from the middle."""
    rows = torch.arange(height).float() - (height - 1) / 2
    columns = torch.arange(width).float() - (width - 1) / 2
    return torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)])[None]


def maps_of(augmented: Augmentation, size: tuple[int, int], n: int = 200) -> torch.Tensor:
    """Where the pixels of n images come from: (n, 2, 3), the affine maps in pixels.

    On a linear ramp interpolation is exact. Asserts that one map says it for all inner pixels.
    """
    x = ramp(*size).expand(n, -1, -1, -1).contiguous()
    y = augmented(x, torch.Generator().manual_seed(0))
    middle = [slice(side // 2 - 3, side // 2 + 4) for side in size]
    source, target = y[:, :, *middle].flatten(2), x[0, :, *middle].flatten(1)
    columns = torch.cat([target, torch.ones_like(target[:1])])
    found = torch.linalg.lstsq(columns.T.expand(n, -1, -1), source.mT).solution.mT
    assert torch.allclose(found @ columns, source, atol=1e-3)
    return found


def test_without_any_nothing_changes() -> None:
    x = torch.rand(3, 1, 5, 7)
    assert Augmentation()(x) is x
    assert not Augmentation()
    assert Augmentation(flip=True)


@pytest.mark.parametrize("size", SIZES)
def test_inner_pixels_move_by_one_rotation_and_one_shift(size: tuple[int, int]) -> None:
    shift, rotate = 2.0, 20.0
    found = maps_of(Augmentation(shift, rotate), size)
    angle = torch.atan2(found[:, 1, 0], found[:, 0, 0])
    cos, sin = angle.cos(), angle.sin()
    expected = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    assert torch.allclose(found[:, :, :2], expected, atol=1e-3)
    for value, most in ((found[:, :, 2], shift), (angle, math.radians(rotate))):
        assert 0.9 * most < value.abs().max() <= most + 1e-3


@pytest.mark.parametrize("size", SIZES)
def test_zoom_is_alike_in_both_directions_and_as_often_up_as_down(size: tuple[int, int]) -> None:
    found = maps_of(Augmentation(zoom=0.3), size)
    across, down = found[:, 0, 0], found[:, 1, 1]
    assert torch.allclose(across, down, atol=1e-3)
    assert found[:, 0, 1].abs().max() < 1e-3
    assert found[:, :, 2].abs().max() < 1e-2
    for most, reached in ((1.3, across.max()), (1.3, 1 / across.min())):
        assert 1.25 < reached <= most + 1e-3
    assert 70 < (across > 1).sum() < 130


@pytest.mark.parametrize("size", SIZES)
def test_flip_mirrors_about_half_of_them_exactly(size: tuple[int, int]) -> None:
    x = torch.rand(200, 3, *size)
    y = Augmentation(flip=True)(x, torch.Generator().manual_seed(0))
    mirrored = (y - x.flip(3)).abs().amax((1, 2, 3)) < 1e-4
    same = (y - x).abs().amax((1, 2, 3)) < 1e-4
    assert (mirrored ^ same).all()
    assert 70 < mirrored.sum() < 130


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_images_beside_the_share_are_moved_by_whole_pixels(size: tuple[int, int], flip) -> None:
    """And mirrored: each is a crop of itself with its border repeated."""
    x = torch.rand(400, 2, *size)
    y = Augmentation(1.0, 20.0, 0.4, flip, share=0.3)(x, torch.Generator().manual_seed(1))
    sources = [x, x.flip(3)] if flip else [x]
    padded = [torch.nn.functional.pad(source, (1, 1, 1, 1), mode="replicate") for source in sources]
    height, width = size
    crops = torch.stack(
        [
            each[:, :, top : top + height, left : left + width]
            for each in padded
            for top in range(3)
            for left in range(3)
        ]
    )
    exact = (crops - y).abs().amax((2, 3, 4)) < 1e-3
    assert 240 < exact.any(0).sum() < 320
    assert exact.any(1).all(), "every crop of every source is drawn"


@settings(max_examples=20)
@given(st.floats(0, 3), st.floats(0, 90), st.floats(0, 0.5), st.booleans())
def test_all_at_once_are_one_map_of_a_known_size(
    shift: float, rotate: float, zoom: float, flip: bool
) -> None:
    """A rotation, times one factor, mirrored or not; and the shift is what it would be alone."""
    augmented = Augmentation(shift, rotate, zoom, flip)
    if not augmented:
        return
    found = maps_of(augmented, (40, 44), 30)
    factor = found[:, :, :2].det().abs().sqrt()
    square = found[:, :, :2].mT @ found[:, :, :2]
    assert torch.allclose(square, factor.square()[:, None, None] * torch.eye(2), atol=2e-3)
    assert (factor.log().abs() <= math.log1p(zoom) + 1e-3).all()
    if not flip:
        assert (found[:, :, :2].det() > 0).all()
    assert found[:, :, 2].abs().max() <= shift + 1e-2


def test_shift_and_rotation_draw_what_they_drew_before_there_was_more() -> None:
    """Three numbers an image: runs from before resume as they would have gone on."""
    noise, counted = (torch.Generator().manual_seed(3) for _ in range(2))
    Augmentation(2.0, 10.0)(torch.rand(5, 1, 9, 9), noise)
    uniform(torch.Size((5, 3)), counted, torch.zeros(()))
    assert torch.equal(noise.get_state(), counted.get_state())


@pytest.mark.parametrize(
    "augmented", [Augmentation(1.0, 10.0), Augmentation(1.0, 10.0, 0.5, True, 0.5)]
)
def test_a_generator_makes_it_repeatable(augmented: Augmentation) -> None:
    x = torch.rand(4, 1, 9, 9)
    one, two = (augmented(x, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert ((one >= 0) & (one <= 1)).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shift": -1.0}, "shift must be 0 or more, got -1.0"),
        ({"rotate": 181.0}, "rotate must be 0 or more and at most 180, got 181.0"),
        ({"shift": float("inf")}, "shift must be 0 or more, got inf"),
        ({"zoom": -0.1}, "zoom must be 0 or more and at most 4"),
        ({"augment_share": 1.5}, "augment_share must be 0 or more and at most 1, got 1.5"),
        ({"zoom": float("nan")}, "zoom must be 0 or more and at most 4"),
    ],
)
def test_impossible_ones_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TrainingConfig(**wrong)


def test_white_stays_at_most_white() -> None:
    """Four weights of float32 add up to a little more than 1, which likelihoods refuse."""
    noise = torch.Generator().manual_seed(0)
    moved = Augmentation(1.0, 10.0, 0.4)(torch.ones(256, 1, 32, 32), noise)
    assert moved.max() == 1
