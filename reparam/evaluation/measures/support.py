"""Whether decoded images lie where real ones do, and reach all of them: neighbourhood measures."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from sklearn.neighbors import NearestNeighbors

from reparam.evaluation.measures.measured import (
    REPEATS,
    Measured,
    mean_of,
    percentile_interval,
)

Features = Float[np.ndarray, "N d"]
OtherFeatures = Float[np.ndarray, "M d"]
MoreFeatures = Float[np.ndarray, "R d"]

IMAGES = 5000
"""Of a set at most, since time grows with their square."""

UNLIKELY_IMAGES = 10_000
"""Training images at most among which the nearest neighbour is looked for."""

LIKELY = 0.95
"""Share of real images that count as near enough to the training images."""

ROWS = 1000


def precision_recall(
    real: Features,
    fake: OtherFeatures,
    other_real: MoreFeatures | None = None,
    *,
    k: int = 3,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """``precision`` and ``recall`` (Kynkäänniemi et al. 2019, section 2, equations 1 and 2).

    Precision is the share of fakes within a ball of a real image, which reaches to its k-th
    neighbour among real ones; recall the share of real images within a ball of a fake. Real and
    fake are cut to the same number, at most 5,000, in random order, since the balls shrink with
    more images. The intervals are over images, for the balls as they are. ``other_real`` in place
    of the fakes gives the reference.
    """
    real, fake, other = _alike(real, fake, other_real, rng)
    real_radii = _radii(real, k)

    def shares(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        reached = _balls_around(real, of, _radii(of, k)) > 0
        return _balls_around(of, real, real_radii) > 0, reached

    precise, recalled = shares(fake)
    references = (None, None) if other is None else tuple(float(x.mean()) for x in shares(other))
    return {
        "precision": _mean(precise, rng, references[0], k),
        "recall": _mean(recalled, rng, references[1], k),
    }


def density_coverage(
    real: Features,
    fake: OtherFeatures,
    other_real: MoreFeatures | None = None,
    *,
    k: int = 5,
    rng: np.random.Generator,
) -> dict[str, Measured]:
    """``density`` and ``coverage`` (Naeem et al. 2020, section 3, equations 4 and 5).

    Density is the number of real images' balls (to their k-th neighbour) that a fake lies in, over
    k: about 1 for real images, and unlike precision not raised by one far outlier's large ball.
    Coverage is the share of real images with a fake in their ball. Sizes, intervals and reference
    as in `precision_recall`.
    """
    real, fake, other = _alike(real, fake, other_real, rng)
    radii = _radii(real, k)

    def figures(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _balls_around(of, real, radii) / k, _points_within(real, radii, of) > 0

    density, covered = figures(fake)
    references = (None, None) if other is None else tuple(float(x.mean()) for x in figures(other))
    return {
        "density": _mean(density, rng, references[0], k),
        "coverage": _mean(covered, rng, references[1], k),
    }


def unlikely_share(
    train: Features,
    held_out: OtherFeatures,
    fake: MoreFeatures,
    *,
    rng: np.random.Generator,
) -> Measured:
    """Share of fakes that are further from the training images than 95 % of real ones are.

    The distance is that to the nearest of at most 10,000 training images, in features; its 95 %
    quantile over held-out images is the limit. The reference is 5 % by construction. The interval
    is a bootstrap over both, held-out images and fakes.
    """
    among = NearestNeighbors(n_neighbors=1, algorithm="brute")
    among.fit(_at_most(train, UNLIKELY_IMAGES, rng))
    (real,), (far,) = (among.kneighbors(x)[0].T for x in (held_out, fake))

    def share(real: np.ndarray, far: np.ndarray) -> float:
        return float((far > np.quantile(real, LIKELY)).mean())

    value = share(real, far)
    replicates = np.array(
        [share(rng.choice(real, len(real)), rng.choice(far, len(far))) for _ in range(REPEATS)]
    )
    low, high = percentile_interval(replicates)
    return Measured(
        value,
        low,
        high,
        reference=round(1 - LIKELY, 12),
        samples=len(far),
        note=f"limit from {len(real):,} held-out images",
    )


def _mean(
    values: np.ndarray, rng: np.random.Generator, reference: float | None, k: int
) -> Measured:
    return mean_of(values.astype(np.float64), rng, reference=reference, note=f"k = {k}")


def _radii(x: Features, k: int) -> Float[np.ndarray, " N"]:
    """Squared distance of each row to its k-th neighbour among the others (the last, if fewer)."""
    k = min(k, len(x) - 1)
    found = np.zeros(len(x))
    for rows, squared in _squared_distances(x, x) if k > 0 else ():
        squared[np.arange(len(squared)), np.arange(rows.start, rows.start + len(squared))] = np.inf
        found[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return found


def _balls_around(points: Features, centres: OtherFeatures, radii: np.ndarray) -> np.ndarray:
    """In how many of the balls each point lies (N)."""
    found = np.zeros(len(points), np.int64)
    for rows, squared in _squared_distances(points, centres):
        found[rows] = (squared <= radii).sum(1)
    return found


def _points_within(centres: Features, radii: np.ndarray, points: OtherFeatures) -> np.ndarray:
    """How many of the points each ball holds (N)."""
    found = np.zeros(len(centres), np.int64)
    for rows, squared in _squared_distances(centres, points):
        found[rows] = (squared <= radii[rows, None]).sum(1)
    return found


def _squared_distances(x: Features, y: OtherFeatures) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows of the matrix of squared distances, some at a time: float64, against cancellation."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    norms = np.square(y).sum(1)
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        squared = x[rows] @ y.T
        squared *= -2
        squared += norms
        squared += np.square(x[rows]).sum(1)[:, None]
        yield rows, squared.clip(0, out=squared)


def _alike(
    real: Features, fake: OtherFeatures, other: MoreFeatures | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """All of one size."""
    n = min(IMAGES, len(real), len(fake), IMAGES if other is None else len(other))
    cut = None if other is None else _at_most(other, n, rng)
    return _at_most(real, n, rng), _at_most(fake, n, rng), cut


def _at_most(x: Features, n: int, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    return x if len(x) <= n else x[rng.choice(len(x), n, replace=False)]
