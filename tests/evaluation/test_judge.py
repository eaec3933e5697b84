"""The judge: right, repeatable, kept, and its own for each set of images."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import UNKNOWN, DataConfig, ImageSet, image_set_from_arrays, load_images
from reparam.errors import ConfigError, DataError, ShapeError
from reparam.evaluation.judge import FEATURES, Judge, judge_for
from reparam.evaluation.judge.judge import cache_path
from reparam.evaluation.judge.network import JudgeNetwork


@pytest.fixture
def new_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def colours(count: int = 90, height: int = 7, width: int = 11) -> ImageSet:
    """Noise of three kinds: reddish, greenish, bluish."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 120, (count, height, width, 3), np.uint8)
    labels = np.arange(count) % 3
    images[np.arange(count), :, :, labels] += 80
    return image_set_from_arrays(images, labels, name="colours", config=DataConfig())


@pytest.fixture(scope="module")
def colour_judge(judge_cache: Path) -> Judge:
    return judge_for(colours())


def test_a_judge_knows_real_digits(small_judge: Judge, small_digits: ImageSet) -> None:
    test = small_digits.split_images("test")
    truth = small_digits.split_labels("test")
    found = small_judge.labels(test)
    assert small_judge.accuracy == pytest.approx((found == truth).mean())
    assert small_judge.accuracy > 0.95
    assert small_judge.classes == 10
    assert small_judge.class_names == tuple("0123456789")
    assert f"{small_judge.accuracy:.2%}" in small_judge.description


def test_features_are_standardised_over_the_training_images(
    small_judge: Judge, small_digits: ImageSet
) -> None:
    features = small_judge.features(small_digits.split_images("train"))
    assert features.shape == (len(small_digits.splits["train"]), FEATURES)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-4)
    # A feature of small variance is held back by batch norm's ε.
    np.testing.assert_allclose(features.std(0), 1, atol=1e-2)


def test_bytes_floats_and_the_module_agree_whatever_the_batch(
    small_judge: Judge, small_digits: ImageSet
) -> None:
    images = small_digits.images[:600]
    features = small_judge.features(images)
    floats = images.astype(np.float32) / 255
    np.testing.assert_allclose(small_judge.features(floats), features, atol=1e-5)
    alone = np.concatenate([small_judge.features(images[i : i + 1]) for i in (0, 555)])
    np.testing.assert_allclose(alone, features[[0, 555]], atol=1e-4)
    tensor = torch.from_numpy(floats).permute(0, 3, 1, 2)
    by_module = small_judge.feature_module(tensor)
    np.testing.assert_allclose(by_module.numpy(), features, atol=1e-4)
    assert small_judge.features(images[:0]).shape == (0, FEATURES)


def test_some_images_of_a_set_and_both_answers_at_once(
    small_judge: Judge, small_digits: ImageSet
) -> None:
    index = np.array([700, 3, 41])
    some = small_digits.images[index]
    np.testing.assert_array_equal(
        small_judge.features(small_digits.images, index), small_judge.features(some)
    )
    found = small_judge.labels(small_digits.images, index)
    np.testing.assert_array_equal(found, small_judge.labels(some))
    features, labels = small_judge.assess(torch.from_numpy(some).permute(0, 3, 1, 2) / 255)
    np.testing.assert_allclose(features.numpy(), small_judge.features(some), atol=1e-5)
    assert labels is not None
    np.testing.assert_array_equal(labels.numpy(), found)
    assert small_judge.on("cpu") is small_judge
    elsewhere = small_judge.on("meta")
    assert elsewhere.device.type == "meta"
    assert small_judge.device.type == "cpu"


def test_the_cache_gives_the_same_judge_bit_for_bit(
    small_judge: Judge, small_digits: ImageSet
) -> None:
    told: list[tuple[str, int, int]] = []
    again = judge_for(small_digits, progress=lambda *news: told.append(news))
    assert again.from_cache
    assert not small_judge.from_cache
    assert told == [("the judge, from the cache", 1, 1)]
    assert (again.accuracy, again.seconds) == (small_judge.accuracy, small_judge.seconds)
    images = small_digits.images[:50]
    assert again.features(images).tobytes() == small_judge.features(images).tobytes()


def test_training_again_gives_the_same_judge_and_leaves_torchs_random_state(
    colour_judge: Judge, new_cache: Path
) -> None:
    images = colours()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    told: list[tuple[str, int, int]] = []
    again = judge_for(images, progress=lambda *news: told.append(news))
    assert torch.equal(torch.get_rng_state(), state)
    assert told[-1][1] == told[-1][2]
    assert not again.from_cache
    features = again.features(images.images)
    assert features.tobytes() == colour_judge.features(images.images).tobytes()
    assert again.accuracy == 1.0


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_bit(data: bytes) -> bytes:
    middle = 3 * len(data) // 4
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, one_bit])
def test_a_damaged_cache_is_made_anew(
    damage: Callable[[bytes], bytes], colour_judge: Judge, judge_cache: Path
) -> None:
    images = colours()
    path = cache_path(images)
    path.write_bytes(damage(path.read_bytes()))
    remade = judge_for(images)
    assert not remade.from_cache
    features = remade.features(images.images)
    assert features.tobytes() == colour_judge.features(images.images).tobytes()
    assert judge_for(images).from_cache


def test_another_judges_file_in_its_place_is_not_taken(
    small_judge: Judge, small_digits: ImageSet, judge_cache: Path
) -> None:
    images = colours()
    cache_path(images).write_bytes(cache_path(small_digits).read_bytes())
    remade = judge_for(images)
    assert not remade.from_cache
    assert judge_for(images).from_cache


def test_another_pixel_label_or_split_is_another_judge() -> None:
    images = colours()
    other_pixels, other_labels = images.images.copy(), images.labels.copy()  # type: ignore[union-attr]
    other_pixels[0, 0, 0, 0] ^= 1
    other_labels[0] = 1
    train, test = images.splits["train"], images.splits["test"]
    paths = {
        cache_path(images),
        cache_path(replace(images, images=other_pixels)),
        cache_path(replace(images, labels=other_labels)),
        cache_path(replace(images, labels=None, class_names=())),
        cache_path(replace(images, splits={**images.splits, "train": test, "test": train})),
    }
    assert len(paths) == 5


def test_without_labels_features_come_from_an_autoencoder(new_cache: Path) -> None:
    images = replace(colours(), labels=None, class_names=())
    judge = judge_for(images)
    assert judge.classes is None
    assert judge.accuracy is None
    assert judge.error is not None
    assert judge.features(images.images).shape == (90, FEATURES)
    assert "no labels" in judge.description
    again = judge_for(images)
    assert again.from_cache
    assert again.error == judge.error
    with pytest.raises(ConfigError, match="give labels"):
        judge.labels(images.images)
    kept = images.split_images("test") / 255
    variance = np.square(kept - kept.mean(0)).mean()
    assert judge.error < variance


def test_a_judge_without_labels_among_held_out_images_is_not_tested(new_cache: Path) -> None:
    images = colours()
    labels = images.labels.copy()  # type: ignore[union-attr]
    labels[images.splits[images.held_out()]] = UNKNOWN
    judge = judge_for(replace(images, labels=labels))
    assert (judge.classes, judge.accuracy, judge.error) == (3, None, None)
    assert "of unknown accuracy, as no held-out image has a label" in judge.description


def test_of_one_class_a_judge_learns_what_images_look_like(new_cache: Path) -> None:
    """Who has nothing to tell apart learns nothing; and it does not say that it is always right."""
    images = colours()
    nothing = replace(images, labels=np.zeros(len(images), np.int64), class_names=("good",))
    assert judge_for(nothing).classes is None
    later = images.labels.copy()  # type: ignore[union-attr]
    later[images.splits["train"]] = 0  # the other classes are held out alone
    judge = judge_for(replace(images, labels=later))
    assert judge.classes is None
    plain = judge_for(replace(images, labels=None, class_names=()))
    np.testing.assert_array_equal(judge.features(images.images), plain.features(images.images))


def test_images_of_another_size_are_refused(small_judge: Judge) -> None:
    with pytest.raises(ShapeError, match="8 × 8 × 1"):
        small_judge.features(np.zeros((2, 9, 8, 1), np.uint8))


def test_a_judge_needs_training_images(new_cache: Path) -> None:
    images = colours()
    nothing = np.arange(0)
    with pytest.raises(DataError, match="training images"):
        judge_for(replace(images, splits={**images.splits, "train": nothing}))


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert judge_for(colours(count=30)).accuracy is not None


@settings(max_examples=25)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.sampled_from([1, 3]),
    classes=st.sampled_from([None, 1, 7]),
)
def test_any_size_of_image_has_64_features(
    height: int, width: int, channels: int, classes: int | None
) -> None:
    network = JudgeNetwork((height, width, channels), classes).eval()
    x = torch.rand(2, channels, height, width)
    assert network.features(x).shape == (2, FEATURES)
    assert network(x).shape == (x.shape if classes is None else (2, classes))


def test_the_derivative_of_the_features_is_that_of_finite_differences(small_judge: Judge) -> None:
    module = JudgeNetwork(small_judge.image_shape, 10).features.double().eval()
    module.load_state_dict(small_judge.feature_module.state_dict())
    generator = torch.Generator().manual_seed(0)
    x, direction = (torch.rand(4, 1, 8, 8, generator=generator).double() for _ in range(2))
    found = torch.func.jvp(module, (x,), (direction,))[1]
    step = 1e-7
    difference = (module(x + step * direction) - module(x - step * direction)) / (2 * step)
    torch.testing.assert_close(found, difference, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_the_judge_of_digits_is_right_98_times_in_100(new_cache: Path) -> None:
    accuracy = judge_for(load_images(DataConfig())).accuracy
    assert accuracy is not None
    assert accuracy >= 0.98


@pytest.mark.slow
def test_the_judge_of_mnist_is_right_99_times_in_100(mnist_dir: Path, new_cache: Path) -> None:
    images = load_images(DataConfig(source="mnist", data_dir=mnist_dir))
    accuracy = judge_for(images).accuracy
    assert accuracy is not None
    assert accuracy >= 0.99
