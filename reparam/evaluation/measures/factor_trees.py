"""Figures of a code from trees that predict each factor: Eastwood & Williams 2018."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import entr

from reparam.evaluation.measures.factor_tables import Columns, half_of, measured
from reparam.evaluation.measures.measured import Measured

NAMES = ("disentanglement", "completeness", "informativeness")

FITS, PERMUTED_FITS, IDEAL_FITS = 10, 5, 2
"""Halves to which trees are fitted; how many of them once more with permuted factors; and how many
for the references."""

TREES, LEAF = 20, 5
"""How many in a forest, and the fewest images of a leaf."""


def figures_of_trees(
    code: Columns, known: Columns, ideal: Columns, rng: np.random.Generator
) -> dict[str, Measured]:
    """``disentanglement``, ``completeness`` and ``informativeness``, as `disentanglement` says;
    ``ideal``: the code that the references are of.
    """
    n = len(code.values)
    halves = [half_of(n, rng) for _ in range(FITS)]
    figures = np.array([_of_fit(code, known, *half, rng) for half in halves])
    adjusted, deviations = _adjusted(code, known, figures, halves, rng)
    best = np.array([_of_fit(ideal, known, *half, rng) for half in halves[:IDEAL_FITS]])
    ideals, _ = _adjusted(ideal, known, best, halves[:IDEAL_FITS], rng)
    note = f"{TREES} trees for each factor, fitted to {n // 2:,} images, tried on as many others"
    found = {}
    for name, value, deviation, reference in zip(
        NAMES, adjusted.tolist(), deviations.tolist(), ideals.tolist(), strict=True
    ):
        found[name] = measured(value, deviation, FITS, reference, n, note)
    return found


def _adjusted(
    code: Columns,
    known: Columns,
    figures: Float[np.ndarray, "fits 3"],
    halves: Sequence[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Means over fits, adjusted for chance, and their deviations. Informativeness, which is of
    other images than those fitted to, has no chance level but 0.
    """
    permuted = np.array(
        [
            _of_fit(code, known.rows(rng.permutation(len(known.values))), *half, rng)
            for half in halves[:PERMUTED_FITS]
        ]
    )
    permuted[:, 2] = 0
    chance = permuted.mean(0)
    variance = figures.var(0, ddof=1) + permuted.var(0, ddof=1) / len(permuted)
    rest = np.maximum(1 - chance, 1e-12)
    return (figures.mean(0) - chance) / rest, np.sqrt(variance) / rest


def _of_fit(
    code: Columns,
    known: Columns,
    train: np.ndarray,
    test: np.ndarray,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness of one fit, not adjusted."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor  # takes a second

    d, f = code.shape[1], known.shape[1]
    importance, informativeness = np.empty((d, f)), np.empty(f)
    for j, is_category in enumerate(known.kinds):
        forest = (ExtraTreesClassifier if is_category else ExtraTreesRegressor)(
            TREES, max_features=1.0, min_samples_leaf=LEAF, random_state=int(rng.integers(2**31))
        )
        target = known.categories[:, j] if is_category else known.values[:, j]
        forest.fit(code.values[train], target[train])
        importance[:, j] = forest.feature_importances_
        predicted, true = forest.predict(code.values[test]), target[test]
        if is_category:
            error = (predicted != true).mean()
            of_constant = 1 - np.bincount(true).max() / len(true)
        else:
            error, of_constant = np.square(predicted - true).mean(), true.var()
        informativeness[j] = max(0.0, 1 - error / of_constant) if of_constant > 0 else 0.0
    of_dimensions = importance.sum(1)
    weights = of_dimensions / max(of_dimensions.sum(), 1e-12)
    disentangled = weights @ _concentration(importance)
    return float(disentangled), float(_concentration(importance.T).mean()), informativeness.mean()


def _concentration(importance: Float[np.ndarray, "r k"]) -> Float[np.ndarray, " r"]:
    """1 − the entropy of each row's shares / ln k: 1 where all is in one column, 0 where it is even
    or there is nothing.
    """
    k = importance.shape[1]
    total = importance.sum(1, keepdims=True)
    shares = np.where(total > 0, importance / np.maximum(total, 1e-300), 1 / k)
    return 1 - entr(shares).sum(1) / math.log(max(k, 2))
