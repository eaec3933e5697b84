"""Generative factors that are known of each image, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reparam.data.labels import as_one_array, checked_names, text_as_such
from reparam.errors import DataError, DataRangeError, ShapeError

FEW_VALUES = 20
"""Floats with at most so many different values are categories: the bins of the measures, which
could not tell them apart any better.
"""

LARGEST = 1e100


@dataclass(frozen=True)
class Factors:
    """What each of N images was made from: F factors.

    Column i of ``values`` (N, F) is the factor ``names[i]``. Where ``categorical[i]``, its numbers
    are indices of its distinct values in their order, and else they are the values themselves.
    """

    values: Float[np.ndarray, "N F"]
    names: tuple[str, ...]
    categorical: tuple[bool, ...]

    def kinds(self) -> dict[str, str]:
        """Of each factor by name: categorical or continuous."""
        kinds = ("categorical" if each else "continuous" for each in self.categorical)
        return dict(zip(self.names, kinds, strict=True))


def as_factors(factors: object, count: int, names: Sequence[str] | None, name: str) -> Factors:
    """Factors of ``count`` images, one array (count, F), with the names that come with them.

    Strings, integers and bools are categories. A column of floats is one of categories where it has
    at most 20 different values (FEW_VALUES), and else it is continuous: so one array of floats can
    hold both, and positions that are whole numbers must be floats. Without ``names`` the factors
    are numbered from 1. ``name`` is what errors call the array.

    Raises ShapeError unless there is one row for each image and one name for each column, DataError
    for an array of another type and repeated names, DataRangeError for NaN and infinite values.
    """
    values = text_as_such(as_one_array(factors, name, "factors", "row of numbers"))
    if values.ndim != 2 or not values.shape[1]:
        raise ShapeError(
            f"{name}: factors must be an array (images, factors) of at least one factor, got shape "
            f"{values.shape}. Fix: give one column for each, as in factors[:, None] for a single "
            "one"
        )
    if len(values) != count:
        raise ShapeError(
            f"{name}: every image needs its factors, got {len(values)} rows for {count} images. "
            "Fix: give as many rows as images, or no factors"
        )
    if values.dtype.kind not in "biufU":
        raise DataError(
            f"{name}: factors must be numbers or strings, got dtype {values.dtype}. Fix: convert "
            "them, as in factors.astype(float)"
        )
    if values.dtype.kind == "f":
        # Written so that NaN fails; ranges beyond it would overflow.
        usable = np.abs(values) <= LARGEST
        if not usable.all():
            raise DataRangeError(
                f"{name}: factors must be finite, got {(~usable).sum()} that are NaN, infinite or "
                f"beyond {LARGEST:g}. Fix: omit those images or factors, or rescale them"
            )
    columns = values.shape[1]
    if names is None:
        names = [f"factor {i + 1}" for i in range(columns)]
    known = checked_names(names, "factor_names", name)
    if len(known) != columns:
        raise ShapeError(
            f"{name}: every factor needs one name, got {len(known)} factor_names for {columns} "
            "factors. Fix: give as many as factors has columns, or none"
        )
    numbers, categorical = np.empty(values.shape), []
    for i, column in enumerate(values.T):
        distinct, index = np.unique(column, return_inverse=True)
        categorical.append(values.dtype.kind != "f" or len(distinct) <= FEW_VALUES)
        numbers[:, i] = index if categorical[i] else column
    return Factors(numbers, known, tuple(categorical))


def check_varied(factors: Factors, name: str) -> None:
    """Raises DataError for a factor that is the same for every image of the set ``name``."""
    for each, column in zip(factors.names, factors.values.T, strict=True):
        if np.ptp(column) == 0:
            raise DataError(
                f"{name}: a factor must have at least 2 values, got {each!r} with 1. Fix: omit "
                "that column"
            )
