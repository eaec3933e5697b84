"""The rows of the scorecard that look at what draws of a prior decode to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from reparam.evaluation.inference import decoded_batches
from reparam.evaluation.measures.classes import class_accuracy, class_balance
from reparam.evaluation.measures.decoding import BATCH, cycle_error, path_length
from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.own_features import FeatureNetwork
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.real_features import RealFeatures
from reparam.evaluation.scoring.subject import Subject
from reparam.model import rows_at_once
from reparam.types import LabelArray, LatentArray

CYCLES = 2_000
"""Draws that are encoded again."""

PATHS = 150
"""Pairs of draws between which the decoder is followed."""


@dataclass(frozen=True)
class Decoded:
    """What is kept of decoded latents (M, d); the images themselves are not.

    ``features`` (M, 64) and ``labels`` (M) are the judge's, ``own`` (M, F) those of a network of
    the user's, and ``again`` the posterior means of the first CYCLES images. ``asked`` (M) are the
    classes that a conditional model was to draw.
    """

    features: np.ndarray
    labels: np.ndarray | None
    asked: LabelArray | None
    own: np.ndarray | None
    again: LatentArray


def decoded_rows(
    of: Subject, prior: Candidate, real: RealFeatures
) -> tuple[Mapping[str, Measured], Mapping[str, int]]:
    """The measures of ``config.draws`` decoded draws, and how many the judge gave to each class."""
    key = prior.kind
    z = prior.draw(of.config.draws, of.torch_seed(f"decoded {key}"))
    labels = of.draw_labels(len(z), f"decoded {key}")
    decoded = _look(of, z, labels, None if real.own is None else real.own.network)
    found = _fidelity(of, real, decoded, key)
    found |= cycle_error(z[:CYCLES], decoded.again)
    found |= _paths(of, prior)
    classes, counts = _classes(of, prior, decoded, real)
    return found | classes, counts


def _look(
    of: Subject, z: LatentArray, labels: LabelArray | None, network: FeatureNetwork | None
) -> Decoded:
    """Decodes a batch at a time, and keeps what the measures need of it."""
    features, judged, own, again = [], [], [], []
    start = 0
    for x in decoded_batches(of.model, z, labels):
        seen, classes = of.judge.assess(x)
        features.append(seen.cpu().numpy())
        if classes is not None:
            judged.append(classes.cpu().numpy())
        if network is not None:
            own.append(network.features(x.cpu().numpy()))
        if start < CYCLES:
            few = slice(start, min(start + len(x), CYCLES))
            y = None if labels is None else torch.from_numpy(labels[few]).to(x.device)
            with torch.no_grad():
                again.append(of.model.encode(x[: few.stop - start], y).cpu().numpy())
        start += len(x)
    return Decoded(
        features=np.concatenate(features),
        labels=np.concatenate(judged) if judged else None,
        asked=labels if of.model.classes else None,
        own=np.concatenate(own) if own else None,
        again=np.concatenate(again),
    )


def _fidelity(of: Subject, real: RealFeatures, decoded: Decoded, key: str) -> dict[str, Measured]:
    """How near the draws are to the held-out images, in the features of the judge, which has seen
    none of either, and in those of the user's network.
    """
    found = near_real(real.held_out, decoded.features, of, key)
    found |= density_coverage(real.held_out, decoded.features, rng=of.rng(f"density {key}"))
    found["unlikely_share"] = unlikely_share(
        real.train, real.held_out, decoded.features, rng=of.rng(f"unlikely {key}")
    )
    if real.own is not None and decoded.own is not None:
        note = f"features of {real.own.network.name}"
        own = near_real(real.own.held_out, decoded.own, of, f"own {key}", note)
        found |= {f"own_{name}": measured for name, measured in own.items()}
    return found


def near_real(
    real: np.ndarray, fake: np.ndarray, of: Subject, key: str, note: str = ""
) -> dict[str, Measured]:
    """``fid``, ``kid``, ``precision`` and ``recall``, in any features."""
    return {
        "fid": frechet_distance(real, fake, rng=of.rng(f"fid {key}"), note=note),
        "kid": kernel_distance(real, fake, rng=of.rng(f"kid {key}"), note=note),
        **precision_recall(real, fake, rng=of.rng(f"precision {key}"), note=note),
    }


def _classes(
    of: Subject, prior: Candidate, decoded: Decoded, real: RealFeatures
) -> tuple[dict[str, Measured], dict[str, int]]:
    names = ("class_tv", "class_entropy", "classes_missing", "class_gini")
    if without := omitted(names, lacking(of)):
        return without, {}
    assert of.shares is not None
    assert decoded.labels is not None
    found = class_balance(
        decoded.labels, of.shares, rng=of.rng(f"classes {prior.kind}"), reference_labels=real.labels
    )
    if decoded.asked is not None:
        assert real.labels is not None
        assert of.held_out.labels is not None
        found["class_accuracy"] = class_accuracy(
            decoded.labels,
            decoded.asked,
            reference_judged=real.labels,
            reference_labels=of.held_out.labels,
        )
    counts = np.bincount(decoded.labels, minlength=len(of.class_names)).tolist()
    return found, dict(zip(of.class_names, counts, strict=True))


def _paths(of: Subject, prior: Candidate) -> dict[str, Measured]:
    ends = prior.draw(2 * PATHS, of.torch_seed(f"path {prior.kind}"))
    return path_length(
        of.model.decode,
        of.judge.feature_module,
        (ends[:PATHS], ends[PATHS:]),
        rng=of.rng(f"path {prior.kind}"),
        along=prior.prior.between,
        around=prior.around(of.torch_seed(f"around {prior.kind}")),
        labels=of.draw_labels(PATHS, "paths"),
        device=of.model.device,
        batch=min(BATCH, max(1, rows_at_once(of.model.image_shape) // 2)),
    )
