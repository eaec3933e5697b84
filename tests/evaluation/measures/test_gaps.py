import numpy as np
import pytest
import torch
from scipy.stats import norm

from reparam.errors import DataError
from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.model import DiagonalNormal

from .planted import alarms, fewest_alarms, most_alarms, normal


def rng() -> np.random.Generator:
    return np.random.default_rng(9)


def of_prior(n: int, d: int, seed: int) -> AggregatePosterior:
    return AggregatePosterior.of_points(normal(n, d, seed), rng())


def test_a_density_of_points_is_close_to_theirs_and_integrates_to_one() -> None:
    density = of_prior(4000, 2, 0)
    ticks = np.linspace(-6, 6, 121)
    plane = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    found = np.exp(density.log_density(plane))
    assert found.sum() * 0.1**2 == pytest.approx(1, abs=1e-3)
    assert np.abs(found - norm.pdf(plane).prod(1)).max() < 0.03
    silverman = 4000 ** (-1 / 6)
    assert density.bandwidth is not None
    assert silverman / 2 < density.bandwidth < 2 * silverman


def test_the_bandwidth_follows_the_data_not_the_units() -> None:
    z = normal(2000, 2, 0)
    stretched = z * np.array([10, 0.1], np.float32)
    plain, other = (AggregatePosterior.of_points(a, rng()) for a in (z, stretched))
    assert plain.bandwidth == other.bandwidth
    np.testing.assert_allclose(plain.log_density(z), other.log_density(stretched), atol=1e-3)
    modes = z * np.float32(0.05) + np.where(np.arange(2000) % 2, 3, -3)[:, None]
    narrow = AggregatePosterior.of_points(modes.astype(np.float32), rng()).bandwidth
    assert narrow is not None
    assert plain.bandwidth is not None
    assert narrow < plain.bandwidth / 5


def test_a_density_of_posteriors_is_their_mixture() -> None:
    mu, log_var = normal(30, 3, 0), normal(30, 3, 1)
    at = normal(5, 3, 2).astype(float)
    each = norm.pdf(at[:, None], mu, np.exp(log_var / 2)).prod(2)
    q = DiagonalNormal(torch.from_numpy(mu), torch.from_numpy(log_var))
    found = AggregatePosterior.of_posteriors(q).log_density(at)
    np.testing.assert_allclose(found, np.log(each.mean(1)), rtol=1e-5)


def test_more_posteriors_than_are_kept() -> None:
    q = DiagonalNormal(torch.from_numpy(normal(12_000, 1, 0)), torch.zeros(12_000, 1))
    assert AggregatePosterior.of_posteriors(q).shape == (10_000, 1)


def test_no_gaps_read_one_percent() -> None:
    found = prior_gaps(of_prior(2000, 2, 0), normal(4000, 2, 1), normal(4000, 2, 2), rng())
    assert found.value == pytest.approx(0.01, abs=0.008)
    assert found.reference == pytest.approx(40 / 4001)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.01 <= found.high


@pytest.mark.parametrize("d", [2, 10])
def test_the_prior_itself_raises_no_alarm(d: int) -> None:
    density = of_prior(500, d, 0)

    def p(seed: int) -> float | None:
        return prior_gaps(
            density, normal(400, d, 3 * seed + 1), normal(400, d, 3 * seed + 2), rng()
        ).p_value

    assert alarms(p, 40) <= most_alarms(40)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 10])
def test_the_prior_raises_an_alarm_one_time_in_twenty(d: int) -> None:
    density = of_prior(1000, d, 0)

    def p(seed: int) -> float | None:
        return prior_gaps(
            density, normal(2000, d, 3 * seed + 1), normal(2000, d, 3 * seed + 2), rng()
        ).p_value

    assert fewest_alarms(200) <= alarms(p, 200) <= most_alarms(200)


def test_the_reference_is_the_expected_share_whatever_the_density() -> None:
    for density in (of_prior(100, 2, 0), of_prior(1000, 2, 1)):
        found = [
            prior_gaps(density, normal(300, 2, 5 * s), normal(300, 2, 5 * s + 1), rng())
            for s in range(60)
        ]
        shares = np.array([m.value for m in found])
        assert found[0].reference == pytest.approx(
            shares.mean(), abs=4 * shares.std() / np.sqrt(len(shares))
        )


def ring(n: int, seed: int, radius: float) -> np.ndarray:
    """N(0, I) in the plane without the disc of this radius, which holds 1 − exp(−radius²/2)."""
    z = normal(8 * n, 2, seed)
    return z[np.linalg.norm(z, axis=1) >= radius][:n]


def test_a_hole_is_found_with_its_size() -> None:
    """All but the rim of it, which blurs by a kernel's width."""
    found = []
    for radius in (0.0, 0.7, 1.2, 1.8):
        density = AggregatePosterior.of_points(ring(4000, 0, radius), rng())
        found.append(prior_gaps(density, ring(2500, 1, radius), normal(2500, 2, 2), rng()))
    for m, radius in zip(found[1:], (0.7, 1.2, 1.8), strict=True):
        hole = 1 - np.exp(-(radius**2) / 2)
        inner = 1 - np.exp(-((radius - 0.6) ** 2) / 2)
        assert m.value is not None
        assert inner < m.value < hole + 0.02
    for m in found[2:]:
        assert m.p_value is not None
        assert m.p_value < 1e-6
        assert m.low is not None
        assert m.low > 0.1
    assert [m.value for m in found] == sorted(m.value or 0 for m in found)


def test_latents_on_a_part_of_the_prior_leave_the_rest_as_a_gap() -> None:
    """Half the prior is empty, less the band along the edge that the kernels blur into."""
    half = [z[z[:, 0] > 0] for z in (normal(8000, 2, 0), normal(8000, 2, 1))]
    density = AggregatePosterior.of_points(half[0], rng())
    found = prior_gaps(density, half[1], normal(8000, 2, 2), rng())
    assert found.value is not None
    assert 0.35 < found.value < 0.51


def test_latents_far_from_the_prior_leave_all_of_it() -> None:
    density = AggregatePosterior.of_points(normal(500, 2, 0) + 100, rng())
    found = prior_gaps(density, normal(500, 2, 1) + 100, normal(500, 2, 2), rng())
    assert found.value == 1
    wide = AggregatePosterior.of_points(normal(500, 2, 0) * 50, rng())
    inside = prior_gaps(wide, normal(500, 2, 1) * 50, normal(500, 2, 2), rng())
    assert inside.value == 0
    assert inside.high is not None
    assert 0 < inside.high < 0.01


def test_latents_on_a_line_or_a_point_leave_all_of_the_plane() -> None:
    for flat in (np.array([1, 0], np.float32), np.zeros(2, np.float32)):
        density = AggregatePosterior.of_points(normal(500, 2, 0) * flat, rng())
        found = prior_gaps(density, normal(500, 2, 1) * flat, normal(500, 2, 2), rng())
        assert found.value == 1


def test_what_cannot_be_measured_says_why() -> None:
    density = of_prior(50, 11, 0)
    found = prior_gaps(density, normal(500, 11, 1), normal(500, 11, 2), rng())
    assert found.value is None
    assert "11" in found.note
    few = prior_gaps(of_prior(50, 2, 0), normal(50, 2, 1), normal(500, 2, 2), rng())
    assert few.value is None
    assert "at least 100" in few.note
    with pytest.raises(DataError, match="at least 10 latents"):
        AggregatePosterior.of_points(normal(5, 2, 0), rng())


def test_a_seed_repeats_everything() -> None:
    first, second = (
        prior_gaps(of_prior(300, 2, 0), normal(300, 2, 1), normal(300, 2, 2), rng())
        for _ in range(2)
    )
    assert first == second
