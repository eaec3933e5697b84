"""Known factors of images: what is taken, what is refused, and that they stay with the images."""

from pathlib import Path

import numpy as np
import pytest

from reparam.data import DataConfig, ImageSet, image_set_from_arrays, load_images, read_images
from reparam.data.factors import as_factors
from reparam.errors import DataError, DataRangeError, ShapeError

N = 60
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 4, 4), np.uint8)


def image_set(**arrays: object) -> ImageSet:
    return image_set_from_arrays(IMAGES, name="shapes", config=DataConfig(), **arrays)


def test_whole_numbers_strings_and_floats_of_few_values_are_categories():
    many = np.arange(N)
    for column in (many, many.astype(str), many.astype(object).astype(str), many % 2 == 0):
        assert as_factors(column[:, None], N, None, "a").categorical == (True,)
    few, more = many % 20 / 3.0, many % 21 / 3.0
    found = as_factors(np.stack([few, more], 1), N, None, "a")
    assert found.categorical == (True, False)
    assert found.names == ("factor 1", "factor 2")
    np.testing.assert_array_equal(found.values[:, 0], many % 20)  # indices, in order
    np.testing.assert_array_equal(found.values[:, 1], more)
    words = as_factors([["b", "x"], ["a", "x"], ["b", "y"]], 3, ["first", "second"], "a")
    assert words.values.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert words.names == ("first", "second")


GOOD = np.random.default_rng(0).random((3, 2))


@pytest.mark.parametrize(
    ("factors", "names", "error", "message"),
    [
        (GOOD[:, 0], None, ShapeError, r"got shape \(3,\). Fix: .*factors\[:, None\]"),
        (GOOD[:, :0], None, ShapeError, r"at least one factor, got shape \(3, 0\)"),
        (GOOD[:2], None, ShapeError, "got 2 rows for 3 images. Fix: give as many"),
        (GOOD.astype(complex), None, DataError, "numbers or strings, got dtype complex128"),
        ([[1, "a"], [2, None], [3, "b"]], None, DataError, "got dtype object"),
        ([[1], [1, 2], [3]], None, DataError, "factors must form one array, got list .*one row"),
        (GOOD * [np.nan, 1], None, DataRangeError, "finite, got 3 that are NaN"),
        (GOOD * [np.inf, 1], None, DataRangeError, "finite, got 3 that are NaN, infinite or"),
        (GOOD * [1e305, 1], None, DataRangeError, "got 3 that are .*beyond 1e\\+100. Fix: omit"),
        (GOOD, ["x"], ShapeError, "got 1 factor_names for 2 factors"),
        (GOOD, ["x", "x"], DataError, "factor_names must be distinct, got 'x' twice"),
        (GOOD, [], DataError, "factor_names must be distinct, got 'none at all' given"),
    ],
)
def test_factors_that_are_refused(factors, names, error, message):
    with pytest.raises(error, match=message) as caught:
        image_set_from_arrays(
            IMAGES[:3], name="shapes", config=DataConfig(), factors=factors, factor_names=names
        )
    assert str(caught.value).startswith("shapes: ")
    assert "\n" not in str(caught.value)


def test_names_without_factors():
    with pytest.raises(DataError, match="factor_names need factors, got 1 names and no factors"):
        image_set(factor_names=["x"])


def test_npz(tmp_path: Path):
    factors = np.random.default_rng(1).random((N, 2))
    path = tmp_path / "shapes.npz"
    np.savez(path, images=IMAGES, factors=factors, factor_names=["x", "angle"])
    found = load_images(DataConfig(str(path))).factors
    assert found is not None
    assert found.names == ("x", "angle")
    np.testing.assert_array_equal(found.values, factors)
    np.savez(path, images=IMAGES, factors=factors, factor_names=[1, 2])
    with pytest.raises(DataError, match=r"shapes\.npz: factor_names must be a list of strings"):
        load_images(DataConfig(str(path)))


def test_a_factor_that_never_changes_is_refused_in_a_set_to_train_on(tmp_path: Path):
    config = DataConfig(str(tmp_path / "shapes.npz"))
    np.savez(config.source, images=IMAGES, factors=np.arange(2 * N).reshape(N, 2) * [1, 0])
    with pytest.raises(DataError, match=r"shapes: .* 2 values, got 'factor 2' with 1\. Fix"):
        load_images(config)
    np.savez(config.source, images=IMAGES[:1], factors=[[3.5, 1]])
    assert len(read_images(config)) == 1, "of one image every factor is"


def test_the_fingerprint_depends_on_factors_where_there_are_some():
    without = "27597aa49cac9fd791fea7f08d8e45c58104fd1fe0d656504819ed12fd5ce508"
    assert image_set().fingerprint() == without, "as before there were factors"
    factors = np.random.default_rng(1).random((N, 2))
    other = factors.copy()
    other[3, 1] += 0.01
    kinds = [
        image_set(factors=factors),
        image_set(factors=other),
        image_set(factors=factors, factor_names=["x", "y"]),
        image_set(factors=(factors * 5).astype(int)),
    ]
    found = [each.fingerprint() for each in kinds]
    assert len({without, *found}) == 5
    assert image_set(factors=factors.copy()).fingerprint() == found[0]
    for split, index in kinds[0].splits.items():
        np.testing.assert_array_equal(index, image_set().splits[split])
