"""Figures of a code from counts: how often each bin of a dimension meets each value of a factor."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its stats when they are first used: they take half a second
from jaxtyping import Bool, Float, Int
from scipy.special import entr

from reparam.evaluation.measures.measured import LEVEL, Measured, absent

BINS = 20
"""Of equal width over the range of a dimension or a continuous factor (Locatello et al. 2019)."""

PERMUTATIONS = 20
HALVES = 20

TINY = 1e-12

Matrix = Float[np.ndarray, "d F"]
Vector = Float[np.ndarray, " F"]


@dataclass(frozen=True)
class Columns:
    """Latent dimensions or factors of n images: their values in [0, 1], and these as categories.

    ``kinds``: which of the columns are categorical, of which ``categories`` are the values, and
    else the bins. ``sizes``: how many categories each column has.
    """

    values: Float[np.ndarray, "n c"]
    categories: Int[np.ndarray, "n c"]
    kinds: Bool[np.ndarray, " c"]
    sizes: Int[np.ndarray, " c"]

    @classmethod
    def of(cls, values: Float[np.ndarray, "n c"], kinds: Bool[np.ndarray, " c"]) -> "Columns":
        """Of the columns that vary."""
        varied = np.ptp(values, axis=0) > 0
        values, kinds = values[:, varied].astype(np.float64), kinds[varied]
        values = (values - values.min(0)) / np.ptp(values, axis=0)
        categories = np.minimum((values * BINS).astype(np.int64), BINS - 1)
        for i in np.flatnonzero(kinds):
            categories[:, i] = np.unique(values[:, i], return_inverse=True)[1]
        return cls(values, categories, kinds, categories.max(0, initial=0) + 1)

    def rows(self, rows: Int[np.ndarray, " m"]) -> "Columns":
        return Columns(self.values[rows], self.categories[rows], self.kinds, self.sizes)

    @property
    def shape(self) -> tuple[int, int]:
        n, c = self.values.shape
        return n, c


def measured(
    value: float, deviation: float, replicates: int, reference: float, n: int, note: str
) -> Measured:
    """With the interval of Student's t; nothing is above 1, which an adjustment may pass by noise.

    ``deviation``: the standard deviation of a figure over ``replicates`` random halves, which
    estimates its own (the jackknife that deletes half, Shao & Wu 1989).
    """
    half = float(scipy.stats.t.ppf((1 + LEVEL) / 2, replicates - 1)) * deviation
    best = None if math.isnan(reference) else min(reference, 1.0)
    low, high = min(value - half, 1.0), min(value + half, 1.0)
    return Measured(min(value, 1.0), low, high, best, samples=n, note=note)


def half_of(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random half of n images, and the other one."""
    order = rng.permutation(n)
    return order[: n // 2], order[n // 2 :]


@dataclass(frozen=True)
class _Scores:
    """Between each dimension and each factor: mutual information (nats), and how well one predicts
    the other; ``entropy`` of each factor (nats).
    """

    information: Matrix
    prediction: Matrix
    entropy: Vector


def _scores(code: Columns, known: Columns) -> _Scores:
    (n, d), f = code.shape, known.shape[1]
    information, prediction, entropy = np.empty((d, f)), np.empty((d, f)), np.empty(f)
    for j, size in enumerate(known.sizes.tolist()):
        cells = (code.categories + BINS * np.arange(d)) * size + known.categories[:, [j]]
        table = np.bincount(cells.ravel(), minlength=d * BINS * size).reshape(d, BINS, size) / n
        shares = table[0].sum(0)
        entropy[j] = _entropy(shares, n)
        information[:, j] = entropy[j] + _entropy(table.sum(2), n)
        information[:, j] -= _entropy(table.reshape(d, -1), n)
        if known.kinds[j]:
            present = shares > 0
            prediction[:, j] = (table[:, :, present] / shares[present]).max(2).sum(1)
            prediction[:, j] /= present.sum()
        else:
            prediction[:, j] = _squared_correlation(code.values, known.values[:, j])
    return _Scores(information, prediction, entropy)


def _entropy(shares: Float[np.ndarray, "*rows k"], n: int) -> Float[np.ndarray, "*rows"]:
    """In nats, of shares among n, with the correction of Miller (1955) for its bias: half of the
    cells that are not empty, less one, over n.
    """
    return np.asarray(entr(shares).sum(-1) + (np.count_nonzero(shares, -1) - 1) / (2 * n))


def _squared_correlation(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " d"]:
    x, y = x - x.mean(0), y - y.mean()
    scale = np.square(x).sum(0) * np.square(y).sum()
    return np.square(y @ x) / np.maximum(scale, np.finfo(float).tiny)


def figures_of_tables(
    code: Columns, known: Columns, ideal: Columns, rng: np.random.Generator
) -> dict[str, Measured]:
    """``mig``, ``sap`` and ``modularity``, as `disentanglement` says; ``ideal``: the code that the
    references are of.
    """
    n = len(code.values)
    figures, again = _figures(code, known, rng)
    best, _ = _figures(ideal, known, rng)
    halves = [again(half_of(n, rng)[0]) for _ in range(HALVES)]
    note = f"{BINS} bins, {n:,} images, {known.shape[1]} factors"
    found = {}
    for name, value in figures.items():
        if math.isnan(value):
            found[name] = absent("no latent dimension has information on a factor")
            continue
        deviation = float(np.std([half[name] for half in halves], ddof=1))
        found[name] = measured(value, deviation, HALVES, best[name], n, note)
    return found


def _figures(
    code: Columns, known: Columns, rng: np.random.Generator
) -> tuple[dict[str, float], Callable[[np.ndarray], dict[str, float]]]:
    """MIG, SAP and modularity, and a function for those of some rows, with the same adjustments."""
    n = len(code.values)
    whole = _scores(code, known)
    chance = [_scores(code, known.rows(rng.permutation(n))) for _ in range(PERMUTATIONS)]
    information = np.mean([each.information for each in chance], 0)
    most_information = np.maximum(whole.entropy - information, TINY)
    prediction = np.mean([each.prediction for each in chance], 0)
    best_prediction = np.maximum(1 - prediction, TINY)

    def shares(scores: _Scores) -> Matrix:
        return (scores.information - information) / most_information

    def predictions(scores: _Scores) -> Matrix:
        return (scores.prediction - prediction) / best_prediction

    by_chance = [shares(each) for each in chance]
    gap = np.mean([_gap(each) for each in by_chance])
    gap_predicted = np.mean([_gap(predictions(each)) for each in chance])
    informative = shares(whole).max(1) > np.max(by_chance)

    def figures(scores: _Scores) -> dict[str, float]:
        nats = np.maximum(shares(scores), 0) * whole.entropy
        return {
            "mig": float((_gap(shares(scores)) - gap) / (1 - gap)),
            "sap": float((_gap(predictions(scores)) - gap_predicted) / (1 - gap_predicted)),
            "modularity": _modularity(nats[informative]),
        }

    return figures(whole), lambda rows: figures(_scores(code.rows(rows), known.rows(rows)))


def _gap(scores: Matrix) -> float:
    """Mean over factors of the best dimension's score over the second best's, or over 0."""
    ordered = np.sort(scores, 0)
    second = ordered[-2] if len(ordered) > 1 else np.zeros(scores.shape[1])
    return float((ordered[-1] - second).mean())


def _modularity(information: Matrix) -> float:
    """Mean over dimensions of 1 − Σ over other factors m² / (θ² (F − 1)), θ the largest m."""
    if not len(information):
        return math.nan
    relative = np.square(information / np.maximum(information.max(1, keepdims=True), TINY))
    return float(1 - ((relative.sum(1) - 1) / max(information.shape[1] - 1, 1)).mean())
