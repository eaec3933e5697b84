"""How well a small generator learns latents: known answers in 2 and in many dimensions."""

import numpy as np
import pytest
import torch

from reparam.evaluation.measures.diffusability import diffusability
from reparam.evaluation.measures.measured import Measured


def scored(z: np.ndarray, seed: int = 1) -> Measured:
    """Of the first four fifths as training latents and the rest as held-out ones."""
    count = len(z) * 4 // 5
    z = z.astype(np.float32)
    return diffusability(z[:count], z[count:], np.random.default_rng(seed))


def normal(n: int, d: int) -> np.ndarray:
    """Correlated, with very different scales, off-centre."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((d, d)) * np.geomspace(1, 100, d)
    return rng.standard_normal((n, d)) @ mixing + rng.normal(0, 50, d)


def checkerboard(n: int, side: int) -> np.ndarray:
    """Even on the black squares of ``side`` × ``side``: fine structure, with plain marginals."""
    rng = np.random.default_rng(0)
    points = rng.random((4 * n, 2)) * side
    return points[np.floor(points).sum(1) % 2 == 0][:n]


@pytest.mark.parametrize(("n", "d"), [(2500, 2), (2500, 300)])
def test_normal_latents_are_at_the_reference_whatever_their_covariance(n: int, d: int) -> None:
    found = scored(normal(n, d))
    assert found.value == pytest.approx(0.5, abs=0.08)  # four standard errors of 0.02
    assert found.reference == pytest.approx(0.5, abs=0.08)
    assert found.low is not None
    assert found.low < 0.5
    assert ("40 of 300 principal components" in found.note) == (d == 300)


def test_fine_structure_is_beyond_a_small_generator() -> None:
    found = scored(checkerboard(4000, 4))
    assert found.low is not None
    assert found.low > 0.65
    assert found.reference == pytest.approx(0.5, abs=0.08)


def test_what_it_can_learn_counts_for_less_than_what_it_cannot() -> None:
    """Two modes side by side, and twenty scattered ones."""
    rng, scores = np.random.default_rng(0), []
    for modes, spread in ((1, 1.0), (2, 0.5), (20, 0.1)):
        centres = np.random.default_rng(9).standard_normal((modes, 2)) * 3
        z = centres[rng.integers(modes, size=4000)] + spread * rng.standard_normal((4000, 2))
        scores.append(scored(z).value)
    assert scores == sorted(s for s in scores if s is not None)
    assert scores[2] is not None
    assert scores[2] > 0.85


def test_scale_shift_and_rotation_have_no_part_in_it() -> None:
    """But for the rounding of latents to float32, and the signs of axes."""
    z = checkerboard(4000, 4) * np.array([1, 3])
    turned = 100 * z @ np.array([[0.6, 0.8], [-0.8, 0.6]]) + np.array([5, -70])
    assert scored(turned).value == pytest.approx(scored(z).value, abs=0.05)
    assert scored(z * 64).value == pytest.approx(scored(z).value, abs=1e-3)


def test_dimensions_that_do_not_vary_are_no_matter_and_no_variation_is_named() -> None:
    dead = np.concatenate([normal(2500, 2), np.full((2500, 3), 4.0)], 1)
    assert scored(dead).value == pytest.approx(0.5, abs=0.08)
    assert scored(np.ones((2500, 3))).note == "all latents are the same"
    assert "at least 40" in scored(normal(60, 2)).note


def test_a_seed_gives_the_same_figure_and_leaves_the_random_state() -> None:
    state, z = torch.get_rng_state(), normal(500, 2)
    assert scored(z, seed=3) == scored(z, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
