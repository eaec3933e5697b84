"""What the explorer colours and filters images by: numeric and categorical columns."""

from collections.abc import Sequence

import numpy as np

from reparam.data import Progress, class_colours
from reparam.evaluation import evaluation_loss, prior_log_prob, scores_of
from reparam.export.judge_onnx import judge_of
from reparam.export.manifest import ClassEntry
from reparam.runs import RunView

Column = tuple[np.ndarray, Sequence[str]]
"""Values (N,), NaN where there is none, and words: the values of a categorical column are places
among them, and a numeric column has no words."""

MOST_WHOLE = 2.0**53
"""Whole numbers beyond have gaps in float64."""

NEIGHBOURS = 10
"""Density is told by the distance to the neighbour of this rank."""


def columns_of(
    view: RunView, *, judged: bool, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Column]:
    """The columns that a run's own model gives; one that is the same for all images is omitted.

    ``position``: in the image set. The terms of the loss, as `Scores` names them, but their sum.
    ``latent_norm``: ‖μ‖. ``log_prior_nats``: log p(z) at μ. ``neighbour_distance``: from μ to the
    tenth nearest other one, small where images lie densely. ``anomaly_score`` and ``p_value``,
    where the run is calibrated: what `reparam anomaly score` says of these images, computed on
    ``device`` with ``progress``; warns of a calibration that cannot be used. ``judge_class``, with
    ``judged``: the class that the scorecard's judge gives, where the judge is in the cache.
    """
    # They take their time, and few export a page.
    from sklearn.neighbors import NearestNeighbors

    from reparam.evaluation import Pictures, kept_detector

    mu = view.mu.astype(np.float64)
    loss = evaluation_loss(view.model, view.run.config)
    scores = scores_of(loss, view.images, view.given_labels, seed=view.run.config.seed).columns
    numbers: dict[str, np.ndarray] = {
        **{name: values for name, values in scores.items() if name != "loss_nats"},
        "latent_norm": np.linalg.norm(mu, axis=1),
        "log_prior_nats": prior_log_prob(view.model, view.mu),
    }
    if len(mu) > NEIGHBOURS:
        near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(mu).kneighbors()[0]
        numbers["neighbour_distance"] = near[:, -1]
    detector = kept_detector(view.run, device)
    if detector is not None:
        pictures = Pictures(view.images, np.arange(len(mu)), view.labels)
        detected = detector.detect(pictures, maps=False, progress=progress)
        numbers |= {"anomaly_score": detected.score, "p_value": detected.p}
    numbers["position"] = view.index
    found: dict[str, Column] = {name: (values, ()) for name, values in numbers.items()}
    judge = judge_of(view) if judged else None
    if judge is not None:
        found["judge_class"] = (judge.labels(view.images), view.class_names)
    return {name: column for name, column in found.items() if _varies(column[0])}


def _varies(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return len(known) > 0 and bool(known.min() < known.max())


def column_bytes(column: Column) -> bytes:
    """float32, little-endian, or float64 for whole numbers beyond its digits, such as dates; NaN
    where there is no finite value.
    """
    values = np.asarray(column[0], np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    known = values[~np.isnan(values)]
    whole = np.array_equal(known, np.round(known)) and bool((np.abs(known) < MOST_WHOLE).all())
    with np.errstate(over="ignore"):
        single = values.astype("<f4")
    if whole and not np.array_equal(single.astype(np.float64), values, equal_nan=True):
        return values.astype("<f8").tobytes()
    return np.where(np.isfinite(single), single, np.float32(np.nan)).astype("<f4").tobytes()


def levels_of(column: Column) -> list[ClassEntry]:
    """The words of a column with a colour each; none of numbers."""
    colours = class_colours(len(column[1]))
    return [{"name": n, "colour": c} for n, c in zip(column[1], colours, strict=True)]
