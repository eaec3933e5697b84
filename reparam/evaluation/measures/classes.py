"""Whether all classes come out, and as often as in the data: of labels that a judge gives."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from reparam.evaluation.measures.measured import (
    REPEATS,
    Measured,
    centred_interval,
    percentile_interval,
)

MISSING_BELOW = 0.1
"""A class is missing whose share is below a tenth of its share in the data. None at all would be
too strict: a judge's few errors give every class some images."""

TRIALS = 999
"""Samples of real images behind the p-value."""

Labels = Int[np.ndarray, " N"]
Shares = Float[np.ndarray, " K"]


def class_balance(
    judged: Labels,
    class_shares: Shares,
    *,
    rng: np.random.Generator,
    reference_labels: Int[np.ndarray, " M"] | None = None,
) -> dict[str, Measured]:
    """What classes the judge finds in decoded images, against the data's ``class_shares``.

    ``class_tv``: total variation ½ Σ |p − q|, the share of images that would have to change class.
    ``class_entropy``: entropy over ln K, of the K classes that the data has: 1 for equal shares.
    ``classes_missing``: how many have less than a tenth of their share in the data.

    The references are means over samples of the same size from the data's shares as this judge
    sees them: ``reference_labels`` are its labels of real images whose true shares are
    ``class_shares``; without them the judge counts as perfect. The p-value of ``class_tv`` is the
    share of such samples that are as far off. It is exact but for the noise in how
    ``reference_labels`` show the judge's errors, which counts where those are many and the labels
    few. The intervals are a bootstrap over images: around the value (`centred_interval`) for the
    first two, which resampling biases, and of percentiles for the count.
    """
    n, k = len(judged), len(class_shares)
    shares = class_shares / class_shares.sum()
    found = np.bincount(judged, minlength=k) / n
    replicates = rng.multinomial(n, found, REPEATS) / n
    if reference_labels is None:
        seen = shares
    else:
        seen = np.bincount(reference_labels, minlength=k) / len(reference_labels)
    ideal = rng.multinomial(n, seen, TRIALS) / n
    value = float(total_variation(found, shares))
    as_far = (total_variation(ideal, shares) >= value - 1e-12).sum()
    return {
        "class_tv": _measured(
            total_variation,
            found,
            replicates,
            ideal,
            shares,
            n,
            p_value=(1 + int(as_far)) / (1 + TRIALS),
        ),
        "class_entropy": _measured(relative_entropy, found, replicates, ideal, shares, n),
        "classes_missing": _measured(missing, found, replicates, ideal, shares, n),
    }


Rows = Float[np.ndarray, "*rows K"]
Figures = Float[np.ndarray, "*rows"]


def total_variation(found: Rows, shares: Shares) -> Figures:
    """½ Σ |p − q|, from 0 to 1."""
    return np.asarray(0.5 * np.abs(found - shares).sum(-1))


def relative_entropy(found: Rows, shares: Shares) -> Figures:
    """−Σ p ln p over ln K, K being the classes that the data has; 1 where there is only one."""
    present = int((shares > 0).sum())
    logs = np.log(found, out=np.zeros_like(found), where=found > 0)
    if present < 2:
        return np.ones(found.shape[:-1])
    return np.asarray(-(found * logs).sum(-1) / np.log(present))


def missing(found: Rows, shares: Shares) -> Figures:
    """Classes of the data with less than a tenth of their share in it."""
    return np.asarray(((found < MISSING_BELOW * shares) & (shares > 0)).sum(-1).astype(float))


def _measured(
    statistic: Callable[[Rows, Shares], Figures],
    found: Shares,
    replicates: Float[np.ndarray, "B K"],
    ideal: Float[np.ndarray, "T K"],
    shares: Shares,
    n: int,
    p_value: float | None = None,
) -> Measured:
    value = float(statistic(found, shares))
    found_again = statistic(replicates, shares)
    if statistic is missing:  # a count, which a shift by the replicates' bias would break
        low, high = percentile_interval(found_again)
    else:
        low, high = centred_interval(value, found_again)
    return Measured(
        value,
        max(low, 0.0),
        high if statistic is missing else min(high, 1.0),
        float(statistic(ideal, shares).mean()),
        p_value,
        samples=n,
    )


def class_area_gini(cell_labels: Labels, class_shares: Shares) -> Measured:
    """Gini coefficient of the areas that the classes take of a grid of decoded cells.

    Σ_ij |a_i − a_j| / (2 K² ā) over the K classes: 0 for equal areas, 1 − 1/K where one takes all.
    The reference is that of ``class_shares``, the data's own. A grid is no sample: the interval is
    the value.
    """
    areas = np.bincount(cell_labels, minlength=len(class_shares)).astype(np.float64)
    value = gini(areas)
    return Measured(
        value,
        value,
        value,
        reference=gini(class_shares.astype(np.float64)),
        samples=len(cell_labels),
        note="over the cells of a grid",
    )


def gini(amounts: Shares) -> float:
    """Σ_ij |a_i − a_j| / (2 K² ā); 0 where there is nothing to share."""
    mean = amounts.mean()
    if mean == 0:
        return 0.0
    differences = np.abs(amounts[:, None] - amounts[None, :])
    return float(differences.mean() / (2 * mean))
