"""Which images are for training, for choosing the weights, and for testing."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from reparam.data.config import DataConfig
from reparam.data.images import SPLITS, ImageSet, Split
from reparam.data.labels import UNKNOWN
from reparam.errors import ConfigError, DataError
from reparam.types import IndexArray, LabelArray


def split_indices(
    count: int,
    labels: LabelArray | None,
    config: DataConfig,
    *,
    name: str,
    official_test: int = 0,
) -> dict[Split, IndexArray]:
    """Disjoint indices into ``count`` images; the same data and seed give the same split.

    The last ``official_test`` images are the test set, and the others the training pool in their
    own order. Without an official test set all images are shuffled, ``test_fraction`` of them is
    the test set, and the shuffled rest is the pool. ``valid_fraction`` of the pool (of
    ``train_size`` if that is given) is drawn from the whole pool for validation. The training
    images are the rest, in the order of the pool, cut to the first ``train_size``.

    Draws keep the proportions of the classes (within one image each) where there are labels, every
    class has two images and both sides have an image of every class; otherwise they ignore labels.
    A split with a fraction above 0 gets at least one image.

    Raises DataError when there are too few images.
    """
    least = 2 if config.valid_fraction or config.test_fraction else 1
    if count < least:
        raise DataError(
            f"{name}: a set needs at least {least} images to train and look at, got {count}. Fix: "
            "give more images"
        )
    if official_test:
        pool, test = np.arange(count - official_test), np.arange(count - official_test, count)
    else:
        shuffled = np.random.default_rng(config.split_seed).permutation(count)
        test, pool = _draw(shuffled, _test_size(count, config, name), labels, config.split_seed)
    valid_size = _valid_size(len(pool), config, name)
    valid, train = _draw(pool, valid_size, labels, config.split_seed)
    return {"train": train[: config.train_size], "valid": valid, "test": test}


def split_as_given(
    given: Sequence[Split], labels: LabelArray | None, config: DataConfig, *, name: str
) -> dict[Split, IndexArray]:
    """The splits that the images come in, shuffled; validation is drawn from training where it has
    none of its own.

    Raises what `split_indices` raises.
    """
    shuffled = np.random.default_rng(config.split_seed).permutation(len(given))
    of_each = np.array(given)[shuffled]
    train, valid, test = (shuffled[of_each == split] for split in SPLITS)
    if not len(test) and config.test_fraction not in (0, DataConfig.test_fraction):
        warnings.warn(
            f"{name}: its folders are its splits, none is for testing, and --test-fraction "
            f"{config.test_fraction:g} changes nothing. Fix: add test/, or take --no-split-folders",
            stacklevel=2,
        )
    if not len(valid):
        valid, train = _draw(
            train, _valid_size(len(train), config, name), labels, config.split_seed
        )
    return {"train": train[: config.train_size], "valid": valid, "test": test}


def with_known_labels(images: ImageSet, config: DataConfig) -> ImageSet:
    """The images with ``known_labels`` of the training images' labels, and the others hidden.

    As many of each class, where there are so many. Raises ConfigError for more than there are.
    """
    count, labels, train = config.known_labels, images.labels, images.labelled("train")
    if count is None:
        return images
    if labels is None or not 1 <= count <= len(train):
        raise ConfigError(
            "known_labels must be from 1 to the number of training images with labels, "
            f"{0 if labels is None else len(train)}, got {count}. Fix: correct --known-labels"
        )
    drawn = np.random.default_rng(config.split_seed).permutation(train)
    turn = np.empty(len(drawn), int)  # 0, 1, ... in each class
    each = np.unique(labels[drawn], return_counts=True)[1]
    turn[np.argsort(labels[drawn], kind="stable")] = np.concatenate([np.arange(n) for n in each])
    kept, hidden = drawn[np.argsort(turn, kind="stable")[:count]], labels.copy()
    hidden[images.splits["train"]] = UNKNOWN
    hidden[kept] = labels[kept]
    return replace(images, labels=hidden)


def _test_size(count: int, config: DataConfig, name: str) -> int:
    if config.test_fraction == 0:
        return 0
    most = count - (2 if config.valid_fraction > 0 else 1)
    if most < 1:
        raise DataError(
            f"{name}: train, valid and test need at least 3 images, got {count}. Fix: "
            "give more images, or pass --valid-fraction 0 or --test-fraction 0"
        )
    return min(max(1, round(config.test_fraction * count)), most)


def _valid_size(pool: int, config: DataConfig, name: str) -> int:
    """Images for validation; raises DataError when they and the training images exceed the pool."""
    wanted = config.train_size
    base = pool if wanted is None else wanted
    size = max(1, round(config.valid_fraction * base)) if config.valid_fraction > 0 else 0
    if wanted is None:
        if pool < 2 and size:
            raise DataError(
                f"{name}: train and valid need at least 2 images, got {pool} in the training "
                "pool. Fix: give more images, or pass --valid-fraction 0"
            )
        return min(size, pool - 1)
    if wanted + size > pool:
        beside = f" beside {size} validation images" if size else ""
        raise DataError(
            f"{name}: train_size {wanted}{beside} needs a training pool of {wanted + size} images, "
            f"got {pool}. Fix: lower --train-size{' or --valid-fraction' if size else ''}"
        )
    return size


def _draw(
    pool: Int[np.ndarray, " pool"], size: int, labels: LabelArray | None, seed: int
) -> tuple[Int[np.ndarray, " drawn"], Int[np.ndarray, " rest"]]:
    """``size`` members of the pool, drawn at random, and the others; both in the pool's order.

    The draws are those of scikit-learn's ``train_test_split``, which made the splits of earlier
    runs. Its import takes as long as PyTorch's, and every command that reads images would wait.
    """
    if size == 0:
        return pool[:0], pool
    strata = None if labels is None else _strata(labels[pool], size)
    rng = np.random.RandomState(seed)  # its draws are the same in every version of NumPy
    if strata is None:
        chosen = rng.permutation(len(pool))[:size]
    else:
        counts = np.array([len(members) for members in strata])
        kept = _shares(counts, len(pool) - size, rng)
        _shares(counts - kept, size, rng)  # all that are left; only its draws matter
        orders = [members[rng.permutation(len(members))] for members in strata]
        chosen = np.concatenate([order[n:] for order, n in zip(orders, kept, strict=True)])
    drawn = np.zeros(len(pool), bool)
    drawn[chosen] = True
    return pool[drawn], pool[~drawn]


def _strata(labels: LabelArray, size: int) -> list[IndexArray] | None:
    """The members of each class, or None where ``size`` cannot keep their proportions."""
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2 or len(counts) > min(size, len(labels) - size):
        return None
    return np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])


def _shares(
    counts: Int[np.ndarray, " classes"], size: int, rng: np.random.RandomState
) -> Int[np.ndarray, " classes"]:
    """How many of each class make ``size`` in proportion to ``counts``: rounded down, and one more
    of those that lose most by it, drawn where they lose the same.
    """
    exact = counts / counts.sum() * size
    shares = np.floor(exact).astype(int)
    lost = exact - shares
    for value in np.unique(lost)[::-1]:
        missing = size - shares.sum()
        if missing <= 0:
            break
        tied = np.flatnonzero(lost == value)
        shares[rng.choice(tied, min(len(tied), missing), replace=False)] += 1
    return shares
