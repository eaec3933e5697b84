"""The distance in feature maps: identities, and a case that is computed by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.features import map_distance


def random_maps(seed: int, scale: float = 1.0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((3, 4, 5, 6), (3, 7, 2, 1))
    return [scale * torch.randn(shape, generator=generator) for shape in shapes]


def test_by_hand() -> None:
    """Two channels at two positions: directions at 90° and at 180°."""
    f = torch.tensor([[[[3.0, 1.0]], [[0.0, 0.0]]]])
    g = torch.tensor([[[[0.0, -2.0]], [[5.0, 0.0]]]])
    assert map_distance([f], [g]).item() == pytest.approx((2 + 4) / 2)
    assert map_distance([f, f], [g, f]).item() == pytest.approx(3)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_it_is_symmetric_and_sees_directions_only(seed: int, scale: float) -> None:
    f, g = random_maps(seed), random_maps(seed + 1)
    torch.testing.assert_close(map_distance(f, g), map_distance(g, f))
    torch.testing.assert_close(map_distance(f, random_maps(seed + 1, scale)), map_distance(f, g))
    assert map_distance(f, f).tolist() == [0, 0, 0]
    assert (map_distance(f, g) <= 8).all()


def test_where_there_are_no_features_the_gradient_is_finite() -> None:
    f = torch.zeros(1, 4, 2, 2, requires_grad=True)
    map_distance([f], [torch.ones(1, 4, 2, 2)]).sum().backward()
    assert torch.isfinite(f.grad).all()


def test_bfloat16_maps_are_compared_in_float32() -> None:
    f, g = ([m.bfloat16() for m in random_maps(seed)] for seed in (0, 1))
    found = map_distance(f, g)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, map_distance([m.float() for m in f], [m.float() for m in g]))
