"""Pictures through a model → a column for each score, and maps."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from reparam.data import Progress, from_bytes
from reparam.errors import ShapeError, check_one_each
from reparam.evaluation.anomaly.scores import (
    AnomalyScore,
    Fitted,
    Maps,
    Pictures,
    Scored,
    Seen,
)
from reparam.evaluation.windows import window_means
from reparam.model import Autoencoder, each_batch
from reparam.types import PerExample

PEAK = "-peak"
"""Behind a score's name: the highest value of its smoothed map, in place of the image's score."""

SMOOTH = 1 / 64
"""Standard deviation of the smoothing, as a share of the longer side; at least half a pixel. Of
256 pixels it is 4, as Roth et al. 2022 smooth theirs.
"""


@dataclass(frozen=True)
class ScoreTable:
    """``columns``: every score of N pictures, float64 (N,), by its name; of one with a map also the
    highest value of that, its name with PEAK behind. ``maps``: smoothed, float32 (N, H, W), of the
    scores that they were asked of.
    """

    columns: Mapping[str, Float[np.ndarray, " N"]]
    maps: Mapping[str, Float[np.ndarray, "N H W"]] = field(default_factory=dict)

    def rows(self, names: Sequence[str]) -> Float[np.ndarray, "N k"]:
        """Some of the columns side by side."""
        return np.stack([self.columns[name] for name in names], 1)


def score_table(
    model: Autoencoder,
    pictures: Pictures,
    scores: Sequence[AnomalyScore],
    fitted: Mapping[str, Fitted],
    *,
    maps_of: Set[str] = frozenset(),
    what: str = "anomalies",
    progress: Progress | None = None,
) -> ScoreTable:
    """Every score of the pictures, batch by batch; ``maps_of``: the scores whose maps are kept.

    A score that is NaN counts as infinite: the picture is as anomalous as can be.
    """
    parts: list[dict[str, np.ndarray]] = []
    kept: list[dict[str, np.ndarray]] = []

    def columns(x: torch.Tensor, labels: torch.Tensor | None) -> int:
        found, maps = batch_scores(Seen(model, from_bytes(x), labels), scores, fitted)
        parts.append({name: column.numpy() for name, column in found.items()})
        kept.append({name: maps[name].cpu().numpy() for name in maps_of & maps.keys()})
        return len(x)

    done = 0
    if progress is not None:
        progress(what, done, len(pictures))
    for count in each_batch(model, pictures.images, columns, pictures.index, pictures.labels):
        done += count
        if progress is not None and done < len(pictures):
            progress(what, done, len(pictures))
    return ScoreTable(_joined(parts), _joined(kept))


def batch_scores(
    seen: Seen, scores: Sequence[AnomalyScore], fitted: Mapping[str, Fitted]
) -> tuple[dict[str, PerExample], dict[str, Maps]]:
    """Columns and smoothed maps of a batch, as `ScoreTable` has them: columns float64 on the CPU,
    maps float32 on the model's device. It can be traced: an exported detector is made of it.
    """
    weights = gaussian_weights(seen.model.image_shape[:2])
    columns: dict[str, PerExample] = {}
    maps: dict[str, Maps] = {}
    for score in scores:
        image, places = score(seen, fitted.get(score.type, {}))
        columns[score.type] = _known(image).cpu().double()
        if places is not None:
            maps[score.type] = smoothed(_known(places).float(), weights)
            columns[score.type + PEAK] = maps[score.type].amax((1, 2)).cpu().double()
    return columns, maps


def _scored(score: AnomalyScore, seen: Seen, fitted: Fitted) -> tuple[PerExample, Maps | None]:
    """What a score, perhaps a user's, gives. Raises ShapeError where that is not what
    ``AnomalyScore`` says.
    """
    found: object = score(seen, fitted)
    if not isinstance(found, tuple) or len(found) != 2:
        raise ShapeError(
            f"score {score.type} must give a pair, one number for each image and maps or None, got "
            f"{type(found).__name__}. Fix: return both"
        )
    image, places = found
    count, (height, width, _) = seen.images.shape[0], seen.model.image_shape
    check_one_each(f"score {score.type}", image, count)
    if places is not None and tuple(places.shape) != (count, height, width):
        raise ShapeError(
            f"maps of score {score.type} must have the shape {(count, height, width)} for a batch "
            f"of {count}, got {tuple(places.shape)}. Fix: correct what it returns"
        )
    return image, places


def score_images(
    model: Autoencoder, pictures: Pictures, score: AnomalyScore, fitted: Fitted | None = None
) -> Scored:
    """One score of the pictures; its maps are as the score gives them, not smoothed.

    Raises ShapeError where the score, perhaps a user's, gives other shapes than its contract says.
    """
    parts: list[tuple[np.ndarray, np.ndarray | None]] = []

    def both(x: torch.Tensor, labels: torch.Tensor | None) -> None:
        image, places = _scored(score, Seen(model, from_bytes(x), labels), fitted or {})
        found = None if places is None else _known(places).float().cpu().numpy()
        parts.append((_known(image).cpu().double().numpy(), found))

    for _ in each_batch(model, pictures.images, both, pictures.index, pictures.labels):
        pass
    images, maps = zip(*parts, strict=True)
    return Scored(np.concatenate(images), None if maps[0] is None else np.concatenate(maps))


def smoothed(maps: Maps, weights: Float[np.ndarray, " odd"]) -> Maps:
    """Each map without the noise of single pixels; ``weights``: of a line of them."""
    return window_means(maps[:, None], torch.from_numpy(weights).float(), "replicate")[:, 0]


@cache
def gaussian_weights(size: tuple[int, int]) -> Float[np.ndarray, " odd"]:
    """By which `smoothed` weighs the pixels of a line, of maps of this size; their sum is 1."""
    sigma, reach = max(0.5, SMOOTH * max(size)), max(size) + 2
    weights = gaussian_filter1d(np.eye(1, 2 * reach + 1, reach)[0], sigma)
    return weights[weights > 0]


def _known(values: torch.Tensor) -> torch.Tensor:
    """What is NaN is as anomalous as can be."""
    values = values.detach()
    return torch.where(values.isnan(), torch.inf, values)


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
