"""Good pictures by their use: what a model was trained on, and what it has not seen."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from reparam.data import ImageSet, RowReader
from reparam.errors import DataError
from reparam.evaluation.anomaly.scores import Pictures
from reparam.model import BATCH
from reparam.types import IndexArray

LEAST_TO_CHOOSE = 20
"""Pictures that defects are planted in, at least; where fewer are for validation, some of the test
pictures are taken for it too.
"""


MASKS = "ground_truth"
"""The folder of masks in the layout of MVTec and anomalib."""


@dataclass(frozen=True)
class GoodPictures:
    """``train`` was trained on (or what stands for it), ``choose`` and ``calibrate`` were not.

    What decides is chosen with ``choose``; p-values are ranks among ``calibrate``, on which nothing
    else depends: so they are conformal.
    """

    train: Pictures
    choose: Pictures
    calibrate: Pictures


def pictures_at(images: ImageSet, index: IndexArray) -> Pictures:
    """Some pictures of a set."""
    return Pictures(images.images, index, images.labels, images.files)


def good_pictures(images: ImageSet, seed: int = 0) -> GoodPictures:
    """The pictures of a set that a model was trained on: the test pictures calibrate, those for
    validation, which the best epoch was chosen by, choose what decides.

    Where fewer than 20 (LEAST_TO_CHOOSE) are for validation, a third of the test pictures choose
    too. Raises DataError without test pictures, where fewer than 3 are held out, and for test
    pictures of a class that nothing trains on: defects, or their masks, in a folder of which only a
    part is good.
    """
    _check_all_good(images)
    test, valid = images.splits["test"], images.splits["valid"]
    if not len(test):
        raise DataError(
            f"{images.name}: good pictures must be held out to calibrate with, got none. Fix: "
            "raise --test-fraction when training (where folders are the splits, add test/ or take "
            "--no-split-folders), or name other good pictures"
        )
    if len(valid) < LEAST_TO_CHOOSE:
        lent, test = _split(test, len(test) // 3, seed)
        valid = np.concatenate([valid, lent])
    if not len(valid):
        raise DataError(
            f"{images.name}: at least 3 good pictures must be held out, to choose what decides and "
            f"to calibrate with, got {len(test)}. Fix: raise --test-fraction or --valid-fraction "
            "when training, or name other good pictures"
        )
    return GoodPictures(
        pictures_at(images, images.splits["train"]),
        pictures_at(images, valid),
        pictures_at(images, test),
    )


def _check_all_good(images: ImageSet) -> None:
    """Raises DataError for a set in MVTec's layout, of which only a part is good."""
    if images.labels is None:
        return
    count = len(images.class_names)
    known, tested = (
        np.bincount(images.labels[images.labelled(split)], minlength=count)
        for split in ("train", "test")
    )
    strange = [
        name
        for name, learned, held in zip(images.class_names, known, tested, strict=True)
        if name == MASKS or (not learned and held > 1)
    ]
    if strange:
        raise DataError(
            f"{images.name}: all pictures must be good ones, got the class {strange[0]}, of "
            f"{'masks' if strange[0] == MASKS else 'which none is for training'}. Fix: name the "
            "folder of good pictures, such as its train/, and give the rest to reparam anomaly test"
        )


def other_good_pictures(
    given: Pictures, trained_on: Pictures | None, seed: int = 0
) -> GoodPictures:
    """Good pictures that no model was trained on: a third chooses what decides, the others
    calibrate.

    Scores learn from what the model was ``trained_on``, or where that is not known, from a third of
    these too. Pictures that equal one that was trained on do not count. Raises DataError where
    fewer than two are left for each use.
    """
    new = given if trained_on is None else _without(given, trained_on)
    parts = 3 if trained_on is None else 2
    third = len(new) // 3
    if len(new) < 3 * parts:
        known = len(given) - len(new)
        seen = f", beside {known} that were trained on" if known else ""
        raise DataError(
            f"a calibration needs at least {3 * parts} good pictures that were not trained on, got "
            f"{len(new)}{seen}. Fix: give more"
        )
    choose, rest = _split(np.arange(len(new)), third, seed)
    train = trained_on
    if train is None:
        learned, rest = _split(rest, third, seed)
        train = new.only(learned)
    return GoodPictures(train, new.only(choose), new.only(rest))


def count_seen(given: Pictures, images: ImageSet) -> int:
    """How many of the given pictures a set has too, to the last pixel."""
    known = pictures_at(images, np.arange(len(images)))
    return len(given) - len(_without(given, known))


def _without(given: Pictures, known: Pictures) -> Pictures:
    """Those that equal none of the known ones to the last pixel."""
    seen = set(_digests(known))
    new = [i for i, digest in enumerate(_digests(given)) if digest not in seen]
    return given.only(np.array(new, np.int64))


def _digests(pictures: Pictures) -> Iterator[bytes]:
    reader = RowReader(pictures.images)
    for start in range(0, len(pictures), BATCH):
        for image in reader.take(pictures.index[start : start + BATCH]):
            yield hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _split(
    index: IndexArray, count: int, seed: int
) -> tuple[Int[np.ndarray, " some"], Int[np.ndarray, " others"]]:
    """``count`` of them at random, and the others; both sorted."""
    mixed = np.random.default_rng(seed).permutation(index)
    return np.sort(mixed[:count]), np.sort(mixed[count:])
