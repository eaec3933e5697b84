"""What the estimators are given, as the model reads it: rows, shapes, labels, whole numbers."""

import contextlib
import operator
from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch.utils.data import Dataset

from reparam.data import (
    UNKNOWN,
    DataConfig,
    ImageSet,
    as_labels,
    as_numbers,
    class_indices,
    image_set_from_dataset,
)
from reparam.errors import ConfigError, DataError
from reparam.model import Autoencoder
from reparam.types import LabelArray

ROW = "row"
"""As ``image_shape``: each row is an image of height 1, whatever its width."""

FIT = "fit"
"""As ``pixel_range``: from the least to the largest value of fit's X."""


def checked_rows(estimator: BaseEstimator, X: object, *, flat: bool, reset: bool) -> object:
    """Flat rows (two axes) as scikit-learn checks them: their width and the names of their columns
    are those of fit's X (``reset``: they are remembered). Images of more axes as they are.

    ``flat``: the estimator takes flat rows, so that an X of less than two axes is one that is
    wrong. Raises scikit-learn's ValueError, and TypeError for objects that are no numbers.
    """
    try:
        axes = getattr(X, "ndim", None) or np.ndim(cast(ArrayLike, X))
        words = np.asarray(X).dtype.kind in "US" if isinstance(X, list | tuple) else False
    except (ValueError, TypeError, RuntimeError):  # `as_numbers` says what is wrong
        axes, words = 0, True
    if not words and (axes == 2 or (flat and axes < 2)):
        X = as_numbers(X, "X") if hasattr(X, "detach") else X
        return validate_data(estimator, X, reset=reset, ensure_min_samples=2 if reset else 1)
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                delattr(estimator, name)
    return X


def check_range_is_free(X: object, pixel_range: object) -> None:
    """Raises ConfigError where X says itself which values are black and white."""
    if pixel_range is not None and isinstance(X, ImageSet | Dataset):
        raise ConfigError(
            f"pixel_range must be None where X is an ImageSet or a Dataset, got {pixel_range!r}. "
            "Fix: omit it; items of a Dataset are uint8 or floats in [0, 1]"
        )


def image_set_of(X: object, pixel_range: object, config: DataConfig | None = None) -> object:
    """A PyTorch data set as an ImageSet, split as ``config`` says; all else as it is."""
    check_range_is_free(X, pixel_range)
    return image_set_from_dataset(X, "X", config) if isinstance(X, Dataset) else X


def is_fit(pixel_range: object) -> bool:
    """Whether the option is "fit"."""
    return isinstance(pixel_range, str) and pixel_range == FIT


def declared_shape(shape: object, X: object = None) -> tuple[int, int, int] | None:
    """The option ``image_shape`` as height, width, channels; None where it is None.

    "row" is that of X's rows. Raises ConfigError for what is no shape.
    """
    if shape is None:
        return None
    if isinstance(shape, str) and shape == ROW:
        array = as_numbers(X, "X")
        return (1, array.shape[1], 1) if array.ndim == 2 else None
    try:
        sizes = tuple(operator.index(size) for size in shape)  # type: ignore[attr-defined]
    except TypeError:  # no sequence, or not of whole numbers
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ConfigError(
            f'image_shape must be (height, width), (height, width, channels) or "row", got '
            f"{shape!r}. Fix: correct it"
        )
    return sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1


def declared_range(option: object, X: object) -> tuple[float, float] | None:
    """The option ``pixel_range`` as black and white; None where it is None.

    "fit" is the range of X. Raises ConfigError for what is no range.
    """
    if option is None:
        return None
    if is_fit(option):
        array = as_numbers(X, "X").astype(np.float64)
        array = array[np.isfinite(array)]  # what is not is refused where it becomes pixels
        low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
        return low, high if high > low else low + 1
    try:
        low, high = (float(end) for end in option)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not -np.inf < low < high < np.inf:
        raise ConfigError(
            f'pixel_range must be (black, white) with black < white, or "fit", got {option!r}. '
            "Fix: correct it"
        )
    return low, high


def labels_for(
    model: Autoencoder,
    class_names: tuple[str, ...],
    labels: object,
    count: int,
    X: object,
    name: str,
) -> LabelArray | None:
    """Labels of ``count`` rows as the model reads them; None for one that reads none.

    ``labels``: one for each row, one for all, or None for those of ``X``, an ImageSet. ``name`` is
    the estimator's, for messages. Raises DataError where a conditional model has none, and for a
    label that is not in ``class_names``.
    """
    if not model.classes:
        return None
    if labels is None and isinstance(X, ImageSet) and X.labels is not None:
        given, names = X.labels, X.class_names
    elif labels is None and model.classifier is not None:
        return None
    elif labels is None:
        raise DataError(
            f"{name}: labels must be given to a conditional model, got none. "
            "Fix: pass labels, one for each row or one for all"
        )
    else:
        each = np.asarray(labels)
        each = np.full(count, each) if each.ndim == 0 else each
        if model.classifier is not None and each.shape == (count,) and (each == UNKNOWN).all():
            return None  # each is for the classifier to find
        given, names = as_labels(each, count, None, "labels")
    names = (*names, "")  # the last is that of UNKNOWN, -1
    fix = "" if model.classifier is None else f". Fix: labels={UNKNOWN}, for the classifier's"
    return class_indices([names[i] for i in given], class_names, name, fix=fix)


def whole(value: object, name: str, known: range) -> int:
    """A whole number of NumPy's or Python's. Raises ConfigError for what is none of ``known``."""
    with contextlib.suppress(TypeError):
        number = operator.index(value)  # type: ignore[arg-type]
        if number in known:
            return number
    raise ConfigError(
        f"{name} must be a whole number from {known.start} to {known.stop - 1}, got {value!r}. "
        "Fix: correct it"
    )
