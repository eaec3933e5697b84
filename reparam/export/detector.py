"""A calibrated run as one ONNX file: a picture → its score, p-value, verdict and map.

``images`` (B, C, H, W) in [0, 1] → ``score`` (B,), ``p_value`` (B,), ``anomalous`` (B,) and, where
a score has one, ``map`` (B, H, W): what `Detector.detect` gives. The good pictures' scores and the
rate of false alarms are in the file.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from reparam.errors import ConfigError, ParityError
from reparam.evaluation import (
    DEFECT_KINDS,
    Detector,
    Pictures,
    as_bytes,
    as_floats,
    conformal_p_values,
    plant,
)
from reparam.export.halves import first_rows
from reparam.export.onnx import OnnxModel, Shape, exported, facts_of, images_shape, serialised
from reparam.onnx_session import open_session
from reparam.runs import Run
from reparam.types import Images

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
        self.detector, self.false_alarms = detector, false_alarms
        known = detector.calibration
        self.good = torch.from_numpy(known.statistic(known.columns))
        self.outputs = OUTPUTS if known.map_score else OUTPUTS[:-1]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Of all that goes in and comes out."""
        images = images_shape(self.model)
        of_maps: Shape = ["B", *images[2:]]
        found = {name: of_maps if name == "map" else ["B"] for name in self.outputs}
        return {"images": images, **found}

    def forward(self, images: Images) -> tuple[torch.Tensor, ...]:
        value, *maps = self.detector.of_batch(images)
        at_least = (self.good >= value[:, None]).double().sum(1)
        p = (1 + at_least) / (len(self.good) + 1)
        return (value.float(), p.float(), p <= self.false_alarms, *maps)


def export_detector(run: Run, detector: Detector, false_alarms: float) -> OnnxModel:
    """The detector of a run on the CPU, compared with `Detector.detect` on good pictures that the
    calibration keeps, and on these with planted defects.

    Raises what `Detector.rate` raises, ConfigError for a model that reads labels and, by
    name, for scores that an ONNX file cannot have, ParityError where onnxruntime's result differs
    by more than TOLERANCE.
    """
    detector.rate(false_alarms)
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
        facts = facts_of(run, detector.model, PART, module.shapes) | {
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
