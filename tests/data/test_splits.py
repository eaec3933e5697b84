"""Splits: disjoint, repeatable, of the asked size, with the classes in proportion."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from reparam.data.config import DataConfig
from reparam.data.splits import split_indices
from reparam.errors import ConfigError, DataError

fractions = st.one_of(st.just(0.0), st.floats(0.001, 0.999))
seeds = st.integers(0, 2**32 - 1)


def _sizes(splits) -> tuple[int, ...]:
    return tuple(len(splits[split]) for split in ("train", "valid", "test"))


@given(st.integers(3, 300), fractions, fractions, seeds, st.integers(0, 12), st.booleans())
def test_properties(count, valid, test, seed, classes, official):
    config = DataConfig(valid_fraction=valid, test_fraction=test, split_seed=seed)
    labels = np.random.default_rng(0).integers(0, classes, count) if classes else None
    extra = {"official_test": 1} if official else {}
    splits = split_indices(count, labels, config, name="set", **extra)

    together = np.concatenate(list(splits.values()))
    np.testing.assert_array_equal(np.sort(together), np.arange(count))  # disjoint and whole
    for key, again in split_indices(count, labels, config, name="set", **extra).items():
        np.testing.assert_array_equal(again, splits[key])

    train_size, valid_size, test_size = _sizes(splits)
    assert train_size >= 1
    if official:
        assert splits["test"].tolist() == [count - 1]
        assert (np.diff(splits["train"]) > 0).all()  # the official order
    else:
        room = count - 1 - (valid > 0)
        assert test_size == (min(max(1, round(test * count)), room) if test else 0)
    pool = count - test_size
    assert valid_size == (min(max(1, round(valid * pool)), pool - 1) if valid else 0)


@given(st.integers(2, 9), st.integers(8, 40), seeds)
def test_classes_keep_their_proportions(classes, members, seed):
    labels = np.repeat(np.arange(classes), members)
    config = DataConfig(valid_fraction=0.25, test_fraction=0.25, split_seed=seed)
    splits = split_indices(len(labels), labels, config, name="set")
    for split, size in zip(("train", "valid", "test"), _sizes(splits), strict=True):
        counts = np.bincount(labels[splits[split]], minlength=classes)
        assert np.abs(counts - size / classes).max() < 2


@given(st.integers(10, 200), st.integers(1, 5), seeds)
def test_the_size_of_training_changes_neither_test_nor_order(count, train_size, seed):
    whole = split_indices(count, None, DataConfig(valid_fraction=0.0, split_seed=seed), name="set")
    cut = split_indices(
        count,
        None,
        DataConfig(valid_fraction=0.0, split_seed=seed, train_size=train_size),
        name="set",
    )
    np.testing.assert_array_equal(cut["test"], whole["test"])
    np.testing.assert_array_equal(cut["train"], whole["train"][:train_size])


def test_a_shuffled_source_is_shuffled_and_the_seed_matters():
    first = split_indices(100, None, DataConfig(split_seed=1), name="set")
    other = split_indices(100, None, DataConfig(split_seed=2), name="set")
    assert first["train"].tolist() != sorted(first["train"])
    assert first["test"].tolist() != other["test"].tolist()


def test_first_images_of_an_official_training_set():
    config = DataConfig(valid_fraction=0.0, train_size=20)
    splits = split_indices(120, np.arange(120) % 10, config, name="set", official_test=20)
    assert splits["train"].tolist() == list(range(20))
    assert splits["test"].tolist() == list(range(100, 120))


def test_validation_is_a_share_of_train_size_drawn_from_the_whole_pool():
    config = DataConfig(valid_fraction=0.5, train_size=20)
    splits = split_indices(1020, np.arange(1020) % 10, config, name="set", official_test=20)
    assert _sizes(splits) == (20, 10, 20)
    assert splits["valid"].max() > 100
    assert (np.bincount(np.arange(1020)[splits["valid"]] % 10) == 1).all()
    rest = np.setdiff1d(np.arange(1000), splits["valid"])
    np.testing.assert_array_equal(splits["train"], rest[:20])


@settings(max_examples=300)
@given(st.integers(1, 20), st.integers(2, 60), st.floats(0, 1), seeds, st.booleans())
def test_the_draws_are_those_of_earlier_runs(classes, members, share, seed, even):
    """Which scikit-learn made, with and without classes in proportion."""
    rng = np.random.default_rng(seed)
    counts = np.full(classes, members) if even else rng.integers(2, members + 1, classes)
    labels = rng.permutation(np.repeat(rng.permutation(2 * classes)[:classes], counts))
    count = len(labels)
    size = min(max(classes, round(share * count)), count - classes)
    for given_labels in (None, labels):
        _, expected = train_test_split(
            np.arange(count), test_size=size, random_state=seed, stratify=given_labels
        )
        splits = split_indices(
            count + 1,  # with a test image, so that the pool is in order and its size is known
            None if given_labels is None else np.append(labels, 0),
            DataConfig(valid_fraction=size / count, split_seed=seed),
            name="set",
            official_test=1,
        )
        np.testing.assert_array_equal(splits["valid"], np.sort(expected))


@pytest.mark.parametrize(
    ("count", "classes", "options", "digest"),
    [
        (1000, None, {"split_seed": 3}, "77a7266c30d104e7"),
        (1000, np.arange(1000) % 10, {}, "8a722d0cdeb6207c"),
        (
            997,
            np.arange(997) ** 2 % 7,
            {"split_seed": 11, "valid_fraction": 0.13},
            "3b9df9d3ad44c43e",
        ),
    ],
)
def test_the_splits_of_earlier_runs_stay(count, classes, options, digest):
    """Written down when scikit-learn 1.9 drew them."""
    splits = split_indices(count, classes, DataConfig(**options), name="set")
    found = b"".join(splits[name].astype("<i8").tobytes() for name in ("train", "valid", "test"))
    assert hashlib.sha256(found).hexdigest().startswith(digest)


@pytest.mark.parametrize("labels", [[0] * 9 + [1], list(range(10)), [0] * 10])
def test_classes_too_small_to_stratify_still_split(labels):
    splits = split_indices(10, np.array(labels), DataConfig(), name="set")
    assert _sizes(splits) == (7, 1, 2)


@pytest.mark.parametrize("count", range(3, 10))
def test_tiny_sets_fill_every_split(count):
    assert min(_sizes(split_indices(count, None, DataConfig(), name="set"))) >= 1


@pytest.mark.parametrize(
    ("count", "options", "official", "message"),
    [
        (1, {}, 0, "at least 2 images to train and look at, got 1. Fix: give more"),
        (0, {}, 0, "at least 2 images to train and look at, got 0. Fix: give more"),
        (
            2,
            {},
            0,
            "train, valid and test need at least 3 images, got 2.*--valid-fraction 0",
        ),
        (3, {}, 2, "train and valid need at least 2 images, got 1 in the training pool"),
        (100, {"train_size": 81, "valid_fraction": 0.0}, 0, "train_size 81 .* got 80. Fix: lower"),
        (
            100,
            {"train_size": 80, "valid_fraction": 0.1},
            0,
            "train_size 80 beside 8 validation images .*88 images, got 80. Fix: lower",
        ),
    ],
)
def test_too_few_images(count, options, official, message):
    with pytest.raises(DataError, match=f"^cats: .*{message}"):
        split_indices(count, None, DataConfig(**options), name="cats", official_test=official)


def test_two_images_suffice_for_two_splits():
    assert _sizes(split_indices(2, None, DataConfig(valid_fraction=0.0), name="set")) == (1, 0, 1)
    assert _sizes(split_indices(2, None, DataConfig(test_fraction=0.0), name="set")) == (1, 1, 0)


@pytest.mark.parametrize("option", ["valid_fraction", "test_fraction"])
@pytest.mark.parametrize("value", [-0.1, 1.0, 20.0, float("nan")])
def test_fractions_lie_in_0_to_1(option, value):
    with pytest.raises(ConfigError, match=rf"{option} must be 0 or more and below 1, got {value}"):
        split_indices(10, None, DataConfig(**{option: value}), name="set")


@pytest.mark.parametrize("options", [{"train_size": 0}, {"split_seed": -1}, {"split_seed": 2**32}])
def test_other_options_out_of_range(options):
    ((option, value),) = options.items()
    with pytest.raises(ConfigError, match=rf"{option} must be .*, got {value}. Fix: choose"):
        split_indices(10, None, DataConfig(**options), name="set")
