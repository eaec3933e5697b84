"""Cycle error and path length, on maps whose answers are known."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from reparam.evaluation.judge import Judge
from reparam.evaluation.measures.decoding import cycle_error, lerp, path_length, slerp
from reparam.model import ModelConfig, build_autoencoder

Decode = Callable[[torch.Tensor], torch.Tensor]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def as_image(z: torch.Tensor) -> torch.Tensor:
    """Latents as images of one row, so that nothing is lost."""
    return z[:, None, None, :]


def flat(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)


def latents(n: int, d: int, seed: int = 0) -> np.ndarray:
    return rng(seed).normal(size=(n, d)).astype(np.float32)


def test_an_encoder_that_inverts_the_decoder_has_no_cycle_error() -> None:
    z = latents(50, 3)
    found = cycle_error(z, (z * 2) / 2)
    assert found["cycle_error"].value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shift", [0.1, 1.0, 3.0])
def test_an_encoder_that_is_off_by_a_constant_has_that_cycle_error(shift: float) -> None:
    z = latents(2000, 4)
    found = cycle_error(z, z + np.float32(shift))
    assert found["cycle_error"].value == pytest.approx(2 * shift, rel=1e-5)
    assert found["cycle_error_relative"].value == pytest.approx(shift, rel=0.05)  # √4 = spread


def test_an_encoder_that_answers_the_same_to_all_has_a_relative_cycle_error_of_about_1() -> None:
    z = 7 * latents(2000, 16)
    found = cycle_error(z, np.zeros((len(z), 16)))
    assert found["cycle_error_relative"].value == pytest.approx(1, abs=0.03)


def test_a_linear_decoder_walks_a_line_evenly() -> None:
    matrix = torch.from_numpy(latents(3, 5, seed=9))
    ends = latents(20, 3), latents(20, 3, seed=1)
    found = path_length(lambda z, _: as_image(z @ matrix), flat, ends, rng=rng(), along="lerp")
    expected = np.square((ends[1] - ends[0]) @ matrix.numpy()).sum(1).mean()
    assert found["path_length"].value == pytest.approx(expected, rel=1e-5)
    assert found["path_unevenness"].value == pytest.approx(1, abs=1e-6)


def test_on_the_unit_sphere_the_speed_of_slerp_is_the_angle() -> None:
    a, b = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (latents(30, 4), latents(30, 4, 1))
    )
    found = path_length(lambda z, _: as_image(z), flat, (a, b), rng=rng())
    angles = np.arccos((a * b).sum(1))
    assert found["path_length"].value == pytest.approx(np.square(angles).mean(), rel=1e-4)
    assert found["path_unevenness"].value == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dimensions", ["correlated", "independent"])
def test_around_a_mean_it_is_the_path_of_the_noise(dimensions: str) -> None:
    """z = m + L y: the same as of y from N(0, I) and a decoder that maps it first."""
    y, mean = (latents(40, 4), latents(40, 4, 1)), torch.tensor([5.0, -3.0, 0.0, 20.0])
    factor = torch.diag(torch.tensor([0.1, 1.0, 3.0, 10.0]))
    if dimensions == "correlated":
        factor = factor + torch.tensor(latents(4, 4, 2)).tril(-1)
    matrix = torch.from_numpy(latents(4, 5, seed=9))

    def from_noise(y: torch.Tensor) -> torch.Tensor:
        return mean + y @ factor.T

    z = tuple(from_noise(torch.from_numpy(x)).numpy() for x in y)
    given = factor if dimensions == "correlated" else factor.diagonal()
    found = path_length(lambda z, _: as_image(z @ matrix), flat, z, rng=rng(), around=(mean, given))
    expected = path_length(lambda y, _: as_image(from_noise(y) @ matrix), flat, y, rng=rng())
    for name, measure in expected.items():
        assert found[name].value == pytest.approx(measure.value, rel=1e-4)


def differences(
    decode: Decode, features: Decode, ends: tuple[np.ndarray, np.ndarray], step: float
) -> float:
    """E ‖f(γ(t + ε)) − f(γ(t − ε))‖² / (2ε)², in float64, at the times that path_length takes."""
    times = (np.arange(8 * len(ends[0])) % 8 + rng(5).uniform(size=8 * len(ends[0]))) / 8
    a, b = (torch.from_numpy(np.repeat(x, 8, axis=0)).double() for x in ends)
    t = torch.from_numpy(times)
    with torch.no_grad():
        before, after = (features(decode(slerp(a, b, t + s))) for s in (-step, step))
    return (after - before).square().sum(1).mean().item() / (2 * step) ** 2


def test_the_path_length_is_that_of_finite_differences(small_judge: Judge) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder = nn.Sequential(
            nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))
        )
    ends = latents(24, 3), latents(24, 3, seed=1)
    found = path_length(lambda z, _: decoder(z), small_judge.feature_module, ends, rng=rng(5))
    features = deepcopy(small_judge.feature_module).double()
    expected = differences(deepcopy(decoder).double(), features, ends, 1e-6)
    assert found["path_length"].value == pytest.approx(expected, rel=1e-3)


class Attending(nn.Module):
    """A decoder with attention, in one of the ways that PyTorch has."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.spread = way, nn.Linear(3, 8 * 16)
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, z: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        x = self.spread(z).unflatten(1, (8, 16))
        match self.way:
            case "a layer":
                x = self.layer(x)
            case "heads":
                x = self.attention(x, x, x)[0]
            case "a function":
                x = nn.functional.scaled_dot_product_attention(x, x, x)
            case "a sample of a grid":
                where = torch.zeros(len(x), 8, 16, 2)
                x = nn.functional.grid_sample(x[:, None], where, align_corners=False)[:, 0]
        return torch.sigmoid(x[:, None])


@pytest.mark.parametrize("way", ["a layer", "heads", "a function"])
def test_a_decoder_with_attention_has_a_path_length(way: str) -> None:
    torch.manual_seed(0)
    decoder, ends = Attending(way).eval(), (latents(20, 3), latents(20, 3, seed=1))
    found = path_length(decoder, flat, ends, rng=rng(), along="lerp")["path_length"].value
    a, b = (torch.from_numpy(x).repeat_interleave(100, 0) for x in ends)
    t = (torch.arange(2000) % 100 + 0.5)[:, None] / 100
    with torch.no_grad():
        there, here = (flat(decoder(a + (b - a) * (t + s))) for s in (5e-3, -5e-3))
    assert found == pytest.approx(((there - here) / 1e-2).square().sum(1).mean().item(), rel=0.05)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_layer_without_derivatives_in_forward_mode_leaves_the_rows_out() -> None:
    decoder, ends = Attending("a sample of a grid").eval(), (latents(2, 3), latents(2, 3))
    for measure in path_length(decoder, flat, ends, rng=rng()).values():
        assert measure.value is None
        assert "without derivatives in forward mode" in measure.note


def test_the_articles_decoder_has_a_path_length(small_judge: Judge) -> None:
    """Its own arithmetic is float32, so the differences are coarse."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_autoencoder(ModelConfig(latent_dim=3), (8, 8, 1)).eval()
    ends = latents(24, 3), latents(24, 3, seed=1)
    found = path_length(model.decode, small_judge.feature_module, ends, rng=rng(5))
    features = deepcopy(small_judge.feature_module).double()
    expected = differences(lambda z: model.decode(z.float()).double(), features, ends, 1e-2)
    assert found["path_length"].value == pytest.approx(expected, rel=0.05)


def test_the_steeper_a_jump_the_more_uneven_the_path() -> None:
    """Between modes of a one-dimensional latent the decoder switches like a sigmoid."""
    ends = np.full((200, 1), -1, np.float32), np.full((200, 1), 1, np.float32)
    uneven = []
    for steep in (0.5, 2.0, 5.0, 20.0):
        found = path_length(
            lambda z, _, s=steep: as_image((s * z).sigmoid()), flat, ends, rng=rng(), along="lerp"
        )
        uneven.append(found["path_unevenness"].value)
    assert uneven == sorted(uneven)
    assert uneven[0] == pytest.approx(1, abs=0.02)
    assert uneven[-1] > 2.5


def test_a_decoder_that_stands_still_has_no_length_and_no_evenness() -> None:
    ends = latents(5, 2), latents(5, 2, seed=1)
    found = path_length(lambda z, _: as_image(0 * z), flat, ends, rng=rng())
    assert found["path_length"].value == 0
    assert set(found) == {"path_length"}


VECTORS = arrays(np.float32, (3, 4), elements=st.floats(-5, 5, width=32))


@given(VECTORS, VECTORS, st.floats(0, 1))
def test_slerp_starts_and_ends_at_its_ends_and_stays_between_their_lengths(
    a: np.ndarray, b: np.ndarray, t: float
) -> None:
    u, v = torch.from_numpy(a), torch.from_numpy(b)
    zeros, ones = torch.zeros(3), torch.ones(3)
    torch.testing.assert_close(slerp(u, v, zeros), u, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(slerp(u, v, ones), v, atol=1e-3, rtol=1e-3)
    length = slerp(u, v, t * ones).norm(dim=1)
    longest = torch.maximum(u.norm(dim=1), v.norm(dim=1))
    assert (length <= longest * 1.01 + 1e-3).all()


def test_slerp_of_equal_lengths_is_shoemakes() -> None:
    """sin((1 − t)Ω)/sin Ω a + sin(tΩ)/sin Ω b."""
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    half = slerp(a, b, torch.tensor([0.5]))
    torch.testing.assert_close(half, torch.full((1, 2), 2**0.5))
    third = slerp(a, b, torch.tensor([1 / 3]))
    torch.testing.assert_close(third, torch.tensor([[3**0.5, 1.0]]))
    torch.testing.assert_close(lerp(a, b, torch.tensor([0.5])), torch.ones(1, 2))
