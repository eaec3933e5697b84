"""Local statistics against SciPy's, and what they see."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from reparam.evaluation.anomaly import Good, Pictures, score_images
from reparam.evaluation.anomaly.scores import LocalStatistics
from reparam.evaluation.anomaly.scores.base import Seen
from reparam.evaluation.anomaly.scores.features import enlarge, reach_of
from reparam.evaluation.anomaly.scores.statistics import means

from .conftest import random_pictures, small_model


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_windows_are_scipys(sigma):
    images = torch.rand(2, 3, 21, 17)
    each = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=3)
    np.testing.assert_allclose(means(images, sigma), each, atol=1e-6)


def statistics(pictures: Pictures) -> np.ndarray:
    """(N, H, W, 2 for each window and channel), in float64."""
    x = pictures.images / 255
    found = []
    for sigma in (0.5, 0.5, 4 / 64 * 10):
        mean, squares = (
            gaussian_filter(of, (0, sigma, sigma, 0), mode="mirror", truncate=3) for of in (x, x**2)
        )
        found += [mean, np.sqrt(np.maximum(squares - mean**2, 0))]
    return np.concatenate(found, 3)


def test_it_is_the_mahalanobis_distance_of_each_place(vae):
    """Of 12 × 10 pixels, which all are places."""
    train = random_pictures(60, seed=5)
    good, new = statistics(train), statistics(vae.pictures)
    count, features = len(good), good.shape[3]
    covariances = np.array(
        [[np.cov(good[:, y, x].T) for x in range(good.shape[2])] for y in range(good.shape[1])]
    )
    shared = 5 * features
    weighted = (count - 1) * covariances + shared * covariances.mean((0, 1))
    inverse = np.linalg.inv(weighted / (count - 1 + shared) + np.eye(features) / 255**2)
    away = new - good.mean(0)
    slow = np.sqrt(np.einsum("nyxi,yxij,nyxj->nyx", away, inverse, away))
    score = LocalStatistics()
    found = score_images(vae.model, vae.pictures, score, score.fit(Good(vae.model, train)))
    np.testing.assert_allclose(found.maps, slow, rtol=2e-3)
    assert found.image == pytest.approx(slow.max((1, 2)), rel=2e-3)


@pytest.mark.parametrize(
    ("change", "side"),
    [
        (lambda patch: patch * 0.6, 64),  # darker
        (lambda patch: 0.5 + 0.3 * (patch - 0.5), 64),  # smoother
        (lambda patch: patch * 0.6, 150),  # with fewer places than pixels
    ],
)
def test_what_is_darker_or_smoother_is_where_the_map_is_highest(change, side):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (40, side, side, 3), dtype=np.uint8)
    other = images[30:].copy()
    where = slice(side // 4, side // 2)
    other[:, where, where] = np.rint(255 * change(other[:, where, where] / 255))
    model, score = small_model((side, side, 3)), LocalStatistics()
    fitted = score.fit(Good(model, Pictures(images, np.arange(30))))
    before = score_images(model, Pictures(images, np.arange(30, 40)), score, fitted)
    after = score_images(model, Pictures(other, np.arange(10)), score, fitted)
    assert after.image.min() > 1.2 * before.image.max()
    highest = after.maps.reshape(10, -1).argmax(1)
    for at in (highest // side, highest % side):
        assert ((where.start - 3 <= at) & (at < where.stop + 3)).all()


def test_it_does_not_depend_on_the_pictures_beside_it(vae):
    score = LocalStatistics()
    fitted = score.fit(Good(vae.model, random_pictures(60, seed=5)))
    whole = score_images(vae.model, vae.pictures, score, fitted).image
    for i in range(5):
        alone = score_images(vae.model, vae.pictures.only(np.array([i])), score, fitted).image
        assert alone[0] == pytest.approx(whole[i], rel=1e-5)


def test_pictures_without_any_difference_and_of_few_pixels():
    """Where good pictures are alike, a level of 255 is a standard deviation."""
    images = np.zeros((5, 8, 8, 1), np.uint8)
    model, score = small_model((8, 8, 1)), LocalStatistics()
    fitted = score.fit(Good(model, Pictures(images, np.arange(5))))
    lighter = Pictures(np.full_like(images, 2), np.arange(5))
    found = score_images(model, lighter, score, fitted)
    assert found.image == pytest.approx(2 * np.sqrt(3), rel=1e-5)  # of three windows
    np.testing.assert_allclose(found.maps, np.full((5, 8, 8), 2 * np.sqrt(3)), rtol=1e-5)


@pytest.mark.parametrize(("side", "stride"), [(33, 2), (32, 2), (43, 3)])
def test_maps_lie_where_their_cells_do(side: int, stride: int) -> None:
    """Also where the last cells reach beyond the picture: a ramp stays the ramp that it was."""
    ramp = torch.arange(float(side)).expand(1, side, side)
    cells = F.avg_pool2d(ramp[:, None], stride, ceil_mode=True)[:, 0]
    seen = Seen(small_model((side, side, 1)), torch.zeros(1, 1, side, side))
    found = enlarge(cells, seen, reach_of([side, side], stride))
    assert found.shape == ramp.shape
    inner = slice(stride, side - 2 * stride)
    torch.testing.assert_close(found[..., inner], ramp[..., inner], atol=1e-3, rtol=0)
