import numpy as np
import pytest
import torch
from scipy.stats import chi2, ncx2, norm

from reparam.errors import DataError
from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.evaluation.measures.measured import Measured
from reparam.model import DiagonalNormal, Prior
from reparam.model.latent import LatentSpec
from reparam.model.priors import (
    BoxOptions,
    GaussianPriorOptions,
    MixturePriorOptions,
    PriorOptions,
    StandardNormal,
)

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
    assert plain.bandwidth == pytest.approx(other.bandwidth, rel=1e-4)
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


def gaps(
    density: AggregatePosterior, held_out: np.ndarray, draws: np.ndarray, prior: Prior | None = None
) -> Measured:
    prior = prior or StandardNormal(density.shape[1])
    return prior_gaps(density, prior, held_out, draws, rng())


def test_no_gaps_read_none() -> None:
    found = gaps(of_prior(2000, 2, 0), normal(4000, 2, 1), normal(4000, 2, 2))
    assert found.value == pytest.approx(0, abs=0.008)
    assert found.reference == 0
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0 <= found.high
    assert found.note.startswith("0.000 of it where q(z) < p(z) / 10")


def test_few_latents_have_no_lower_end() -> None:
    """Beyond each of 367 the limit of all may lie in more than 2.5 %: 0.99^367 = 0.02501."""
    density, narrow = of_prior(500, 2, 0), 0.5 * normal(400, 2, 1)
    for n, bounded in ((100, False), (367, False), (368, True)):
        found = gaps(density, narrow[:n], normal(1000, 2, 2))
        assert found.value is not None
        assert found.low is not None
        assert ("too few latents for a lower end" in found.note) != bounded
        if not bounded:
            assert found.low == -max(round(0.01 * n), 1) / (n + 1)


@pytest.mark.parametrize("d", [2, 10])
def test_the_prior_itself_raises_no_alarm(d: int) -> None:
    density = of_prior(500, d, 0)

    def p(seed: int) -> float | None:
        return gaps(density, normal(400, d, 3 * seed + 1), normal(400, d, 3 * seed + 2)).p_value

    assert alarms(p, 40) <= most_alarms(40)


@pytest.mark.slow
@pytest.mark.parametrize("d", [2, 10])
def test_the_prior_raises_an_alarm_one_time_in_twenty(d: int) -> None:
    density = of_prior(1000, d, 0)

    def p(seed: int) -> float | None:
        return gaps(density, normal(2000, d, 3 * seed + 1), normal(2000, d, 3 * seed + 2)).p_value

    assert fewest_alarms(200) <= alarms(p, 200) <= most_alarms(200)


def test_no_gaps_are_the_reference_on_average_whatever_the_density() -> None:
    for density in (of_prior(100, 2, 0), of_prior(1000, 2, 1)):
        found = [gaps(density, normal(300, 2, 5 * s), normal(300, 2, 5 * s + 1)) for s in range(60)]
        values = np.array([m.value for m in found], np.float64)
        assert values.mean() == pytest.approx(0, abs=4 * values.std() / np.sqrt(len(values)))


def with_hole(n: int, d: int, seed: int, centre: float, radius: float) -> np.ndarray:
    """N(0, I) without the ball of this radius about a point ``centre`` along the first axis."""
    z = normal(4 * n, d, seed)
    at = np.zeros(d, np.float32)
    at[0] = centre
    return z[np.linalg.norm(z - at, axis=1) >= radius][:n]


@pytest.mark.parametrize(
    ("d", "centre", "radius"),
    [(2, 0.0, 0.7), (2, 0.0, 1.2), (2, 1.5, 0.9), (2, 2.0, 1.2), (5, 0.0, 1.7), (5, 1.5, 1.7)],
)
def test_a_hole_is_found_with_its_mass_wherever_it_lies(
    d: int, centre: float, radius: float
) -> None:
    """A ball's mass is that of a noncentral χ²(d)."""
    mass = float(ncx2.cdf(radius**2, d, centre**2) if centre else chi2.cdf(radius**2, d))
    density = AggregatePosterior.of_points(with_hole(4000, d, 0, centre, radius), rng())
    found = gaps(density, with_hole(1000, d, 1, centre, radius), normal(4000, d, 2))
    assert found.value == pytest.approx(mass, rel=0.3)
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.low is not None
    assert found.low > 0.03


def test_a_larger_hole_is_a_larger_gap() -> None:
    found = []
    for radius in (0.0, 0.5, 0.9, 1.4, 2.0):
        density = AggregatePosterior.of_points(with_hole(2000, 2, 0, 0.5, radius), rng())
        found.append(gaps(density, with_hole(1000, 2, 1, 0.5, radius), normal(2000, 2, 2)).value)
    assert found == sorted(found, key=lambda value: value or 0)


def test_latents_on_a_part_of_the_prior_leave_the_rest_as_a_gap() -> None:
    """Half the prior is empty, less the band along the edge that the kernels blur into."""
    half = [z[z[:, 0] > 0] for z in (normal(8000, 2, 0), normal(8000, 2, 1))]
    found = gaps(AggregatePosterior.of_points(half[0], rng()), half[1], normal(8000, 2, 2))
    assert found.value is not None
    assert 0.4 < found.value < 0.5


def test_latents_that_are_too_narrow_leave_too_little_rather_than_nothing_near_them() -> None:
    """q is N(0, s² I): ln q / p falls with ‖z‖, so the region is that beyond q's 99 % radius."""
    s = 0.7
    found = gaps(
        AggregatePosterior.of_points(np.float32(s) * normal(4000, 2, 0), rng()),
        np.float32(s) * normal(4000, 2, 1),
        normal(5000, 2, 2),
    )
    beyond = 0.01 ** (s**2)  # the prior's mass beyond s √(−2 ln 0.01)
    assert found.value == pytest.approx(beyond - 0.01, rel=0.3)
    nothing = float(found.note.split()[0])
    assert 0 < nothing < found.value + 0.011


def test_latents_far_from_the_prior_leave_all_of_it() -> None:
    density = AggregatePosterior.of_points(normal(500, 2, 0) + 100, rng())
    found = gaps(density, normal(500, 2, 1) + 100, normal(500, 2, 2))
    assert found.value == pytest.approx(1 - 5 / 501)
    assert float(found.note.split()[0]) == 1


def test_latents_that_reach_beyond_the_prior_are_thin_in_its_middle() -> None:
    """q is N(0, 9 I), at most a ninth of p and never a tenth: its 1 % where p is densest holds
    1 − 0.99^9 of the prior."""
    wide = AggregatePosterior.of_points(normal(4000, 2, 0) * 3, rng())
    found = gaps(wide, normal(5000, 2, 1) * 3, normal(5000, 2, 2))
    assert found.value == pytest.approx(1 - 0.99**9 - 0.01, abs=0.03)
    assert float(found.note.split()[0]) < 0.03


def test_latents_on_a_line_or_a_point_leave_all_of_the_plane() -> None:
    for flat in (np.array([1, 0], np.float32), np.zeros(2, np.float32)):
        density = AggregatePosterior.of_points(normal(500, 2, 0) * flat, rng())
        found = gaps(density, normal(500, 2, 1) * flat, normal(500, 2, 2))
        assert found.value == pytest.approx(1 - 5 / 501)


@pytest.mark.parametrize("options", [BoxOptions, GaussianPriorOptions, MixturePriorOptions])
def test_the_ratio_is_to_the_prior_that_is_given(options: type[PriorOptions]) -> None:
    """Fitted to latents that are far from N(0, I): its own draws leave no gap in it, and without
    those in a ball they leave the ball."""
    clouds = normal(2000, 2, 0) + np.array([[4, 0], [8, 3]], np.float32)[np.arange(2000) % 2]
    prior = options().build(LatentSpec((2,)))
    prior.fit(torch.from_numpy(clouds))
    draws = prior.sample(30_000, torch.Generator().manual_seed(0)).numpy()
    distances = np.linalg.norm(draws - draws[0], axis=1)
    apart = draws[distances > np.quantile(distances, 0.1)]
    for z, mass in ((draws, 0.0), (apart, 0.1)):
        density = AggregatePosterior.of_points(z[:4000], rng())
        found = gaps(density, z[4000:5000], draws[-4000:], prior)
        assert found.value == pytest.approx(mass, abs=0.03 if mass else 0.01)
        assert found.p_value is not None
        assert (found.p_value < 1e-6) == (mass > 0)


def test_what_cannot_be_measured_says_why() -> None:
    found = gaps(of_prior(50, 11, 0), normal(500, 11, 1), normal(500, 11, 2))
    assert found.value is None
    assert "11" in found.note
    few = gaps(of_prior(50, 2, 0), normal(50, 2, 1), normal(500, 2, 2))
    assert few.value is None
    assert "at least 100" in few.note
    with pytest.raises(DataError, match="at least 10 latents"):
        AggregatePosterior.of_points(normal(5, 2, 0), rng())


def test_a_seed_repeats_everything() -> None:
    first, second = (
        gaps(of_prior(300, 2, 0), normal(300, 2, 1), normal(300, 2, 2)) for _ in range(2)
    )
    assert first == second
