"""How often tests reject and intervals hold what they name, where the truth is known.

    python benchmarks/calibration.py --quick                    # minutes
    python benchmarks/calibration.py --write                    # hours, into RESULTS.md
    python benchmarks/calibration.py --measures mmd --n 1000    # some of it

The prior is N(0, I). Latents are it (null), it shifted by 0.3 in one dimension, scaled by 0.9, with
an empty ball that held 2, 5 or 10 % of its mass, or without one of ten classes (sectors of the
plane). Of every measure: the share of repeats whose p-value is at most 0.05, and the share whose
interval holds the truth, which is computed from the distributions or from a very large sample.
Measures that are conditional on something fitted (a density, a classifier, real images) keep it
fixed over the repeats of a cell, as their intervals do. Finished cells are kept in --cache.
"""

import argparse
import json
import math
import os
import shlex
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from machine import describe
from results import write_section
from scipy.stats import chi2, ncx2

from reparam.evaluation.measures import fidelity, moments, prior_match, support, symmetry
from reparam.evaluation.measures.classes import UNEVENNESS, class_balance
from reparam.evaluation.measures.gaps import AggregatePosterior, prior_gaps
from reparam.evaluation.measures.kernel import SCALES
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.roc import auc
from reparam.evaluation.measures.two_sample_classifier import stacked_classifier
from reparam.model import StandardNormal

Points = np.ndarray
Run = Callable[[np.random.Generator], Measured]

DIMENSIONS = (2, 5, 10, 32)
SIZES = (1000, 5000)
TRAINING = 4000
"""Points that a density is fitted to, and training images."""
MANY = 400_000
"""Points behind a truth that has no formula."""
MOST_GAPS = 10
"""Dimensions in which `prior_gaps` is defined."""
RADIUS = 0.5
"""Quantile of the radius at which a hole off the centre lies, in a coordinate direction."""


def hole_radius(d: int, mass: float, at: float) -> float:
    """Of a ball whose centre is ``at`` from the origin and that holds ``mass`` of N(0, I)."""
    return math.sqrt(ncx2.ppf(mass, d, at**2) if at else chi2.ppf(mass, d))


def emptied(z: Points, rng: np.random.Generator, inside: Callable[[Points], np.ndarray]) -> Points:
    """The draws, of which those in the region are drawn again until none is."""
    z = z.copy()
    while (wrong := inside(z)).any():
        z[wrong] = rng.standard_normal((int(wrong.sum()), z.shape[1]))
    return z


def hole(z: Points, rng: np.random.Generator, mass: float, centre: Points | None = None) -> Points:
    d = z.shape[1]
    if centre is None:
        centre = np.eye(1, d)[0] * math.sqrt(chi2.ppf(RADIUS, d))
    radius = hole_radius(d, mass, float(np.linalg.norm(centre)))
    return emptied(z, rng, lambda x: np.linalg.norm(x - centre, axis=1) < radius)


def without_class(z: Points, rng: np.random.Generator) -> Points:
    return emptied(z, rng, lambda x: np.abs(np.arctan2(x[:, 1], x[:, 0])) < np.pi / 10)


SCENARIOS: Mapping[str, Callable[[Points, np.random.Generator], Points]] = {
    "null": lambda z, rng: z,
    "shift 0.3": lambda z, rng: z + 0.3 * np.eye(1, z.shape[1]),
    "scale 0.9": lambda z, rng: 0.9 * z,
    "hole 2 %": partial(hole, mass=0.02),
    "hole 5 %": partial(hole, mass=0.05),
    "hole 10 %": partial(hole, mass=0.1),
    "class missing": without_class,
}
"""What turns draws of the prior into latents, so that the two can be compared in pairs."""


def draw(scenario: str, n: int, d: int, rng: np.random.Generator) -> Points:
    return SCENARIOS[scenario](rng.standard_normal((n, d)), rng)


# Truths


def paired_kernel(a: Points, b: Points) -> np.ndarray:
    """The inverse multiquadratic kernel of row i of one and row i of the other."""
    squared = np.square(a - b).sum(1)
    constants = 2 * a.shape[1] * np.array(SCALES)
    return (constants / (constants + squared[:, None])).sum(1)


def cubic(a: Points, b: Points) -> np.ndarray:
    return ((a * b).sum(1) / a.shape[1] + 1) ** 3


def squared_mmd(
    kernel: Callable[[Points, Points], np.ndarray], x: Points, y: Points, turns: int = 5
) -> float:
    """Over pairs of pairs of x and y that were drawn together: most of the noise cancels."""
    found = []
    for turn in range(1, turns + 1):
        other_x, other_y = np.roll(x, turn, 0), np.roll(y, turn, 0)
        across = kernel(x, other_y) + kernel(y, other_x)
        found.append((kernel(x, other_x) + kernel(y, other_y) - across).mean())
    return float(np.mean(found))


def squared_asymmetry(x: Points, y: Points) -> float:
    """MMD² between {x} and {−x}, less that of the symmetric y: 0, but for the same noise."""
    return squared_mmd(paired_kernel, x, -x, 40) - squared_mmd(paired_kernel, y, -y, 40)


def transport(x: Points, y: Points, rng: np.random.Generator) -> float:
    d = x.shape[1]
    turns = np.concatenate(
        [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(64 // d)], 1
    )
    costs = [np.square(np.sort(x @ a) - np.sort(y @ a)).mean() for a in turns.T]
    return math.sqrt(np.mean(costs))


def gaussian_divergence(x: Points) -> float:
    d = x.shape[1]
    mean, covariance = x.mean(0), np.cov(x.T)
    log_det = np.linalg.slogdet(covariance)[1]
    return float(0.5 * (np.trace(covariance) + mean @ mean - d - log_det) / d)


def frechet(x: Points) -> float:
    d = x.shape[1]
    return fidelity.gaussian_distance((np.zeros(d), np.eye(d)), fidelity.moments(x))


# Measures: what is run in every repeat, and what its interval should hold


Cell = tuple[float, Run]


def of_latents(
    truth: Callable[[Points, Points, np.random.Generator], float],
    measure: Callable[[Points, Points, np.random.Generator], Measured],
) -> Callable[[str, int, int, np.random.Generator], Cell]:
    """A measure of latents and as many draws of the prior, without anything fitted before."""

    def cell(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
        y = rng.standard_normal((MANY, d))
        value = truth(SCENARIOS[scenario](y, rng), y, rng)

        def run(rng: np.random.Generator) -> Measured:
            z = draw(scenario, n, d, rng).astype(np.float32)
            return measure(z, rng.standard_normal((n, d)).astype(np.float32), rng)

        return value, run

    return cell


def gaps(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    density = AggregatePosterior.of_points(draw(scenario, TRAINING, d, rng).astype(np.float32), rng)
    prior = StandardNormal(d)

    def emptiness(z: Points) -> np.ndarray:
        return -0.5 * np.square(z).sum(1) - density.log_density(z)

    limit = np.quantile(emptiness(draw(scenario, MANY, d, rng)), 0.99)
    mass = float((emptiness(rng.standard_normal((MANY, d))) > limit).mean())

    def run(rng: np.random.Generator) -> Measured:
        z = draw(scenario, n, d, rng).astype(np.float32)
        return prior_gaps(density, prior, z, rng.standard_normal((5000, d)), rng)

    return mass - 0.01, run


def classifier(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    """One classifier, trained as `classifier_two_sample` trains, scored on other halves."""
    half = n // 2
    rows = np.concatenate([draw(scenario, half, d, rng), rng.standard_normal((half, d))])
    fitted = stacked_classifier(0).fit(rows, np.repeat([1, 0], half))

    def scores(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        of, prior = draw(scenario, count, d, rng), rng.standard_normal((count, d))
        return fitted.decision_function(of), fitted.decision_function(prior)

    def run(rng: np.random.Generator) -> Measured:
        value, low, high = auc(*scores(half, rng))
        return Measured(value, low, high)

    return auc(*scores(MANY // 10, rng))[0], run


def classifier_test(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    def run(rng: np.random.Generator) -> Measured:
        z, draws = draw(scenario, n, d, rng), rng.standard_normal((n, d))
        found = prior_match.classifier_two_sample(z.astype("f4"), draws.astype("f4"), rng)
        return Measured(found.value, p_value=found.p_value)

    return math.nan, run


def precision(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    """For the balls of the real images as they are."""
    real = rng.standard_normal((n, d))
    radii = support.ball_radii(real, 3)
    truth = (support.balls_around(draw(scenario, MANY // 2, d, rng), real, radii) > 0).mean()

    def run(rng: np.random.Generator) -> Measured:
        fake = draw(scenario, n, d, rng)
        return support.precision_recall(real, fake, rng=rng)["precision"]

    return float(truth), run


def recall(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    """For the balls of the fakes as they are."""
    fake = draw(scenario, n, d, rng)
    radii = support.ball_radii(fake, 3)
    truth = (support.balls_around(rng.standard_normal((MANY // 2, d)), fake, radii) > 0).mean()

    def run(rng: np.random.Generator) -> Measured:
        return support.precision_recall(rng.standard_normal((n, d)), fake, rng=rng)["recall"]

    return float(truth), run


def unlikely(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
    """For the training images as they are."""
    train = rng.standard_normal((TRAINING, d))
    real, fake = rng.standard_normal((MANY, d)), draw(scenario, MANY, d, rng)
    truth = support.unlikely_share(train, real, fake, rng=rng).value

    def run(rng: np.random.Generator) -> Measured:
        real, fake = rng.standard_normal((n, d)), draw(scenario, n, d, rng)
        return support.unlikely_share(train, real, fake, rng=rng)

    return float(truth or 0.0), run


CLASSES = 10


def where_equal(scenario: str, shares: np.ndarray) -> np.ndarray:
    """Shares of many draws, equal where they are by symmetry: what is left of chance in them would
    make each figure of unevenness too high.
    """
    mirrored = (shares + shares[-np.arange(CLASSES) % CLASSES]) / 2
    alike = {"null": range(CLASSES), "scale 0.9": range(CLASSES), "class missing": range(1, 10)}
    away = {"hole 2 %": range(1, 10), "hole 5 %": range(2, 9), "hole 10 %": range(2, 9)}
    rows = list((alike | away).get(scenario, ()))
    if rows:
        mirrored[rows] = mirrored[rows].mean()
    return mirrored


def class_figure(name: str) -> Callable[[str, int, int, np.random.Generator], Cell]:
    """Of the sectors of the first plane, as many as `without_class` has, in n draws."""

    def sectors(z: Points) -> np.ndarray:
        angle = np.arctan2(z[:, 1], z[:, 0]) / (2 * np.pi) + 0.5 / CLASSES
        return np.floor(CLASSES * (angle % 1)).astype(int)

    def cell(scenario: str, d: int, n: int, rng: np.random.Generator) -> Cell:
        even = np.full(CLASSES, 1 / CLASSES)
        drawn = np.bincount(sectors(draw(scenario, 5 * MANY, d, rng)), minlength=CLASSES)
        shares = where_equal(scenario, drawn / drawn.sum())
        truth = float(UNEVENNESS[name].figure(shares, even))

        def run(rng: np.random.Generator) -> Measured:
            return class_balance(sectors(draw(scenario, n, d, rng)), even, rng=rng)[name]

        return truth, run

    return cell


MEASURES: Mapping[str, Callable[[str, int, int, np.random.Generator], Cell]] = {
    "centre": of_latents(
        lambda x, y, rng: float(
            (x.mean(0) @ x.mean(0) - np.trace(np.cov(x.T)) / len(x)) / x.shape[1]
        ),
        lambda z, draws, rng: moments.off_centre(z),
    ),
    "gaussian_kl": of_latents(
        lambda x, y, rng: gaussian_divergence(x),
        lambda z, draws, rng: moments.gaussian_kl(z, rng),
    ),
    "radius_99": of_latents(
        lambda x, y, rng: float(
            np.quantile(np.linalg.norm(x, axis=1), 0.99) / math.sqrt(chi2.ppf(0.99, x.shape[1]))
        ),
        lambda z, draws, rng: moments.radius_99(z, rng),
    ),
    "asymmetry": of_latents(
        lambda x, y, rng: squared_asymmetry(x, y),
        lambda z, draws, rng: symmetry.asymmetry(z, rng),
    ),
    "sliced_wasserstein": of_latents(transport, prior_match.sliced_wasserstein),
    "mmd": of_latents(lambda x, y, rng: squared_mmd(paired_kernel, x, y), prior_match.mmd),
    "auc": classifier,
    "auc, its test": classifier_test,
    "prior_gaps": gaps,
    "fid": of_latents(
        lambda x, y, rng: frechet(x),
        lambda z, draws, rng: fidelity.frechet_distance(draws, z, rng=rng),
    ),
    "kid": of_latents(
        lambda x, y, rng: squared_mmd(cubic, x, y),
        lambda z, draws, rng: fidelity.kernel_distance(draws, z, rng=rng),
    ),
    "precision": precision,
    "recall": recall,
    "unlikely_share": unlikely,
    **{name: class_figure(name) for name in UNEVENNESS},
}


@dataclass(frozen=True)
class Found:
    """Of one cell. ``rejected`` is None without a p-value, ``held`` without an interval."""

    repeats: int
    truth: float
    mean: float
    rejected: float | None
    held: float | None


def one_cell(measure: str, scenario: str, d: int, n: int, repeats: int) -> Found:
    """Every cell and repeat has random numbers of its own."""
    key = zlib.crc32(f"{measure} {scenario} {d} {n}".encode())
    truth, run = MEASURES[measure](scenario, d, n, np.random.default_rng([key, 0]))
    found = [run(np.random.default_rng([key, 1, i])) for i in range(repeats)]
    rejected = [m.p_value <= 0.05 for m in found if m.p_value is not None]
    held = [
        m.low - 1e-9 <= truth <= m.high + 1e-9
        for m in found
        if m.low is not None and m.high is not None
    ]
    return Found(
        repeats,
        truth,
        float(np.mean([m.value for m in found])),
        float(np.mean(rejected)) if rejected else None,
        float(np.mean(held)) if held else None,
    )


# A hole anywhere


ANYWHERE = "a hole anywhere"


def holes(d: int, n: int, repeats: int, mass: float = 0.05) -> Found:
    """Holes at random places of the central 80 %, each with a density and latents of its own.

    ``held``: how many estimates of the mass are within 30 % of it.
    """
    p_values, masses = [], []
    for i in range(repeats):
        rng = np.random.default_rng([d, n, i])
        direction = rng.standard_normal(d)
        distance = math.sqrt(chi2.ppf(rng.uniform(0, 0.8), d))
        centre = distance * direction / np.linalg.norm(direction)
        train, z = (hole(rng.standard_normal((k, d)), rng, mass, centre) for k in (TRAINING, n))
        density = AggregatePosterior.of_points(train.astype(np.float32), rng)
        draws = rng.standard_normal((5000, d))
        measured = prior_gaps(density, StandardNormal(d), z.astype(np.float32), draws, rng)
        p_values.append(float(measured.p_value or 0.0))
        masses.append(float(measured.value or 0.0))
    near = np.abs(np.array(masses) - mass) <= 0.3 * mass
    rejected = float((np.array(p_values) <= 0.05).mean())
    return Found(repeats, mass, float(np.mean(masses)), rejected, float(near.mean()))


# The table


def cells(options: argparse.Namespace) -> Iterator[tuple[str, str, int, int]]:
    for measure in options.measures:
        for n in options.n:
            for d in options.d:
                if measure == "prior_gaps" and d > MOST_GAPS:
                    continue
                if measure in UNEVENNESS and d != 2:
                    continue  # the classes lie in a plane, whatever the others
                for scenario in SCENARIOS:
                    yield measure, scenario, d, n


def cell_text(found: Found) -> str:
    parts = (
        "–" if share is None else f"{100 * share:.0f}" for share in (found.held, found.rejected)
    )
    return " / ".join(parts)


def table(found: Mapping[str, Found]) -> list[str]:
    names = list(SCENARIOS)
    lines = [f"| measure | d | n | {' | '.join(names)} |", f"| {' | '.join(['---'] * 10)} |"]
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for key, cell in found.items():
        measure, scenario, d, n, _ = key.split("|")
        if measure != ANYWHERE:
            rows.setdefault((measure, d, n), {})[scenario] = cell_text(cell)
    for (measure, d, n), texts in rows.items():
        cells = " | ".join(texts.get(name, "") for name in names)
        lines.append(f"| {measure} | {d} | {int(n):,} | {cells} |")
    return lines


def hole_table(found: Mapping[str, Found]) -> list[str]:
    """Nothing where no hole was looked for."""
    mine = {key.split("|")[2]: cell for key, cell in found.items() if key.startswith(ANYWHERE)}
    if not mine:
        return []
    lines = [
        "",
        "A hole of 5 % at a random place of the central 80 %, 1,000 held-out latents, a density of "
        f"{TRAINING:,} points:",
        "",
        "| d | found, % | mean estimate of its mass | within 30 %, % of estimates |",
        "| --- | --- | --- | --- |",
    ]
    for d, cell in mine.items():
        found_share, near = (100 * (share or 0.0) for share in (cell.rejected, cell.held))
        lines.append(f"| {d} | {found_share:.0f} | {cell.mean:.3f} | {near:.0f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 repeats, n = 1,000, d = 2 and 10")
    parser.add_argument("--measures", nargs="+", default=list(MEASURES), choices=MEASURES)
    parser.add_argument("--d", nargs="+", type=int, default=DIMENSIONS)
    parser.add_argument("--n", nargs="+", type=int, default=SIZES)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--cache", type=Path, default=Path("runs/calibration.json"))
    parser.add_argument("--section", default="calibration", help="of RESULTS.md")
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.n, options.d = 40, [1000], [2, 10]
    known = json.loads(options.cache.read_text()) if options.cache.exists() else {}
    jobs = {
        f"{measure}|{scenario}|{d}|{n}|{options.repeats}": partial(
            one_cell, measure, scenario, d, n, options.repeats
        )
        for measure, scenario, d, n in cells(options)
    }
    if "prior_gaps" in options.measures:
        jobs |= {
            f"{ANYWHERE}||{d}|1000|{options.repeats}": partial(holes, d, 1000, options.repeats)
            for d in options.d
            if d <= MOST_GAPS
        }
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(options.workers) as pool:
        running = {key: pool.submit(job) for key, job in jobs.items() if key not in known}
        for key in jobs:
            if key in running:
                known[key] = asdict(running[key].result())
                options.cache.parent.mkdir(parents=True, exist_ok=True)
                options.cache.write_text(json.dumps(known, indent=1))
            print(f"{key:45} {Found(**known[key])}", flush=True)
    found = {key: Found(**known[key]) for key in jobs}
    lines = [
        f"{describe()}. {options.repeats} repeats a cell. Each cell: % of 95 % intervals that hold "
        "the truth / % of tests with p ≤ 0.05 (under null the test's size, else its power).",
        "",
        *table(found),
        *hole_table(found),
        "",
        f"`{shlex.join(['python', 'benchmarks/calibration.py', *shown(options)])}`",
    ]
    print("\n".join(lines))
    if options.write:
        write_section(options.section, "\n".join(lines))


def shown(options: argparse.Namespace) -> list[str]:
    """The command's words that say what is in the table."""
    words = []
    if list(options.measures) != list(MEASURES):
        words += ["--measures", *options.measures]
    if list(options.n) != list(SIZES):
        words += ["--n", *map(str, options.n)]
    if options.section != "calibration":
        words += ["--section", options.section]
    return words


if __name__ == "__main__":
    main()
