"""What real images look like to the judge and to a network of the user's, found once."""

from dataclasses import dataclass

import numpy as np

from reparam.errors import DataError
from reparam.evaluation.inference import as_floats
from reparam.evaluation.scoring.own_features import FeatureNetwork, feature_network
from reparam.evaluation.scoring.subject import Part, Subject


@dataclass(frozen=True)
class OwnFeatures:
    """A network that the user named, and its features of real images."""

    network: FeatureNetwork
    held_out: np.ndarray


@dataclass(frozen=True)
class RealFeatures:
    """The judge's features of real images, and the classes that it gives to the held-out ones.

    ``labels`` is None where the images have none, ``own`` without a network of the user's.
    """

    held_out: np.ndarray
    train: np.ndarray
    labels: np.ndarray | None
    own: OwnFeatures | None


def real_features(of: Subject) -> RealFeatures:
    """Batch by batch. Raises DataError for a file of features that is no such network."""
    judge, held_out, train = of.judge, of.held_out, of.train
    own = None
    if of.config.features is not None:
        network = feature_network(of.config.features, of.model.device, of.model.image_shape)
        own = OwnFeatures(network, _features(network, held_out))
    labelled = of.shares is not None and judge.classes is not None
    return RealFeatures(
        held_out=judge.features(held_out.images, held_out.index),
        train=judge.features(train.images, train.index),
        labels=judge.labels(held_out.images, held_out.index) if labelled else None,
        own=own,
    )


def _features(network: FeatureNetwork, part: Part) -> np.ndarray:
    found = np.concatenate(
        [network.features(as_floats(x).transpose(0, 3, 1, 2)) for _, x in part.batches()]
    )
    if not np.isfinite(found).all():
        raise DataError(
            f"features of {network.name} must be finite, got NaN or infinite ones for real images. "
            "Fix: correct the network"
        )
    return found
