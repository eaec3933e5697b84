"""Intervals hold what their rows name, and tests reject as often as they say: a quick part of
benchmarks/calibration.py, with truths that have a formula."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from calibration import ANYWHERE, Found, cell_text, hole, hole_table, table
from scipy.stats import binom, chi2

from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.moments import gaussian_kl, off_centre
from reparam.evaluation.measures.prior_match import mmd, sliced_wasserstein
from reparam.evaluation.measures.symmetry import asymmetry
from reparam.model import StandardNormal

N = 300
REPEATS = 30
FEWEST = int(binom.ppf(1e-3, REPEATS, 0.93))
"""Intervals that hold the truth: fewer come once in a thousand times at a coverage of 93 %."""

Measure = Callable[[np.ndarray, np.ndarray, np.random.Generator], Measured]
Truth = Callable[[int, float, float], float]

ROWS: dict[str, tuple[Measure, Truth]] = {
    # of latents N(μ e₁, s² I) and draws of N(0, I): the measure, and its truth from d, μ, s
    "centre": (lambda z, y, rng: off_centre(z), lambda d, mu, s: mu**2 / d),
    "gaussian_kl": (
        lambda z, y, rng: gaussian_kl(z, rng),
        lambda d, mu, s: 0.5 * (s**2 - 1 - 2 * math.log(s)) + 0.5 * mu**2 / d,
    ),
    "sliced_wasserstein": (
        sliced_wasserstein,
        lambda d, mu, s: math.sqrt(mu**2 / d + (1 - s) ** 2),
    ),
    "fid": (
        lambda z, y, rng: frechet_distance(y, z, rng=rng),
        lambda d, mu, s: mu**2 + d * (1 - s) ** 2,
    ),
}
NULLS: dict[str, Measure] = {
    "asymmetry": lambda z, y, rng: asymmetry(z, rng),
    "mmd": lambda z, y, rng: mmd(z, y, rng, permutations=99),
    "kid": lambda z, y, rng: kernel_distance(y, z, rng=rng),
}


def held(measure: Measure, truth: float, d: int, mu: float, s: float) -> int:
    """How many of 30 intervals hold the truth."""
    found = 0
    for i in range(REPEATS):
        rng = np.random.default_rng([i, d])
        z = s * rng.standard_normal((N, d)) + mu * np.eye(1, d)
        y = rng.standard_normal((N, d))
        m = measure(z.astype(np.float32), y.astype(np.float32), rng)
        assert m.low is not None
        assert m.high is not None
        assert m.low <= m.high
        found += m.low - 1e-9 <= truth <= m.high + 1e-9
    return found


@pytest.mark.parametrize(("mu", "s"), [(0.0, 1.0), (0.3, 1.0), (0.0, 0.8)])
@pytest.mark.parametrize("d", [2, 16])
@pytest.mark.parametrize("name", ROWS)
def test_intervals_hold_the_truth(name: str, d: int, mu: float, s: float) -> None:
    """The intervals of biased statistics, about their own means, held it in no case at d = 16."""
    measure, truth = ROWS[name]
    assert held(measure, truth(d, mu, s), d, mu, s) >= FEWEST


@pytest.mark.parametrize("d", [2, 16])
@pytest.mark.parametrize("name", NULLS)
def test_intervals_hold_zero_where_nothing_differs(name: str, d: int) -> None:
    assert held(NULLS[name], 0.0, d, 0.0, 1.0) >= FEWEST


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("quantile", [0.0, 0.8])
def test_a_hole_of_five_percent_is_found_wherever_it_lies(d: int, quantile: float) -> None:
    """Ranked by ln q(z) alone a hole at the centre, where q is largest, is never seen."""
    centre = np.eye(1, d)[0] * math.sqrt(chi2.ppf(quantile, d))
    found = []
    for i in range(2):
        rng = np.random.default_rng([i, d])
        train, z = (hole(rng.standard_normal((k, d)), rng, 0.05, centre) for k in (4000, 1000))
        density = AggregatePosterior.of_points(train.astype(np.float32), rng)
        draws = rng.standard_normal((2000, d))
        found.append(prior_gaps(density, StandardNormal(d), z.astype(np.float32), draws, rng))
    assert all(m.p_value is not None and m.p_value < 0.05 for m in found)
    assert np.mean([m.value or 0.0 for m in found]) == pytest.approx(0.05, rel=0.3)


def test_the_table_has_a_row_for_each_measure_and_a_cell_for_each_scenario() -> None:
    found = {
        "mmd|null|2|1000|40": Found(40, 0.0, 0.001, 0.05, 0.95),
        "mmd|hole 5 %|2|1000|40": Found(40, 0.01, 0.01, 0.9, None),
        f"{ANYWHERE}||2|1000|40": Found(40, 0.05, 0.047, 1.0, 0.9),
    }
    assert table(found)[2] == "| mmd | 2 | 1,000 | 95 / 5 |  |  |  | – / 90 |  |  |"
    assert hole_table(found)[-1] == "| 2 | 100 | 0.047 | 90 |"
    assert hole_table({"mmd|null|2|1000|40": Found(40, 0.0, 0.001, 0.05, 0.95)}) == []
    assert cell_text(Found(3, 0.0, 0.0, None, 1.0)) == "100 / –"
