"""Scores of deep features against what they are defined as, computed another way."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch.nn import functional as F

from reparam.errors import ConfigError, DataError
from reparam.evaluation.anomaly import Good, Pictures, Seen, score_images
from reparam.evaluation.anomaly.scores import FeatureNeighbours, Padim, PatchCore, deep
from reparam.evaluation.anomaly.scores.deep import at_places, greedy_coreset

from .conftest import random_pictures, small_model
from .test_scores import TwoMaps

SCORES = [
    FeatureNeighbours(network="two-maps"),
    Padim(network="two-maps", features=8),
    PatchCore(network="two-maps", memory=10**6),
]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (128, 128)),
        ((48, 60), (96, 120)),
        ((100, 150), (128, 192)),
        ((128, 128), None),
        ((28, 28), None),
        ((32, 200), None),
    ],
)
def test_small_pictures_are_enlarged_for_the_network(size, expected):
    """Twice, up to 128 pixels of the shorter side, with at most 16 places along a side; not below
    what the network makes of all."""
    seen = Seen(small_model((*size, 1)), torch.rand(3, 1, *size))
    found = SCORES[1]._places(seen)
    if expected is None:
        assert seen.enlarged is seen
        assert max(found.shape[2:]) <= 32
        return
    large = F.interpolate(seen.images, expected, mode="bilinear", align_corners=False)
    assert torch.equal(seen.enlarged.images, large)
    _, maps = TwoMaps().maps(large)
    stride = -(-max(maps.shape[2:]) // 16)
    assert torch.equal(found, F.avg_pool2d(maps, stride, ceil_mode=True))


def maps_of(pictures: Pictures) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(TwoMaps().maps(torch.from_numpy(pictures.images).permute(0, 3, 1, 2) / 255))


def test_padim_is_the_mahalanobis_distance_of_each_place(vae):
    train = random_pictures(60, seed=5)
    (_, good), (_, new) = maps_of(train), maps_of(vae.pictures)
    slow = np.empty((len(new), *new.shape[2:]))
    for y, x in np.ndindex(*new.shape[2:]):
        there = good[:, :, y, x].numpy()
        away = new[:, :, y, x].numpy() - there.mean(0)
        inverse = np.linalg.inv(np.cov(there.T) + 0.01 * np.eye(8))
        slow[:, y, x] = np.sqrt(np.einsum("ni,ij,nj->n", away, inverse, away))
    score = Padim(network="two-maps", features=8)
    found = score_images(vae.model, vae.pictures, score, score.fit(Good(vae.model, train)))
    assert found.image == pytest.approx(slow.max((1, 2)), rel=1e-4)
    size = torch.from_numpy(slow)[:, None]
    large = F.interpolate(size, (12, 10), mode="bilinear", align_corners=False)[:, 0]
    np.testing.assert_allclose(found.maps, large.numpy(), rtol=1e-4)


def test_padim_keeps_some_of_the_features(vae):
    fitted = Padim(network="two-maps", features=3).fit(Good(vae.model, random_pictures(60, seed=5)))
    assert fitted["whitening"].shape == (5 * 4, 3, 3)
    assert len(set(fitted["kept"].tolist())) == 3


@pytest.mark.parametrize("count", [10**6, 50])
def test_patchcore_is_the_distance_to_the_nearest_place_in_its_memory(vae, count):
    train = random_pictures(60, seed=5)
    good, new = (
        F.avg_pool2d(maps_of(of)[1], 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1)
        for of in (train, vae.pictures)
    )
    score = PatchCore(network="two-maps", memory=count)
    fitted = score.fit(Good(vae.model, train))
    memory = fitted["memory"].numpy()
    assert memory.shape == (min(count, 60 * 5 * 4), 8)
    assert cdist(memory, good.reshape(-1, 8)).min(1) == pytest.approx(0, abs=1e-5)
    near = cdist(new.reshape(-1, 8), memory).min(1).reshape(40, -1)
    found = score_images(vae.model, vae.pictures, score, fitted)
    assert found.image == pytest.approx(near.max(1), rel=1e-4)


def test_neighbours_are_the_nearest_pictures(vae):
    train = random_pictures(60, seed=5)
    good, new = (maps_of(of)[1].mean((2, 3)) for of in (train, vae.pictures))
    score = FeatureNeighbours(network="two-maps", count=3)
    found = score_images(vae.model, vae.pictures, score, score.fit(Good(vae.model, train)))
    expected = np.sort(cdist(new, good), 1)[:, :3].mean(1)
    assert found.image == pytest.approx(expected, rel=1e-5)
    assert found.maps is None


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.type)
def test_a_score_does_not_depend_on_the_pictures_beside_it(vae, score):
    fitted = score.fit(Good(vae.model, random_pictures(60, seed=5)))
    whole = score_images(vae.model, vae.pictures, score, fitted).image
    for i in range(5):
        alone = score_images(vae.model, vae.pictures.only(np.array([i])), score, fitted)
        assert alone.image[0] == pytest.approx(whole[i], rel=1e-5)


def test_a_memory_covers_what_it_is_chosen_from():
    """Of five groups far apart, five rows are one of each; and all is bounded."""
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(5).repeat_interleave(200)[torch.randperm(1000, generator=generator)]
    rows = 100 * torch.eye(5, 30)[group] + torch.randn(1000, 30, generator=generator)
    chosen = greedy_coreset(rows, 5, generator)
    assert sorted(chosen.argmax(1).tolist()) == [0, 1, 2, 3, 4]
    assert greedy_coreset(rows, 2000, generator) is rows


def test_what_is_kept_is_bounded_whatever_the_number_of_pictures(vae, monkeypatch):
    monkeypatch.setattr(deep, "PICTURES", 16)
    monkeypatch.setattr(deep, "CANDIDATES", 100)
    good = Good(vae.model, random_pictures(300))
    looked = list(good.look(lambda seen: torch.zeros(len(seen.images)), 16))
    assert sum(map(len, looked)) == 16
    assert len(PatchCore(network="two-maps", memory=40).fit(good)["memory"]) == 40
    assert len(FeatureNeighbours(network="two-maps").fit(good)["features"]) == 16
    with pytest.raises(DataError, match="must be 17 good training pictures, got 16"):
        FeatureNeighbours(network="two-maps", count=17).fit(good)
    seen = Seen(vae.model, torch.rand(2, 1, 12, 10))
    large = at_places([torch.rand(2, 3, 130, 70), torch.rand(2, 4, 65, 35)], seen)
    assert large.shape[1] == 7
    assert max(large.shape[2:]) <= deep.SIDE


def test_maps_are_computed_once_and_no_deeper_than_asked(vae, monkeypatch):
    computed = []

    class Counting(TwoMaps):
        def maps(self, images):
            for at, found in enumerate(super().maps(images)):
                computed.append(at)
                yield found

    of_base = "reparam.evaluation.anomaly.scores.base.feature_maps"
    monkeypatch.setattr(of_base, lambda *_: Counting())
    seen = Seen(vae.model, torch.rand(2, 1, 12, 10))
    for depth, expected in ((1, 1), (2, 2), (1, 1), (None, 2)):
        assert len(seen.maps("two-maps", depth)) == expected
    assert computed == [0, 1]


def test_bad_options_and_too_few_pictures(vae):
    with pytest.raises(ConfigError, match="features must be 1 or more"):
        Padim(features=0)
    with pytest.raises(ConfigError, match="memory must be 1 or more"):
        PatchCore(memory=0)
    with pytest.raises(ConfigError, match="count must be 1 or more"):
        FeatureNeighbours(count=0)
    with pytest.raises(ConfigError, match="unknown features 'nothing'"):
        Padim(network="nothing")
    with pytest.raises(DataError, match="there must be 2 good training pictures, got 1"):
        FeatureNeighbours(network="two-maps").fit(Good(vae.model, random_pictures(1)))
