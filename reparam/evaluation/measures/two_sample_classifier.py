"""The classifier behind the two-sample test: one that sees means, scales, pairs and holes.

No single classifier does: a linear one misses a changed scale, boosted trees a small shift shared
by a hundred dimensions, and both a dependence between two of many dimensions. So four are fitted
and stacked by logistic regression on their out-of-fold scores (Wolpert 1992), which in trials came
within 0.02 of AUC of the best of the four for every planted fault (docs/log.md).
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

MOST_PAIRS = 32
FOLDS = 3

Table = Float[np.ndarray, "N d"]
Features = Float[np.ndarray, "N f"]
Classes = Int[np.ndarray, " N"]


def stacked_classifier(seed: int) -> StackingClassifier:
    """An unfitted classifier of two samples given as rows, of classes 0 and 1."""
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    scale = make_pipeline(
        StandardScaler(), FunctionTransformer(_squares), LogisticRegression(C=0.001)
    )
    sparse = make_pipeline(StandardScaler(), Screen(singles=True), LogisticRegression(C=0.1))
    boosted = make_pipeline(
        StandardScaler(),
        Screen(singles=False),
        HistGradientBoostingClassifier(
            max_iter=200,
            max_leaf_nodes=15,
            early_stopping=True,
            validation_fraction=0.2,
            random_state=seed,
        ),
    )
    return StackingClassifier(
        [("linear", linear), ("scale", scale), ("sparse", sparse), ("boosted", boosted)],
        final_estimator=LogisticRegression(),
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        stack_method="decision_function",
    )


class Screen(TransformerMixin, BaseEstimator):
    """Keeps the functions of one and of two dimensions whose means differ between the classes.

    Each dimension, standardised, gives two bounded functions, the Legendre polynomials P1 and P2 of
    2Φ(x) − 1; they and their products over pairs of dimensions are ranked by the t statistic on the
    training rows (sure independence screening, Fan & Lv 2008), and those above √(2 ln count), which
    noise hardly reaches, are kept, at least one and at most 32 pairs. ``singles=True`` returns what
    was kept; ``singles=False`` all dimensions, ‖x‖² and the kept pairs.
    """

    def __init__(self, singles: bool) -> None:
        self.singles = singles

    def fit(self, x: Table, y: Classes) -> "Screen":
        d = x.shape[1]
        functions = _legendre(x)
        t = np.abs(_t_statistics(functions, y))
        self.kept_ = np.nonzero(t >= min(_noise(len(t)), t.max()))[0]
        first, second = np.triu_indices(2 * d, 1)
        joint = first % d != second % d
        first, second = first[joint], second[joint]
        self.pairs_ = np.zeros((0, 2), int)
        if len(first):
            t = np.abs(_pair_t_statistics(functions, y))[first, second]
            order = np.argsort(-t)[:MOST_PAIRS]
            order = order[t[order] >= min(_noise(len(t)), t.max())]
            self.pairs_ = np.stack([first[order], second[order]], 1)
        return self

    def transform(self, x: Table) -> Features:
        functions = _legendre(x)
        products = functions[:, self.pairs_[:, 0]] * functions[:, self.pairs_[:, 1]]
        if self.singles:
            return np.concatenate([functions[:, self.kept_], products], 1)
        return np.concatenate([x, np.square(x).sum(1, keepdims=True), products], 1)


def _squares(x: Table) -> Features:
    squared = np.square(x)
    return np.concatenate([squared, squared.sum(1, keepdims=True) / x.shape[1] ** 0.5], 1)


def _legendre(x: Table) -> Features:
    """√3 P1 and √5 P2, of unit variance where x is standard normal; bounded, unlike x and x²."""
    u = 2 * ndtr(x) - 1
    return np.concatenate([3**0.5 * u, 5**0.5 * (1.5 * u * u - 0.5)], 1)


def _noise(count: int) -> float:
    return 0.9 * float(np.sqrt(2 * np.log(max(count, 2))))


def _t_statistics(features: Features, y: Classes) -> Float[np.ndarray, " f"]:
    a, b = features[y == 1], features[y == 0]
    error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    return (a.mean(0) - b.mean(0)) / np.maximum(error, 1e-12)


def _pair_t_statistics(features: Features, y: Classes) -> Float[np.ndarray, "f f"]:
    """``_t_statistics`` of all products of two features, by matrix products alone."""
    means, variances = [], []
    for label in (1, 0):
        mine = features[y == label]
        squares = np.square(mine)
        mean = mine.T @ mine / len(mine)
        means.append(mean)
        variances.append((squares.T @ squares / len(mine) - mean**2) / len(mine))
    error = np.sqrt(np.maximum(variances[0] + variances[1], 0))
    return (means[0] - means[1]) / np.maximum(error, 1e-12)
