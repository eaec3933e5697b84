"""Anyone's labels into class indices and class names."""

import unicodedata
from collections.abc import Sequence

import numpy as np

from reparam.errors import DataError, DataRangeError, ShapeError, reason_of, unknown_name
from reparam.types import LabelArray

UNKNOWN = -1
"""The label of an image whose class is not known."""

UNKNOWN_TEXTS = ("", str(UNKNOWN))
"""The same among labels that are text."""


def as_labels(
    labels: object, count: int, class_names: Sequence[str] | None, name: str
) -> tuple[LabelArray, tuple[str, ...]]:
    """Labels of ``count`` images as indices into the class names that come with them.

    Strings, and integers without ``class_names``, make their own classes: the distinct values in
    their order. Integers with ``class_names`` are indices into them; strings with ``class_names``
    must be among them. Floats must be whole numbers. −1 is UNKNOWN, as text too, and so is an empty
    text, unless a class is called so. ``name`` is what errors call the array.

    Raises ShapeError unless there is one label for each image, DataError for labels of another
    type, for repeated names and for no known one, DataRangeError for labels that are no whole
    number or no index.
    """
    values = _as_values(as_one_array(labels, name), name)
    if values.ndim != 1:
        raise ShapeError(
            f"{name}: labels must be one value for each image, got an array of shape "
            f"{values.shape}. Fix: pass labels.ravel(), or labels.argmax(1) for one-hot rows"
        )
    if len(values) != count:
        raise ShapeError(
            f"{name}: every image needs one label, got {len(values)} labels for {count} images. "
            "Fix: give as many labels as images, or none"
        )
    texts = values.dtype.kind == "U"
    unknown_texts = [text for text in UNKNOWN_TEXTS if text not in (class_names or ())]
    known = ~np.isin(values, unknown_texts) if texts else values != UNKNOWN
    if count and not known.any():
        raise DataError(f"{name}: some labels must be known, got {UNKNOWN} alone. Fix: omit them")
    if class_names is None:
        indices = np.full(count, UNKNOWN)
        distinct, indices[known] = np.unique(values[known], return_inverse=True)
        return indices, tuple(str(value) for value in distinct)
    names = checked_names(class_names, "class_names", name)
    if texts:
        indices = np.full(count, UNKNOWN)
        indices[known] = _positions(values[known], names, name)
        return indices, names
    low, high = values[known].min(), values.max()
    if low < 0 or high >= len(names):
        raise DataRangeError(
            f"{name}: labels must index the {len(names)} class names (0..{len(names) - 1}), "
            f"got {low} to {high}. Fix: correct the labels, or name every class"
        )
    return values.astype(np.int64), names


def class_indices(
    names: Sequence[str], known: Sequence[str], what: str, *, or_unknown: bool = True, fix: str = ""
) -> LabelArray:
    """Names of classes as indices into the ``known`` ones, or these indices themselves where no
    class has a number for a name; "" is UNKNOWN, ``or_unknown``.

    Raises DataError, which begins with ``what`` and ends with ``fix``, for a name that is not
    known.
    """
    position = {"": UNKNOWN} if or_unknown else {}
    position |= {composed(each): i for i, each in enumerate(known)}
    if not any(each.strip().lstrip("+-").isdecimal() for each in known):
        position |= {str(i): i for i in range(len(known))}
    unknown = next((name for name in names if composed(name) not in position), None)
    if unknown is not None:
        text = unknown_name("class", unknown, known, "reparam info")
        raise DataError(f"{what}: {text}{fix}")
    return np.array([position[composed(name)] for name in names], np.int64)


def composed(name: str) -> str:
    """The name in Unicode's composed form: macOS may keep é as e and an accent."""
    return unicodedata.normalize("NFC", name)


def as_one_array(
    values: object, name: str, what: str = "labels", each: str = "integer or string"
) -> np.ndarray:
    """Labels of any kind, or other values of images: errors call them ``what``, and one ``each``.

    Raises DataError for what is no array, such as rows of different lengths.
    """
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        reason = reason_of(error)
        raise DataError(
            f"{name}: {what} must form one array, got {type(values).__name__} ({reason}). Fix: "
            f"give one {each} for each image"
        ) from error


def text_as_such(values: np.ndarray) -> np.ndarray:
    """Strings that NumPy holds as objects, or with lengths of their own, in its plain type."""
    texts = values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat)
    return values.astype(str) if texts or values.dtype.kind == "T" else values


def _as_values(values: np.ndarray, name: str) -> np.ndarray:
    """Labels as an array of integers, bools or strings."""
    values = text_as_such(values)
    if values.dtype.kind == "f":
        whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
        if not whole.all():
            wrong = values[~whole].flat[0]
            fix = f"write {UNKNOWN} where one is not known" if np.isnan(wrong) else "round them"
            raise DataRangeError(
                f"{name}: labels must be integers or strings, got {wrong!s}. Fix: {fix}, or omit "
                "the labels"
            )
        values = values.astype(np.int64)
    if values.dtype.kind not in "biuU":
        raise DataError(
            f"{name}: labels must be integers or strings, got dtype {values.dtype}. Fix: "
            f"convert them, with {UNKNOWN} where one is not known, as in "
            f"labels.fillna({UNKNOWN}).astype(str)"
        )
    return values


def checked_names(given: Sequence[str], what: str, name: str) -> tuple[str, ...]:
    """Distinct names of classes or factors, which errors call ``what``. Raises DataError for none
    at all and for repeated ones.
    """
    names = tuple(str(each) for each in given)
    if not names or len(set(names)) != len(names):
        repeated = next((each for each in names if names.count(each) > 1), "none at all")
        raise DataError(
            f"{name}: {what} must be distinct, got {repeated!r} "
            f"{'twice' if names else 'given'}. Fix: give each a name of its own"
        )
    return names


def _positions(values: np.ndarray, names: tuple[str, ...], name: str) -> LabelArray:
    position = {each: i for i, each in enumerate(names)}
    unknown = next((str(value) for value in values if str(value) not in position), None)
    if unknown is not None:
        raise DataError(
            f"{name}: labels must be among the class_names, got {unknown!r}. Fix: "
            "add it to class_names, or omit class_names"
        )
    return np.array([position[str(value)] for value in values], np.int64)
