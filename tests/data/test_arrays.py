"""Arrays in memory and in files: what is accepted, what is refused, and in which words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reparam.data import DataConfig, as_labels, as_pixels, image_set_from_arrays, load_images
from reparam.errors import DataError, DataRangeError, ReparamError, ShapeError

BYTES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
shapes = st.tuples(*[st.integers(1, 6)] * 3, st.sampled_from([1, 2, 3, 4]))


@given(hnp.arrays(np.uint8, shapes))
def test_bytes_stay_as_they_are(images):
    assert as_pixels(images, "a") is images
    np.testing.assert_array_equal(as_pixels(images[..., 0], "a"), images[..., :1])


@given(hnp.arrays(np.uint8, shapes), st.sampled_from(["<i2", ">i4", "<i8", "<u2", "<u8"]))
def test_integers_up_to_255_become_bytes(images, dtype):
    pixels = as_pixels(images.astype(dtype), "a")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, images)


@given(hnp.arrays(np.uint8, shapes), st.sampled_from([np.float32, np.float64, ">f8"]))
def test_floats_of_256_levels_come_back(images, dtype):
    np.testing.assert_array_equal(as_pixels((images / 255).astype(dtype), "a"), images)


@given(hnp.arrays(np.float64, (5, 4, 4), elements=st.floats(0, 1)))
def test_floats_are_rounded_to_the_nearest_level(images):
    pixels = as_pixels(images, "a")
    assert np.abs(pixels[..., 0] / 255 - images).max() <= 0.5 / 255 + 1e-12


def test_many_floats_are_converted_in_parts():
    images = np.linspace(0, 1, 9000)[:, None, None] * np.ones((1, 2, 2))
    np.testing.assert_array_equal(
        as_pixels(images, "a")[:, 0, 0, 0], np.rint(images[:, 0, 0] * 255)
    )


def test_other_kinds_of_arrays():
    bools = BYTES % 2 == 0
    np.testing.assert_array_equal(as_pixels(bools, "a")[..., 0], np.where(bools, 255, 0))
    np.testing.assert_array_equal(as_pixels(torch.from_numpy(BYTES), "a")[..., 0], BYTES)
    np.testing.assert_array_equal(as_pixels(BYTES.tolist(), "a")[..., 0], BYTES)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((6, 784)), ShapeError, "got flat rows 6×784. Fix: reshape"),
        (np.zeros(6), ShapeError, r"got 1 axes \(6\)"),
        (np.zeros((1, 2, 3, 4, 5)), ShapeError, r"got 5 axes \(1×2×3×4×5\)"),
        (3.0, ShapeError, r"got 0 axes \(one number\)"),
        (np.zeros((6, 3, 8, 8)), ShapeError, "6×3×8×8, which looks like N×C×H×W.*transpose"),
        (np.zeros((6, 1, 28, 28)), ShapeError, "6×1×28×28, which looks like N×C×H×W.*transpose"),
        (np.zeros((64, 4, 32, 32)), ShapeError, "which looks like N×C×H×W.*--channels-first"),
        (np.zeros((64, 2, 32, 32)), ShapeError, "which looks like N×C×H×W.*--channels-first"),
        (np.zeros((32, 32, 3, 64)), ShapeError, r"looks like H×W×C×N.*transpose\(3, 0, 1, 2\)"),
        (np.zeros((28, 28, 200)), ShapeError, r"which looks like H×W×N.*transpose\(2, 0, 1\)"),
        (np.zeros((20, 28, 200)), ShapeError, r"which looks like H×W×N.*or images\[..., None\]"),
        (np.zeros((6, 8, 8, 12)), ShapeError, "at most 4 channels, got 12 .*--channels 12"),
        (np.zeros((0, 28, 28)), ShapeError, "at least one image of one pixel, got 0×28×28"),
        (np.zeros((2, 28, 0)), ShapeError, "at least one image of one pixel, got 2×28×0"),
        (
            BYTES.astype(int) + 200,
            DataRangeError,
            "got 200 to 295. Fix: .* --range 200 295",
        ),
        (BYTES.astype(int) * 600 + 6939, DataRangeError, "6939 to 63939. .* --range 0 65535"),
        (BYTES.astype(int) * 40, DataRangeError, "0 to 3800. .* --range 0 4095"),
        (BYTES / 60 - 0.7, DataRangeError, "-0.7 to 0.88.* --range -1 1"),
        (BYTES.astype(int) - 1, DataRangeError, r"0..255, got -1 to 94. Fix: .* --range -1 94"),
        (
            BYTES.astype(float) * 2,
            DataRangeError,
            "got 0 to 190. Fix: divide them by 255",
        ),
        (
            BYTES.astype(float),
            DataRangeError,
            "got 0 to 95. Fix: rescale .* --range 0 95",
        ),
        (BYTES * 1.9, DataRangeError, r"\[0, 1\], got 0 to 180.5. Fix: rescale"),
        (
            BYTES / 95 * 2 - 1,
            DataRangeError,
            r"\[0, 1\], got -1 to 1.*rescale them to \[0, 1\]",
        ),
        (np.full((2, 4, 4), np.nan), DataRangeError, "finite, got 32 that are NaN or infinite"),
        (np.full((2, 4, 4), np.inf), DataRangeError, "finite, got 32 that are NaN or infinite"),
        (BYTES.astype(object), DataError, "array of numbers, got dtype object. Fix: stack"),
        (BYTES.astype(complex), DataError, "array of numbers, got dtype complex128"),
        (BYTES.astype(str), DataError, "array of numbers, got dtype <U"),
        ([np.zeros((4, 4)), np.zeros((5, 4))], DataError, "got list .*bring all images to one"),
        (None, DataError, "got dtype object"),
    ],
)
def test_images_that_are_refused(images, error, message):
    with pytest.raises(error, match=message) as caught:
        as_pixels(images, "faces")
    assert str(caught.value).startswith("faces: ")
    assert "\n" not in str(caught.value)


def test_axes_that_are_asked_for():
    many = np.random.default_rng(0).integers(0, 256, (6, 8, 9, 12), np.uint8)
    np.testing.assert_array_equal(as_pixels(many, "a", channels=12), many)
    first = many.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(as_pixels(first, "a", channels=12, channels_first=True), many)
    colour = many[..., :3].transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(as_pixels(colour, "a", channels_first=True), many[..., :3])
    rows = np.zeros((10, 28, 200), np.uint8)[..., None]  # of N×H×W, said by a fourth axis
    assert as_pixels(rows, "a").shape == (10, 28, 200, 1)
    with pytest.raises(ShapeError, match="must have 3 channels, as --channels says, got 1"):
        as_pixels(BYTES, "a", channels=3)
    with pytest.raises(ShapeError, match="channels first needs 4 axes"):
        as_pixels(BYTES, "a", channels_first=True)


@given(
    black=st.integers(-1000, 1000),
    span=st.integers(1, 100_000),
    kind=st.sampled_from([np.int64, np.float64, np.float32]),
)
def test_a_range_goes_from_black_to_white(black: int, span: int, kind: type):
    values = np.linspace(black, black + span, 48).reshape(3, 4, 4).astype(kind)
    values = values.clip(black, black + span)
    expected = np.rint((values.astype(float) - black) * (255 / span))
    found = as_pixels(values, "a", pixel_range=(black, black + span))
    np.testing.assert_array_equal(found[..., 0], expected)
    assert (found.flat[0], found.flat[-1]) == (0, 255)
    with pytest.raises(DataRangeError, match="must lie in the range"):
        as_pixels(values + 1, "a", pixel_range=(black, black + span))


@pytest.mark.parametrize("bad", [(1, 1), (2, 1), (0, float("inf")), (float("nan"), 1)])
def test_a_range_that_cannot_be(bad: tuple[float, float]):
    with pytest.raises(DataRangeError, match="from black to a larger white"):
        as_pixels(BYTES, "a", pixel_range=bad)


@pytest.mark.parametrize(
    ("images", "top"),
    [
        (BYTES % 2, "1 of 255"),
        (BYTES % 17, "16 of 255"),
        (BYTES / 95 / 255, "1 of 255"),
    ],
)
def test_a_set_that_is_nearly_black_is_warned_of(images: np.ndarray, top: str, tmp_path: Path):
    np.save(tmp_path / "dark.npy", images)
    with pytest.warns(UserWarning, match=f"the brightest of all pixels is {top}.* --range"):
        load_images(DataConfig(str(tmp_path / "dark.npy")))


def test_one_bad_float_among_many():
    images = np.zeros((50, 4, 4), np.float32)
    images[49, 3, 3] = np.nan
    with pytest.raises(DataRangeError, match="got 1 that are NaN"):
        as_pixels(images, "a")


@given(hnp.arrays(np.int64, st.integers(1, 30), elements=st.integers(-5, 5)))
def test_integers_make_their_own_classes(values):
    """But for -1, which is none."""
    assume((values >= 0).any())
    labels, names = as_labels(values, len(values), None, "a")
    found = [-1 if label < 0 else int(names[label]) for label in labels]
    assert found == values.tolist()
    assert list(map(int, names)) == sorted(set(values.tolist()) - {-1})


@pytest.mark.parametrize("dtype", [str, object])
def test_strings_make_their_own_classes(dtype):
    labels, names = as_labels(np.array(["cat", "ant", "cat"], dtype), 3, None, "a")
    assert labels.tolist() == [1, 0, 1]
    assert names == ("ant", "cat")


def test_whole_floats_and_bools_are_labels():
    assert as_labels(np.array([3.0, 1.0, 3.0]), 3, None, "a")[1] == ("1", "3")
    assert as_labels([True, False], 2, None, "a")[0].tolist() == [1, 0]


def test_class_names():
    labels, names = as_labels([2, 0], 2, ["a", "b", "c"], "a")
    assert (labels.tolist(), names) == ([2, 0], ("a", "b", "c"))
    labels, names = as_labels(["c", "a"], 2, ["c", "b", "a"], "a")
    assert (labels.tolist(), names) == ([0, 2], ("c", "b", "a"))


@pytest.mark.parametrize(
    ("labels", "names", "error", "message"),
    [
        ([0, 1], None, ShapeError, "got 2 labels for 3 images. Fix: give as many"),
        ([0, 1, 2, 3], None, ShapeError, "got 4 labels for 3 images. Fix: give as many"),
        (np.eye(3), None, ShapeError, r"shape \(3, 3\).*argmax"),
        ([0, 1, 3], ["a", "b", "c"], DataRangeError, r"\(0..2\), got 0 to 3. Fix: correct"),
        ([0, -2, 1], ["a", "b", "c"], DataRangeError, r"\(0..2\), got -2 to 1. Fix: correct"),
        ([0.0, 0.5, 1.0], None, DataRangeError, "integers or strings, got 0.5. Fix: round"),
        ([0.0, np.nan, 1.0], None, DataRangeError, "integers or strings, got nan"),
        ([0, "a", None], None, DataError, "got dtype object. Fix: convert"),
        ([0, [1], 2], None, DataError, "one array, got list .*one integer or string"),
        (["a", "b", "x"], ["a", "b"], DataError, "among the class_names, got 'x'"),
        ([0, 1, 0], ["a", "a"], DataError, "distinct, got 'a' twice"),
        ([0, 0, 0], [], DataError, "distinct, got 'none at all' given"),
    ],
)
def test_labels_that_are_refused(labels, names, error, message):
    with pytest.raises(error, match=message) as caught:
        as_labels(labels, 3, names, "faces")
    assert str(caught.value).startswith("faces: ")
    assert "\n" not in str(caught.value)


def test_an_image_set_of_arrays():
    labels = np.array(["b", "a"] * 3)
    images = image_set_from_arrays(BYTES, labels, name="mine", config=DataConfig())
    assert images.name == "mine"
    assert images.image_shape == (4, 4, 1)
    assert [images.class_names[i] for i in images.labels] == labels.tolist()
    assert sorted(np.concatenate(list(images.splits.values()))) == list(range(6))
    assert image_set_from_arrays(BYTES, name="mine", config=DataConfig()).labels is None
    with pytest.raises(DataError, match="class_names need labels, got 1 names and no labels"):
        image_set_from_arrays(BYTES, class_names=["a"], name="mine", config=DataConfig())
    with pytest.raises(DataError, match=r"mine: .*got 1"):
        image_set_from_arrays(BYTES[:1], name="mine", config=DataConfig())


def test_npz(tmp_path: Path):
    path = tmp_path / "shapes.npz"
    names = np.array(["round", "square"])
    np.savez(path, images=BYTES, labels=[0, 1, 0, 1, 0, 1], class_names=names, other=np.eye(2))
    images = load_images(DataConfig(source=str(path)))
    assert images.name == "shapes"
    np.testing.assert_array_equal(images.images[..., 0], BYTES)
    assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert images.class_names == ("round", "square")


def test_npy(tmp_path: Path):
    path = tmp_path / "colour.NPY"
    colour = np.random.default_rng(0).random((5, 7, 6, 3))
    with path.open("wb") as file:
        np.save(file, colour)
    images = load_images(DataConfig(source=str(path)))
    np.testing.assert_array_equal(images.images, np.rint(colour * 255))
    assert images.labels is None
    assert images.class_names == ()


class Trap:
    """Its pickle writes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("key", ["images", "labels", "class_names", "factors", "factor_names"])
def test_pickles_are_never_loaded(tmp_path: Path, key):
    arrays = {"images": BYTES, "labels": np.zeros(6, int), "class_names": np.array(["a"])}
    trap = np.array([Trap(tmp_path / "sprung")] * 6, object)
    np.savez(tmp_path / "trap.npz", allow_pickle=True, **(arrays | {key: trap}))
    with pytest.raises(DataError, match=rf"trap.npz: {key} must be .*Python objects"):
        load_images(DataConfig(source=str(tmp_path / "trap.npz")))
    np.save(tmp_path / "trap.npy", trap, allow_pickle=True)
    with pytest.raises(DataError, match=r"trap.npy: images must be .*Python objects"):
        load_images(DataConfig(source=str(tmp_path / "trap.npy")))
    (tmp_path / "raw.npy").write_bytes(trap.dumps())
    with pytest.raises(DataError, match=r"raw.npy: .*without pickled objects.*save it again"):
        load_images(DataConfig(source=str(tmp_path / "raw.npy")))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_files_cut_short(tmp_path: Path, suffix, part):
    path = tmp_path / f"cut{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, images=BYTES)
    else:
        np.save(path, BYTES)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(
        DataError, match=rf"cut{suffix}: must be a readable {suffix} file"
    ) as caught:
        load_images(DataConfig(source=str(path)))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300))
def test_no_file_does_worse_than_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "noise.npy"
    path.write_bytes(content)
    with pytest.raises(ReparamError, match=r"noise\.npy"):
        load_images(DataConfig(source=str(path)))


def test_files_without_what_is_needed(tmp_path: Path):
    def refused(message: str, **arrays: object) -> None:
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(DataError, match=rf"a\.npz: {message}"):
            load_images(DataConfig(source=str(tmp_path / "a.npz")))

    refused("an .npz file needs an array named images, got 'x', 'y'.*save it", x=BYTES, y=BYTES)
    refused("an .npz file needs an array named images, got no arrays")
    refused("class_names must be a list of strings, got dtype int64", images=BYTES, class_names=1)
    flat = BYTES.reshape(6, 16)
    np.savez(tmp_path / "flat.npz", images=flat)
    with pytest.raises(ShapeError, match=r"flat.npz: .*flat rows 6×16. Fix: reshape"):
        load_images(DataConfig(source=str(tmp_path / "flat.npz")))
