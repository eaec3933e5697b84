"""A run's calibration on disk: anomaly.json, to read, and beside it anomaly.safetensors.

Both belong to the run's weights, and to each other: a calibration of other weights is refused.
"""

import hashlib
import shlex
import warnings
from dataclasses import asdict

import numpy as np
import torch

from reparam.errors import ConfigError, ReparamError, RunError, reason_of
from reparam.evaluation.anomaly.calibration import Calibration
from reparam.evaluation.anomaly.choosing import Choice
from reparam.evaluation.anomaly.config import AnomalyConfig
from reparam.evaluation.anomaly.detector import Detector
from reparam.evaluation.anomaly.heat import HeatScale
from reparam.runs import (
    ANOMALY,
    ANOMALY_TENSORS,
    Run,
    Tensors,
    load_tensors,
    resolve,
    save_tensors,
    to_mapping,
)
from reparam.types import Json

KIND = "anomaly calibration"
SCHEMA = 2

HELD_OUT, REFERENCE = "held out", "reference"
"""Before the name of a column of good pictures; before what a score learned stands its name."""

IMAGES = "worst"
"""The most anomalous of these pictures."""

_BETWEEN = "/"


def save_calibration(run: Run, calibration: Calibration) -> None:
    """Writes anomaly.json and anomaly.safetensors, each whole or not at all, with the digest of the
    run's weights.
    """
    known = calibration
    values = {
        "schema": SCHEMA,
        "weights": run.weights_digest(),
        "options": to_mapping(known.config),
        "columns": list(known.columns),
        "decider": known.decider,
        "map_score": known.map_score,
        "heat": None if known.heat is None else asdict(known.heat),
        "pictures": known.count,
        "planted": asdict(known.choice),
        "omitted": dict(known.omitted),
        "worst": list(known.worst),
        "trimmed": list(known.trimmed),
        "far_out": list(known.far_out),
    }
    run.write_json(ANOMALY, values)
    tensors: dict[str, torch.Tensor] = {}
    for kind, columns in ((HELD_OUT, known.columns), (REFERENCE, known.reference)):
        tensors |= {
            _BETWEEN.join((kind, name)): torch.from_numpy(column)
            for name, column in columns.items()
        }
    tensors[IMAGES] = torch.from_numpy(known.worst_images)
    for score, own in known.fitted.items():
        tensors |= {_BETWEEN.join((score, name)): tensor for name, tensor in own.items()}
    save_tensors(run.path / ANOMALY_TENSORS, tensors, KIND, {"of": _digest(run)})


def load_detector(run: Run, device: str = "cpu") -> Detector:
    """The run's model with its calibration.

    Raises RunError where there is none, where it is damaged, and where it is of other weights (the
    run was trained further since).
    """
    command = f"with `reparam anomaly calibrate {shlex.quote(str(run.path))}`"
    fix = f"calibrate again {command}"
    values = run.read_json(ANOMALY, fix)
    if values is None:
        raise RunError(
            f"{run.path}: has no calibration on good pictures. Fix: calibrate it {command}"
        )
    file = run.path / ANOMALY
    if values.get("schema") != SCHEMA:
        raise RunError(
            f"{file}: must have schema {SCHEMA}, got {values.get('schema')!r}. Fix: {fix} "
            "--overwrite, or upgrade reparam"
        )
    model = run.load_model(own_prior=True, device=device)
    if values.get("weights") != run.weights_digest():
        raise RunError(
            f"{file}: must be of the run's weights, got a calibration of other ones (was the run "
            f"trained further?). Fix: {fix} --overwrite"
        )
    saved = load_tensors(run.path / ANOMALY_TENSORS, KIND, fix)
    if saved.state.get("of") != _digest(run):
        raise RunError(
            f"{run.path / ANOMALY_TENSORS}: does not belong to {ANOMALY} beside it. "
            f"Fix: {fix} --overwrite"
        )
    try:
        return Detector(model, _calibration(values, saved.tensors, str(file)))
    except ConfigError:  # says itself what to do: a plug-in that is not loaded
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{file}: its values do not fit together ({reason_of(error)}). Fix: {fix} --overwrite"
        ) from error


def kept_detector(run: Run, device: str = "cpu") -> Detector | None:
    """The detector of a run that is calibrated, as `load_detector` gives it; None, with a warning
    that says why, where the calibration cannot be used.
    """
    if not (run.path / ANOMALY).exists():
        return None
    try:
        found = load_detector(run, device)
        lacking = {score.type: score.lacking(found.model) for score in found.calibration.scores}
    except ReparamError as error:  # of other weights, damaged, or with a score from a plug-in
        why = str(error)
    else:
        reasons = [f"{name} {reason}" for name, reason in lacking.items() if reason]
        if not reasons:
            return found
        why = f"{run.path}: {'; '.join(reasons)}"
    warnings.warn(f"scores and p-values of anomalies are left out: {why}", stacklevel=2)
    return None


def _calibration(values: Json, tensors: Tensors, where: str) -> Calibration:
    images = tensors.pop(IMAGES).numpy()
    fitted: dict[str, dict[str, torch.Tensor]] = {}
    columns: dict[str, dict[str, np.ndarray]] = {HELD_OUT: {}, REFERENCE: {}}
    for path, tensor in tensors.items():
        score, name = path.split(_BETWEEN, 1)
        if score in columns:
            columns[score][name] = tensor.numpy()
        else:
            fitted.setdefault(score, {})[name] = tensor
    return Calibration(
        config=resolve(AnomalyConfig(), [(where, values["options"])]),
        fitted=fitted,
        reference={name: columns[REFERENCE][name] for name in values["columns"]},
        columns={name: columns[HELD_OUT][name] for name in values["columns"]},
        decider=values["decider"],
        map_score=values["map_score"],
        heat=None if values["heat"] is None else HeatScale(**values["heat"]),
        choice=Choice(**values["planted"]),
        omitted=values["omitted"],
        worst=tuple(values["worst"]),
        worst_images=images,
        trimmed=tuple(values["trimmed"]),
        far_out=tuple(values["far_out"]),
    )


def _digest(run: Run) -> str:
    return hashlib.sha256((run.path / ANOMALY).read_bytes()).hexdigest()
