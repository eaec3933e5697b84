"""Shifts and rotations against what they say they are."""

import math

import pytest
import torch

from reparam.errors import ConfigError
from reparam.objective import augmented
from reparam.runs import TrainingConfig


def ramp(height: int, width: int) -> torch.Tensor:
    """An image whose two channels are each pixel's column and row, from the middle."""
    rows = torch.arange(height).float() - (height - 1) / 2
    columns = torch.arange(width).float() - (width - 1) / 2
    return torch.stack([columns.expand(height, width), rows[:, None].expand(height, width)])[None]


def test_without_either_nothing_changes() -> None:
    x = torch.rand(3, 1, 5, 7)
    assert augmented(x, 0.0, 0.0) is x


@pytest.mark.parametrize("size", [(28, 28), (21, 33)])
def test_inner_pixels_move_by_one_rotation_and_one_shift(size: tuple[int, int]) -> None:
    """On a linear ramp interpolation is exact: each pixel says where its value came from."""
    n, shift, rotate = 200, 2.0, 20.0
    x = ramp(*size).expand(n, -1, -1, -1).contiguous()
    y = augmented(x, shift, rotate, torch.Generator().manual_seed(0))
    middle = [slice(side // 2 - 4, side // 2 + 5) for side in size]
    source, target = y[:, :, *middle], x[:, :, *middle]
    angle = torch.atan2(
        source[:, 1, 4, 8] - source[:, 1, 4, 0], source[:, 0, 4, 8] - source[:, 0, 4, 0]
    )
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    turned = torch.stack(
        [cos * target[:, 0] - sin * target[:, 1], sin * target[:, 0] + cos * target[:, 1]], 1
    )
    moved = source - turned
    assert torch.allclose(moved, moved[..., :1, :1].expand_as(moved), atol=1e-3)
    assert moved.abs().max() <= shift + 1e-3
    assert moved.abs().max() > 0.9 * shift
    assert angle.abs().max() <= math.radians(rotate) + 1e-4
    assert angle.abs().max() > 0.9 * math.radians(rotate)


def test_a_generator_makes_it_repeatable() -> None:
    x = torch.rand(4, 1, 9, 9)
    one, two = (augmented(x, 1.0, 10.0, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert ((one >= 0) & (one <= 1)).all()


@pytest.mark.parametrize("wrong", [{"shift": -1.0}, {"rotate": 181.0}, {"shift": float("inf")}])
def test_impossible_ones_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="shift must be 0 or more pixels"):
        TrainingConfig(**wrong)
