"""The rows of the scorecard that look at what draws of a prior decode to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from reparam.evaluation.inference import as_floats, decode
from reparam.evaluation.measures.classes import class_area_gini, class_balance
from reparam.evaluation.measures.decoding import cycle_error, path_length
from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.measured import Measured, absent
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share
from reparam.evaluation.scoring.own_features import FeatureFile, own_fid
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.subject import Subject
from reparam.model import Box, in_batches
from reparam.types import LatentArray

CYCLES = 2_000
"""Draws that are encoded again."""

PATHS = 150
"""Pairs of draws between which the decoder is followed."""

GRID = 60
"""Points along each side of the plane on which the classes' areas are counted."""


@dataclass(frozen=True)
class RealFeatures:
    """The judge's features of real images, and the classes that it gives to the held-out ones."""

    held_out: np.ndarray
    train: np.ndarray
    labels: np.ndarray | None


def real_features(of: Subject) -> RealFeatures:
    judge = of.judge
    return RealFeatures(
        held_out=judge.features(of.held_out.images),
        train=judge.features(of.train.images),
        labels=judge.labels(of.held_out.images) if of.shares is not None else None,
    )


def decoded_rows(
    of: Subject, prior: Candidate, real: RealFeatures
) -> tuple[Mapping[str, Measured], Mapping[str, int]]:
    """The measures of ``config.draws`` decoded draws, and how many the judge gave to each class."""
    key = prior.kind
    z = prior.draw(of.config.draws, of.torch_seed(f"decoded {key}"))
    images = decode(of.model, z)
    features = of.judge.features(images)
    found = _fidelity(of, features, real, key)
    if of.config.features is not None:
        train = as_floats(of.train.images)
        network = FeatureFile(of.config.features)
        found["own_fid"] = own_fid(network, as_floats(of.held_out.images), images, train)
    few = slice(CYCLES)
    found |= cycle_error(z[few], lambda _: images[few], _encoder(of), rng=of.rng(f"cycle {key}"))
    found |= _paths(of, prior)
    classes, counts = _classes(of, prior, images, real)
    return found | classes, counts


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
    of: Subject, prior: Candidate, images: np.ndarray, real: RealFeatures
) -> tuple[dict[str, Measured], dict[str, int]]:
    names = ("class_tv", "class_entropy", "classes_missing", "class_gini")
    if of.shares is None or real.labels is None:
        return dict.fromkeys(names, absent("the images have no labels")), {}
    judged = of.judge.labels(images)
    found = class_balance(
        judged, of.shares, rng=of.rng(f"classes {prior.kind}"), reference_labels=real.labels
    )
    found["class_gini"] = _areas(of, prior)
    counts = np.bincount(judged, minlength=len(of.class_names)).tolist()
    return found, dict(zip(of.class_names, counts, strict=True))


def _areas(of: Subject, prior: Candidate) -> Measured:
    """Of the classes on the plane, cells holding equal shares of the prior."""
    assert of.shares is not None
    if of.model.latent_dim != 2:
        return absent("areas are those of a plane")
    middles = norm.ppf((np.arange(GRID) + 0.5) / GRID)
    u = np.stack(np.meshgrid(middles, middles), -1).reshape(-1, 2)
    cells = prior.at(u.astype(np.float32))
    return class_area_gini(of.judge.labels(decode(of.model, cells)), of.shares)


def _encoder(of: Subject) -> Callable[[np.ndarray], LatentArray]:
    """The mean of q(z|x) of float pixels, as they come from the decoder."""

    def encode(images: np.ndarray) -> LatentArray:
        batch = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        return in_batches(of.model, batch, of.model.encode).numpy()

    return encode


def _paths(of: Subject, prior: Candidate) -> dict[str, Measured]:
    ends = prior.draw(2 * PATHS, of.torch_seed(f"path {prior.kind}"))
    return path_length(
        of.model.decode,
        of.judge.feature_module,
        (ends[:PATHS], ends[PATHS:]),
        rng=of.rng(f"path {prior.kind}"),
        along="lerp" if prior.kind == Box.kind else "slerp",
    )
