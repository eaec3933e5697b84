"""What the estimators are given, as the model reads it: shapes, labels, whole numbers."""

import contextlib
import operator

import numpy as np

from reparam.data import ImageSet, as_labels, class_indices
from reparam.errors import ConfigError, DataError
from reparam.model import Autoencoder
from reparam.types import LabelArray


def declared_shape(shape: object) -> tuple[int, int, int] | None:
    """The option ``image_shape`` as height, width, channels; None where it is None.

    Raises ConfigError for what is no shape.
    """
    if shape is None:
        return None
    try:
        sizes = tuple(operator.index(size) for size in shape)  # type: ignore[attr-defined]
    except TypeError:  # no sequence, or not of whole numbers
        sizes = ()
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise ConfigError(
            f"image_shape must be (height, width) or (height, width, channels), got {shape!r}. "
            "Fix: correct it"
        )
    return sizes[0], sizes[1], sizes[2] if len(sizes) == 3 else 1


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
        given, names = as_labels(each, count, None, "labels")
    names = (*names, "")  # the last is that of UNKNOWN, -1
    return class_indices([names[i] for i in given], class_names, name)


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
