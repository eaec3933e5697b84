"""Labels that are not known: -1 in arrays, or hidden for an experiment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import UNKNOWN, DataConfig, as_labels, class_indices, image_set_from_arrays
from reparam.data.splits import with_known_labels
from reparam.errors import ConfigError, DataError, DataRangeError
from reparam.export import LabelledImages


def image_set(labels, known: int | None = None, seed: int = 0):
    images = np.zeros((len(labels), 2, 2), np.uint8)
    config = DataConfig(known_labels=known, split_seed=seed)
    return image_set_from_arrays(images, labels, name="set", config=config)


def test_minus_one_is_no_class() -> None:
    labels, names = as_labels([7, -1, 3, 7], 4, None, "set")
    assert (labels.tolist(), names) == ([1, -1, 0, 1], ("3", "7"))
    labels, names = as_labels([1.0, -1.0, 0.0, -1.0], 4, ["a", "b"], "set")
    assert (labels.tolist(), names) == ([1, -1, 0, -1], ("a", "b"))
    assert as_labels(np.array([255, 3], np.uint8), 2, None, "set")[0].tolist() == [1, 0]
    for names in (None, ["a", "b"]):
        with pytest.raises(DataError, match="some labels must be known, got -1 alone"):
            as_labels([-1, -1], 2, names, "set")
    with pytest.raises(DataRangeError, match="got -2 to 1"):
        as_labels([-2, -1, 1], 3, ["a", "b"], "set")


@pytest.mark.parametrize("unknown", ["", "-1"])
def test_among_texts_they_are_no_class(unknown: str) -> None:
    given = np.array(["ci", unknown, "qu", "ci"])
    for names in (None, ["ci", "qu"]):
        labels, found = as_labels(given, 4, names, "set")
        assert (labels.tolist(), found) == ([0, -1, 1, 0], ("ci", "qu"))
    labels, _ = as_labels(given, 4, ["ci", "qu", unknown], "set")
    assert labels.tolist() == [0, 2, 1, 0]
    assert as_labels(["ci", -1], 2, None, "set")[0].tolist() == [0, -1]
    with pytest.raises(DataError, match="some labels must be known"):
        as_labels([unknown] * 2, 2, None, "set")


@pytest.mark.parametrize("missing", [[1.0, np.nan], ["a", None]])
def test_what_is_missing_is_told_how_to_be_written(missing: list[object]) -> None:
    with pytest.raises((DataError, DataRangeError), match="-1 where one is not known"):
        as_labels(np.array(missing), 2, None, "set")


def test_a_number_is_a_place_among_classes_only_where_none_is_called_by_a_number() -> None:
    assert class_indices(["2", "b"], ("a", "b", "c"), "set").tolist() == [2, 1]
    assert class_indices(["5"], ("1", "3", "5"), "set").tolist() == [2]
    for number in ("2", "0"):
        with pytest.raises(DataError, match=f"unknown class '{number}'"):
            class_indices([number], ("1", "3", "5"), "set")


def test_names_there_and_back() -> None:
    """An unknown class has no name, unless a class is called so."""
    labels = np.array([1, -1, 0])
    images = LabelledImages(np.zeros((3, 2, 2, 1), np.uint8), labels, ("a", "b"))
    assert images.label_names() == ("b", "", "a")
    np.testing.assert_array_equal(class_indices(("b", "", "a"), ("a", "b"), "set"), labels)
    assert class_indices([""], ("a", ""), "set").tolist() == [1]
    with pytest.raises(DataError, match="set: unknown class ''"):
        class_indices([""], ("a", "b"), "set", or_unknown=False)


@given(
    st.lists(st.integers(-1, 3), min_size=30, max_size=120),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=25)
def test_so_many_labels_stay_known(labels: list[int], count: int, seed: int) -> None:
    """Of training images alone; none of a class where another with more to give has two fewer."""
    if max(labels) < 0:
        return
    every = image_set(labels, seed=seed)
    train, others = (
        every.splits["train"],
        np.concatenate([every.splits["valid"], every.splits["test"]]),
    )
    if count > len(every.labelled("train")):
        with pytest.raises(ConfigError, match="known_labels must be from 1 to"):
            image_set(labels, count, seed)
        return
    few = image_set(labels, count, seed)
    assert len(few.labelled("train")) == count
    assert sum(few.counts()["train"].values()) == count
    np.testing.assert_array_equal(few.labels[others], every.labels[others])
    known = few.labelled("train")
    np.testing.assert_array_equal(few.labels[known], every.labels[known])
    kept, given_ = (np.bincount(s.labels[s.labelled("train")], minlength=4) for s in (few, every))
    for other in np.flatnonzero(kept < given_):
        assert kept.max() <= kept[other] + 1
    assert image_set(labels, count, seed).fingerprint() == few.fingerprint()
    assert (few.labels[train] == UNKNOWN).sum() == len(train) - count


def test_the_seed_of_the_split_chooses_them() -> None:
    labels = np.arange(200) % 4
    images = image_set(labels)
    kept = {
        tuple(
            with_known_labels(images, DataConfig(known_labels=8, split_seed=seed)).labelled("train")
        )
        for seed in range(5)
    }
    assert len(kept) == 5


def test_what_cannot_be_hidden_is_refused() -> None:
    for labels, most in ((None, 0), (np.arange(40) % 4, 29)):
        images = np.zeros((40, 2, 2), np.uint8)
        for count in (0, 30):
            config = DataConfig(known_labels=count)
            with pytest.raises(ConfigError, match=f"with labels, {most}, got {count}"):
                image_set_from_arrays(images, labels, name="set", config=config)
