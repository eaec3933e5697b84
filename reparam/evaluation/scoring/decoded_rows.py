"""The rows of the scorecard that look at what draws of a prior decode to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm

from reparam.evaluation.inference import decoded_batches
from reparam.evaluation.measures.classes import class_area_gini, class_balance
from reparam.evaluation.measures.decoding import BATCH, cycle_error, path_length
from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share
from reparam.evaluation.scoring.needs import lacking, omitted
from reparam.evaluation.scoring.own_features import FeatureFile, own_fid
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.real_features import RealFeatures
from reparam.evaluation.scoring.subject import Subject
from reparam.model import NoiseMap, rows_at_once
from reparam.types import LabelArray, LatentArray

CYCLES = 2_000
"""Draws that are encoded again."""

PATHS = 150
"""Pairs of draws between which the decoder is followed."""

GRID = 60
"""Points along each side of the plane on which the classes' areas are counted."""


@dataclass(frozen=True)
class Decoded:
    """What is kept of decoded latents (M, d); the images themselves are not.

    ``features`` (M, 64) and ``labels`` (M) are the judge's, ``own`` (M, F) those of a network of
    the user's, and ``again`` the posterior means of the first CYCLES images.
    """

    features: np.ndarray
    labels: np.ndarray | None
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
    found = _fidelity(of, decoded.features, real, key)
    if real.own is not None and decoded.own is not None:
        note = f"features of {real.own.network.path.name}"
        found["own_fid"] = own_fid(real.own.held_out, decoded.own, real.own.train, note)
    found |= cycle_error(z[:CYCLES], decoded.again, rng=of.rng(f"cycle {key}"))
    found |= _paths(of, prior)
    classes, counts = _classes(of, prior, decoded, real)
    return found | classes, counts


def _look(
    of: Subject, z: LatentArray, labels: LabelArray | None, network: FeatureFile | None
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
        own=np.concatenate(own) if own else None,
        again=np.concatenate(again),
    )


def _fidelity(
    of: Subject, features: np.ndarray, real: RealFeatures, key: str
) -> dict[str, Measured]:
    """As many fakes as there are training images at most, with which the references are made: of
    more, the measures take as many at random, as they may be sorted by class.
    """
    fake, held_out, train = features[: len(real.train)], real.held_out, real.train
    found = {
        "fid": frechet_distance(held_out, fake, train, rng=of.rng(f"fid {key}")),
        "kid": kernel_distance(held_out, fake, train, rng=of.rng(f"kid {key}")),
        **precision_recall(held_out, fake, train, rng=of.rng(f"precision {key}")),
        **density_coverage(held_out, fake, train, rng=of.rng(f"density {key}")),
    }
    found["unlikely_share"] = unlikely_share(
        real.train, held_out, features, rng=of.rng(f"unlikely {key}")
    )
    return found


def _classes(
    of: Subject, prior: Candidate, decoded: Decoded, real: RealFeatures
) -> tuple[dict[str, Measured], dict[str, int]]:
    names = ("class_tv", "class_entropy", "classes_missing", "class_gini")
    without = omitted(names, lacking(of, prior))
    if of.shares is None or decoded.labels is None:
        return without, {}
    found = class_balance(
        decoded.labels, of.shares, rng=of.rng(f"classes {prior.kind}"), reference_labels=real.labels
    )
    if "class_gini" not in without:
        found["class_gini"] = _areas(of, prior)
    counts = np.bincount(decoded.labels, minlength=len(of.class_names)).tolist()
    return found | without, dict(zip(of.class_names, counts, strict=True))


def _areas(of: Subject, prior: Candidate) -> Measured:
    """Of the classes on the plane, cells holding equal shares of the prior."""
    assert of.shares is not None
    assert isinstance(prior.prior, NoiseMap)
    middles = norm.ppf((np.arange(GRID) + 0.5) / GRID)
    u = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
    with torch.no_grad():
        cells = prior.prior.from_normal(torch.from_numpy(u.astype(np.float32))).numpy()
    judged = []
    for x in decoded_batches(of.model, cells, of.draw_labels(len(cells), "areas")):
        classes = of.judge.assess(x)[1]
        assert classes is not None
        judged.append(classes.cpu().numpy())
    return class_area_gini(np.concatenate(judged), of.shares)


def _paths(of: Subject, prior: Candidate) -> dict[str, Measured]:
    ends = prior.draw(2 * PATHS, of.torch_seed(f"path {prior.kind}"))
    return path_length(
        of.model.decode,
        of.judge.feature_module,
        (ends[:PATHS], ends[PATHS:]),
        rng=of.rng(f"path {prior.kind}"),
        along=prior.prior.between,
        labels=of.draw_labels(PATHS, "paths"),
        device=of.model.device,
        batch=min(BATCH, max(1, rows_at_once(of.model.image_shape) // 2)),
    )
