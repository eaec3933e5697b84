"""Whether decoded images lie where real ones do, and reach all of them: neighbourhood measures.

The references are what fresh real images would score in place of the decoded ones. They follow from
exchangeability, or from the real images at hand with one left out at a time: no second set of real
images is needed, and none that a network has been trained on.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from reparam.evaluation.measures.measured import LEVEL, Measured, at_most, mean_of, share_of
from reparam.evaluation.measures.quantile_share import share_beyond

Features = Float[np.ndarray, "N d"]
OtherFeatures = Float[np.ndarray, "M d"]
MoreFeatures = Float[np.ndarray, "R d"]

IMAGES = 5000
"""Of a set at most, since time grows with their square."""

UNLIKELY_IMAGES = 10_000
"""Training images at most among which the nearest neighbour is looked for."""

LIKELY = 0.95
"""Share of real images that count as near enough to the training images."""

ROWS = 128
"""Of distances at a time: with 5,000 columns they stay in the processor's cache."""


def precision_recall(
    real: Features,
    fake: OtherFeatures,
    *,
    k: int = 3,
    rng: np.random.Generator,
    note: str = "",
) -> dict[str, Measured]:
    """``precision`` and ``recall`` (Kynkäänniemi et al. 2019, section 2, equations 1 and 2).

    Precision is the share of fakes within a ball of a real image, which reaches to its k-th
    neighbour among real ones; recall the share of real images within a ball of a fake. Real and
    fake are cut to the same number, at most 5,000, in random order, since the balls shrink with
    more images. The intervals are Wilson's, over images, for the balls as they are. The reference
    of both is the share of real images within a ball of the others, whose radii ignore it.
    """
    real, fake = _alike(real, fake, rng)
    real_radii = ball_radii(real, k)
    reference = _among_nearest(real, real_radii)
    precise = balls_around(fake, real, real_radii) > 0
    recalled = balls_around(real, fake, ball_radii(fake, k)) > 0
    note = "; ".join(filter(None, [note, f"k = {k}", f"{len(real):,} of each"]))
    return {
        "precision": share_of(precise, reference=reference, note=note),
        "recall": share_of(recalled, reference=reference, note=note),
    }


def density_coverage(
    real: Features, fake: OtherFeatures, *, k: int = 5, rng: np.random.Generator
) -> dict[str, Measured]:
    """``density`` and ``coverage`` (Naeem et al. 2020, section 3, equations 4 and 5).

    Density is the number of real images' balls (to their k-th neighbour) that a fake lies in, over
    k: 1 for real images, and unlike precision not raised by one far outlier's large ball. Coverage
    is the share of real images with a fake in their ball. Sizes and intervals as in
    `precision_recall`. The references are exact (section 3.2, lemma 2): a fresh real image is as
    likely as any other to be among the k nearest, so it lies in k of n balls on average, and a ball
    holds none of n fresh ones with probability (n−1)…(n−k) / (2n−1)…(2n−k). Where images repeat,
    h > k lie within a ball, on its edge: density's reference is the mean h over k, and coverage's
    has each ball's own h in place of k, which is then approximate.
    """
    real, fake = _alike(real, fake, rng)
    n, radii = len(real), ball_radii(real, k)
    held = _held(real, radii)
    nearest = np.arange(1, n)
    missed = np.cumprod([1.0, *((n - nearest) / (2 * n - nearest))])  # by how many a ball holds
    covered_by_real = 1 - float(missed[np.maximum(held, min(k, n - 1))].mean())
    within = balls_around(fake, real, radii) / k
    note = f"k = {k}; {len(real):,} of each"
    return {
        "density": mean_of(within, reference=float(held.mean()) / k, note=note),
        "coverage": share_of(
            _points_within(real, radii, fake) > 0, reference=covered_by_real, note=note
        ),
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
    quantile over held-out images is the limit. The reference is what fresh real images would score
    on average, about 5 %; the p-value is exact, and the interval is over held-out images and fakes,
    for the training images as they are (`share_beyond`).
    """
    from sklearn.neighbors import NearestNeighbors  # takes half a second

    among = NearestNeighbors(n_neighbors=1, algorithm="brute")
    among.fit(at_most(UNLIKELY_IMAGES, train, rng))
    (real,), (far,) = (among.kneighbors(x)[0].T for x in (held_out, fake))
    found = share_beyond(real, far, 1 - LIKELY, rng)
    # The limit of all real images may lie beyond every one of these.
    few = LIKELY ** len(real) > (1 - LEVEL) / 2
    return Measured(
        found.share,
        0.0 if few else found.low,
        found.high,
        found.expected,
        found.p_value,
        len(far),
        f"limit from {len(real):,} held-out images"
        + ", too few for a lower end of the interval" * few,
    )


def ball_radii(x: Features, k: int) -> Float[np.ndarray, " N"]:
    """Squared distance of each row to its k-th neighbour among the others (the last, if fewer)."""
    k = min(k, len(x) - 1)
    found = np.zeros(len(x))
    for rows, squared in _squared_distances(x, x) if k > 0 else ():
        squared[np.arange(len(squared)), np.arange(rows.start, rows.start + len(squared))] = np.inf
        found[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return found


def _among_nearest(x: Features, radii: np.ndarray) -> float:
    """Share of rows that are among the k nearest of another row, from `ball_radii`.

    That is the share within a ball of the others, whose radii are taken without that row.
    """
    reached = radii * (1 + 1e-9)  # the k-th neighbour itself, whose distance may round otherwise
    return float((balls_around(x, x, reached) > 1).mean())  # in its own ball, and in another


def _held(x: Features, radii: np.ndarray) -> Int[np.ndarray, " N"]:
    """How many other rows each row's ball holds: k, and more where rows are equal."""
    reached = radii * (1 + 1e-9)  # as above
    return _points_within(x, reached, x) - 1  # each is in its own


def balls_around(points: Features, centres: OtherFeatures, radii: np.ndarray) -> np.ndarray:
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
    real: Features, fake: OtherFeatures, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Both of one size."""
    n = min(IMAGES, len(real), len(fake))
    return at_most(n, real, rng), at_most(n, fake, rng)
