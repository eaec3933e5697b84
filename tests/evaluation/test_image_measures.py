"""The measures on real images, through a real judge: planted faults are found by the measure meant
for them, the more the larger they are, and real images raise no alarm."""

import numpy as np
import pytest

from reparam.data import ImageSet
from reparam.evaluation.judge import Judge
from reparam.evaluation.measures.classes import class_balance
from reparam.evaluation.measures.fidelity import frechet_distance, kernel_distance
from reparam.evaluation.measures.measured import Measured
from reparam.evaluation.measures.support import density_coverage, precision_recall, unlikely_share
from reparam.evaluation.scoring.catalogue import MEASURES

SHARES = (0.0, 0.25, 0.5, 1.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Scene:
    """Real images in two disjoint parts, one of which plays the decodes."""

    def __init__(self, images: ImageSet, judge: Judge) -> None:
        self.judge = judge
        test = images.split_images("test")
        labels = images.split_labels("test")
        assert labels is not None
        order = rng().permutation(len(test))
        self.real, self.decodes = test[order[0::3]], test[order[2::3]]
        self.decoded_classes = labels[order[2::3]]
        self.shares = np.bincount(labels) / len(labels)
        self.train_features = judge.features(images.split_images("train"))
        self.real_features = judge.features(self.real)
        self.real_labels = judge.labels(test)

    def score(self, decodes: np.ndarray) -> dict[str, Measured]:
        fake = self.judge.features(decodes)
        both = self.real_features, fake
        return {
            "fid": frechet_distance(*both, rng=rng()),
            "kid": kernel_distance(*both, rng=rng()),
            **precision_recall(*both, rng=rng()),
            **density_coverage(*both, rng=rng()),
            "unlikely": unlikely_share(self.train_features, self.real_features, fake, rng=rng()),
            **class_balance(
                self.judge.labels(decodes),
                self.shares,
                rng=rng(),
                reference_labels=self.real_labels,
            ),
        }

    def replaced(self, share: float, by: np.ndarray) -> np.ndarray:
        """The decodes with a share of them replaced."""
        images = self.decodes.copy()
        chosen = rng(1).permutation(len(images))[: int(share * len(images))]
        images[chosen] = by[: len(chosen)]
        return images


@pytest.fixture(scope="module")
def scene(small_digits: ImageSet, small_judge: Judge) -> Scene:
    return Scene(small_digits, small_judge)


def values(scores: list[dict[str, Measured]], name: str) -> list[float]:
    found = [score[name].value for score in scores]
    return [value for value in found if value is not None]


def test_real_images_raise_no_alarm(scene: Scene) -> None:
    found = scene.score(scene.decodes)
    # density counts the balls of each image, about k of them: it varies more than a share
    for name, off in {"precision": 0.1, "recall": 0.1, "density": 0.2, "coverage": 0.1}.items():
        assert found[name].value == pytest.approx(found[name].reference, abs=off), name
    # An interval misses the truth once in twenty judges; an alarm is one that misses it by more
    # than what matters.
    for name, ideal in {"fid": 0.0, "kid": 0.0, "unlikely_share": 0.05}.items():
        each, matters = found[name.removesuffix("_share")], MEASURES[name].matters
        assert each.low is not None
        assert each.high is not None
        assert each.low - matters <= ideal <= each.high + matters, name
    assert found["class_tv"].p_value is not None
    assert found["class_tv"].p_value > 0.05
    assert found["classes_missing"].value == 0


def test_junk_is_found(scene: Scene) -> None:
    junk = rng(2).integers(0, 256, scene.decodes.shape, np.uint8)
    scores = [scene.score(scene.replaced(share, junk)) for share in SHARES]
    for name in ("fid", "kid", "unlikely"):
        assert (np.diff(values(scores, name)) > 0).all(), name
    for name in ("precision", "density"):
        assert (np.diff(values(scores, name)) < 0).all(), name
    assert values(scores, "unlikely")[-1] > 0.9
    assert values(scores, "precision")[-1] < 0.2


def test_one_decode_repeated_is_found(scene: Scene) -> None:
    copies = np.repeat(scene.decodes[:1], len(scene.decodes), axis=0)
    scores = [scene.score(scene.replaced(share, copies)) for share in SHARES]
    for name in ("fid", "kid", "class_tv"):
        assert (np.diff(values(scores, name)) > 0).all(), name
    for name in ("coverage", "class_entropy"):
        assert (np.diff(values(scores, name)) < 0).all(), name
    assert values(scores, "recall")[-1] < 0.05  # (before that, fewer fakes have larger balls)
    assert values(scores, "unlikely")[-1] in (0.0, 1.0)  # all are one image, itself a real one


def test_a_missing_class_is_found(scene: Scene) -> None:
    others = scene.decodes[scene.decoded_classes != 3]
    mine = np.flatnonzero(scene.decoded_classes == 3)
    scores = []
    for share in SHARES:
        images = scene.decodes.copy()
        gone = mine[: int(share * len(mine))]
        images[gone] = others[: len(gone)]
        scores.append(scene.score(images))
    assert values(scores, "classes_missing") == [0, 0, 0, 1]
    assert (np.diff(values(scores, "class_tv")) >= 0).all()  # 0 while chance explains them
    assert values(scores, "class_tv")[-1] > 0.05
    # A tenth of a class still reaches nearly every neighbourhood; none of it does not.
    assert (np.diff(values(scores, "coverage")) <= 0).all()
    assert values(scores, "coverage")[-1] < values(scores, "coverage")[0] - 0.05
    alarm = scores[-1]["class_tv"].p_value
    assert alarm is not None
    assert alarm < 0.05
