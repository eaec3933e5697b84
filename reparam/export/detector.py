"""A calibrated run as one ONNX file: a picture → its score, p-value, verdict and map.

``images`` (B, C, H, W) in [0, 1] → ``score`` (B,), ``p_value`` (B,), ``anomalous`` (B,) and, where
a score has one, ``map`` (B, H, W): what `Detector.detect` gives. The good pictures' scores and the
rate of false alarms are in the file.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from reparam.errors import ConfigError, ParityError
from reparam.evaluation import (
    ANOMALY_COMBINATIONS,
    ANOMALY_PEAK,
    DEFECT_KINDS,
    Detector,
    Pictures,
    Seen,
    as_bytes,
    as_floats,
    conformal_p_values,
    gaussian_weights,
    plant,
    tail_of,
)
from reparam.export.halves import first_rows
from reparam.export.onnx import OnnxModel, exported, facts_of, serialised
from reparam.onnx_session import open_session
from reparam.runs import Run
from reparam.types import Images, PerExample

if TYPE_CHECKING:
    from onnx import ModelProto

PART = "detector"

OUTPUTS = ("score", "p_value", "anomalous", "map")

TOLERANCE = 1e-4
"""The largest difference of a score or of a map's pixel, for each unit of the batch's largest: a
score that whitens features is of differences that float32 holds to fewer digits."""

BATCHES = (1, 2, 7, 24)
"""Sizes of the batches that are compared."""


class _Detector(nn.Module):
    """`Detector.detect` of tensors; all that decides is in float64."""

    def __init__(self, detector: Detector, false_alarms: float) -> None:
        super().__init__()
        self.model = detector.model
        self.known, self.false_alarms = detector.calibration, false_alarms
        known = self.known
        self.good = torch.from_numpy(known.statistic(known.columns))
        self.weights = torch.from_numpy(gaussian_weights(self.model.image_shape[:2])).float()
        self.outputs = OUTPUTS if known.map_score else OUTPUTS[:-1]

    def forward(self, images: Images) -> tuple[torch.Tensor, ...]:
        known, seen = self.known, Seen(self.model, images)
        columns: dict[str, torch.Tensor] = {}
        maps: dict[str, torch.Tensor] = {}
        for score in known.scores:
            image, places = score(seen, known.fitted.get(score.type, {}))
            columns[score.type] = _finite(image).double()
            if places is not None:
                maps[score.type] = smoothed(_finite(places).float(), self.weights)
                columns[score.type + ANOMALY_PEAK] = maps[score.type].amax((1, 2)).double()
        value = self._statistic(columns)
        at_least = (self.good >= value[:, None]).double().sum(1)
        p = (1 + at_least) / (len(self.good) + 1)
        found = (value.float(), p.float(), p <= self.false_alarms)
        return (*found, maps[known.map_score]) if known.map_score else found

    def _statistic(self, columns: Mapping[str, PerExample]) -> PerExample:
        known = self.known
        if known.decider not in ANOMALY_COMBINATIONS:
            return columns[known.decider]
        each = [tail_p_values(good, columns[name]) for name, good in known.reference.items()]
        return ANOMALY_COMBINATIONS[known.decider](torch.stack(each, 1))


def tail_p_values(reference: Float[np.ndarray, " m"], scores: PerExample) -> PerExample:
    """`combining.tail_p_values`, of tensors."""
    tail = tail_of(reference)
    if not len(tail.known):
        return torch.ones_like(scores)
    known = torch.from_numpy(tail.known)
    share = (1 + (known >= scores[:, None]).double().sum(1)) / (len(known) + 1)
    return tail.extended(share, scores)


def smoothed(
    maps: Float[torch.Tensor, "B H W"], weights: Float[torch.Tensor, " odd"]
) -> Float[torch.Tensor, "B H W"]:
    """`table.smoothed`, of tensors, with its weights for maps of this size."""
    reach = len(weights) // 2
    x = F.pad(maps[:, None], [reach] * 4, mode="replicate")
    x = F.conv2d(F.conv2d(x, weights[None, None, :, None]), weights[None, None, None])
    return x[:, 0]


def _finite(values: torch.Tensor) -> torch.Tensor:
    """What is NaN is as anomalous as can be."""
    return torch.where(values.isnan(), torch.inf, values)


def export_detector(run: Run, detector: Detector, false_alarms: float) -> OnnxModel:
    """The detector of a run on the CPU, compared with `Detector.detect` on good pictures that the
    calibration keeps, and on these with planted defects.

    Raises what `Detector.check_rate` raises, ConfigError for a model that reads labels and, by
    name, for scores that an ONNX file cannot have, ParityError where onnxruntime's result differs
    by more than TOLERANCE.
    """
    detector.check_rate(false_alarms)
    if detector.model.classes:
        raise ConfigError(
            f"{run.path}: a detector must be of a model that reads no labels, got a conditional "
            "one. Fix: use it in Python, or train without classes"
        )
    lacks = {score.type: score.no_onnx for score in detector.calibration.scores if score.no_onnx}
    if lacks:
        reasons = "; ".join(f"{name} {why}" for name, why in lacks.items())
        raise ConfigError(
            f"{run.path}: its scores must be exportable to ONNX, got: {reasons}. Fix: "
            "calibrate again without, by --scores or --decide-by, and --overwrite"
        )
    pictures = _compared_pictures(detector)
    module = _Detector(detector, false_alarms).eval()
    example = {"images": np.ascontiguousarray(as_floats(pictures.images).transpose(0, 3, 1, 2))}

    def checked(graph: "ModelProto") -> OnnxModel:
        facts = facts_of(run, detector.model, PART) | {
            "reparam.false_alarms": repr(false_alarms),
            "reparam.decided_by": detector.calibration.decider,
        }
        data = serialised(graph, PART, facts)
        difference = _compared(run, data, detector, false_alarms, pictures, example["images"])
        return OnnxModel(PART, data, "images", module.outputs, difference)

    two = {"images": example["images"][:2]}
    names = ", ".join(score.type for score in detector.calibration.scores)
    return exported(f"the detector of {run.path} ({names})", module, two, module.outputs, checked)


def _compared_pictures(detector: Detector) -> Pictures:
    """Good ones, and with defects of every kind."""
    good = detector.calibration.worst_images
    x, rng = as_floats(good[:4]).transpose(0, 3, 1, 2), np.random.default_rng(0)
    broken = [plant(x, kind, rng)[0].transpose(0, 2, 3, 1) for kind in DEFECT_KINDS]
    images = np.concatenate([good[:8], *(as_bytes(each) for each in broken)])
    return Pictures(np.ascontiguousarray(images), np.arange(len(images)))


def _compared(
    run: Run,
    data: bytes,
    detector: Detector,
    false_alarms: float,
    pictures: Pictures,
    images: np.ndarray,
) -> float:
    """The largest difference of scores and maps. A p-value must be that of a score within
    TOLERANCE: it is a rank, which a good picture's own score may change.
    """
    ours, known = detector.detect(pictures), detector.calibration
    good = known.statistic(known.columns)
    session, largest = open_session(data, torch.get_num_threads()), 0.0
    for size in BATCHES:
        score, p, _, *maps = session.run(None, {"images": first_rows(images, size)})
        expected = first_rows(ours.score, size)
        pairs = [(expected, score)]
        if ours.maps is not None:
            pairs.append((first_rows(ours.maps, size), maps[0]))
        units = [float(np.abs(one).max()) or 1.0 for one, _ in pairs]
        apart = [
            float(np.abs(one - two).max()) / u for (one, two), u in zip(pairs, units, strict=True)
        ]
        slack = TOLERANCE * units[0]
        low, high = (conformal_p_values(good, expected + way * slack) for way in (1, -1))
        fits = (low - 1e-6 <= p) & (p <= high + 1e-6)
        if not (max(apart) <= TOLERANCE and fits.all()):  # also NaN
            raise ParityError(
                f"{run.path}: onnxruntime's detector must agree with PyTorch's within "
                f"{TOLERANCE:g}, got a difference of {max(apart):.2g} in a batch of {size}, and "
                f"{int((~fits).sum())} other p-values. Fix: use it in Python, or report this"
            )
        largest = max(largest, *apart)
    return largest
