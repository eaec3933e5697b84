"""Each score against what it is defined as, computed another way."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist, mahalanobis
from sklearn.covariance import LedoitWolf

from reparam.errors import ConfigError, DataError, ShapeError
from reparam.evaluation import encode, image_quality, reconstruct
from reparam.evaluation.anomaly import (
    ANOMALY_SCORES,
    AnomalyScore,
    Good,
    Scored,
    Seen,
    score_images,
)
from reparam.evaluation.anomaly.scores import (
    FeatureDistance,
    LatentDistance,
    LatentNeighbours,
    NegativeElbo,
    NegativeLogLikelihood,
    SquaredError,
    StructuralError,
)
from reparam.evaluation.anomaly.table import gaussian_weights, smoothed
from reparam.evaluation.likelihood import importance_sampled
from reparam.features import FEATURES, FeatureMaps, FeatureOptions, map_distance

from .conftest import Case, random_pictures, small_model


@FEATURES.register("two-maps")
@dataclass(frozen=True)
class TwoMapsOptions(FeatureOptions):
    """Two layers with random weights."""

    def build(self):
        return TwoMaps()


class TwoMaps(FeatureMaps):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.randn(6, 1, 3, 3, generator=generator)
        self.second = torch.randn(8, 6, 3, 3, generator=generator)

    def maps(self, images):
        images = torch.conv2d(images, self.first, padding=1).relu()
        yield images
        yield torch.conv2d(images, self.second, stride=2).relu()


def scored(case: Case, score) -> Scored:
    good = Good(case.model, random_pictures(60, seed=5))
    return score_images(case.model, case.pictures, score, score.fit(good))


def test_squared_error_is_that_of_the_reconstruction(vae):
    found, images = scored(vae, SquaredError()), vae.pictures.images
    error = (reconstruct(vae.model, images).clip(0, 1) - images / 255) ** 2
    assert found.image == pytest.approx(error.mean((1, 2, 3)), rel=1e-5)
    assert found.maps == pytest.approx(error.mean(3), rel=1e-3, abs=1e-6)
    assert found.image.dtype == np.float64
    assert found.maps.dtype == np.float32


def test_ssim_is_that_of_the_reconstructions_quality(vae):
    """Image by image; an image that is its own reconstruction has 0 everywhere."""
    found, images = scored(vae, StructuralError()), vae.pictures.images
    decoded = reconstruct(vae.model, images)
    each = [image_quality(decoded[i : i + 1], images[i : i + 1]).ssim.mean for i in range(40)]
    assert found.image == pytest.approx(1 - np.array(each), abs=1e-5)
    assert found.maps.shape == (40, 12, 10)
    x = torch.rand(2, 1, 12, 10)
    same = Seen(vae.model, x)
    vars(same)["decoded"] = x
    image, places = StructuralError()(same, {})
    assert image.abs().max() < 1e-5
    assert places.abs().max() < 1e-5


def test_feature_distance_is_the_distance_of_maps(vae):
    score = FeatureDistance(network="two-maps")
    found = scored(vae, score)
    x = torch.from_numpy(vae.pictures.images).permute(0, 3, 1, 2) / 255
    network = TwoMaps()
    with torch.no_grad():
        y = vae.model.reconstruct(x).clamp(0, 1)
        expected = map_distance(network.maps(x), network.maps(y))
    assert found.image == pytest.approx(expected.numpy(), rel=1e-4)
    assert found.maps.shape == (40, 12, 10)
    first = scored(vae, FeatureDistance(network="two-maps", depth=1))
    assert first.maps.mean((1, 2)) == pytest.approx(first.image, rel=1e-4)


def test_a_network_that_is_not_there_is_a_reason_and_an_unknown_one_an_error(vae, monkeypatch):
    def missing(*_):
        raise ConfigError("features imagenet must have their weights, got no package")

    monkeypatch.setattr("reparam.evaluation.anomaly.scores.features.check_maps", missing)
    assert "got no package" in FeatureDistance().lacking(vae.model)
    with pytest.raises(ConfigError, match="unknown features 'nothing'"):
        FeatureDistance(network="nothing")
    with pytest.raises(ConfigError, match="depth must be 1 or more"):
        FeatureDistance(depth=0)


def test_elbo_and_bound_are_near_those_of_another_estimate(vae):
    """With many draws both are; the tighter bound is the higher log-likelihood."""
    other = importance_sampled(vae.model, vae.pictures.images, 2000, seed=3)
    elbo = -scored(vae, NegativeElbo(draws=2000)).image
    bound = -scored(vae, NegativeLogLikelihood(draws=2000)).image
    assert elbo == pytest.approx(other.elbo, abs=0.5)
    assert np.median(np.abs(bound - other.log_p)) < 0.1  # a few images have weights of heavy tails
    assert (bound >= elbo).all()
    one = scored(vae, NegativeElbo(draws=1)).image
    assert one == pytest.approx(scored(vae, NegativeLogLikelihood(draws=1)).image)


@pytest.mark.parametrize("score", [NegativeElbo(), NegativeLogLikelihood(draws=3)])
def test_a_density_does_not_depend_on_the_pictures_beside_it(vae, score):
    whole = score_images(vae.model, vae.pictures, score).image
    alone = [score_images(vae.model, vae.pictures.only(np.array([i])), score) for i in range(5)]
    assert whole[:5] == pytest.approx([found.image[0] for found in alone], rel=1e-5)


def test_latent_distance_is_that_of_mahalanobis(vae):
    score, train = LatentDistance(), random_pictures(60, seed=5)
    z = encode(vae.model, train.images).astype(float)
    inverse = LedoitWolf().fit(z).precision_
    found = scored(vae, score)
    new = encode(vae.model, vae.pictures.images).astype(float)
    expected = [mahalanobis(row, z.mean(0), inverse) for row in new]
    assert found.image == pytest.approx(expected, rel=1e-5)
    assert found.maps is None


def test_of_many_dimensions_the_covariance_is_diagonal(monkeypatch):
    monkeypatch.setattr("reparam.evaluation.anomaly.scores.latents.FULL_COVARIANCE", 2)
    case = Case(small_model(), random_pictures(10))
    train = encode(case.model, random_pictures(60, seed=5).images).astype(float)
    new = encode(case.model, case.pictures.images).astype(float)
    expected = np.linalg.norm((new - train.mean(0)) / train.std(0), axis=1)
    assert scored(case, LatentDistance()).image == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("most", "rows"),
    [(0, [0]), (0, [0] * 20), (512, [0]), (512, [0] * 20), (512, [0, 1])],
)
def test_latent_distance_needs_latents_that_differ(vae, monkeypatch, most, rows):
    """One picture, equal ones, and two, whose covariance nothing shrinks (a diagonal they have)."""
    monkeypatch.setattr("reparam.evaluation.anomaly.scores.latents.FULL_COVARIANCE", most)
    good = random_pictures(2).only(np.array(rows))
    with pytest.raises(DataError, match=f"must be several whose latents differ, got {len(rows)}"):
        LatentDistance().fit(Good(vae.model, good))


@pytest.mark.parametrize("count", [1, 5])
def test_neighbours_are_the_nearest_ones(vae, count):
    train = encode(vae.model, random_pictures(60, seed=5).images)
    new = encode(vae.model, vae.pictures.images)
    expected = np.sort(cdist(new, train), 1)[:, :count].mean(1)
    found = scored(vae, LatentNeighbours(count))
    assert found.image == pytest.approx(expected, rel=1e-5)


def test_neighbours_need_as_many_pictures(vae):
    with pytest.raises(DataError, match="there must be 5 good training pictures, got 4"):
        LatentNeighbours().fit(Good(vae.model, random_pictures(4)))
    with pytest.raises(ConfigError, match="count must be 1 or more"):
        LatentNeighbours(0)
    with pytest.raises(ConfigError, match="draws must be 1 or more"):
        NegativeElbo(draws=0)


def test_what_needs_a_density_is_left_out_of_an_ae(ae, vae):
    needs = {name for name in ANOMALY_SCORES.names if ANOMALY_SCORES.find(name)().requires}
    assert needs == {"elbo", "log-likelihood", "likelihood-ratio"}
    for name in needs:
        score = ANOMALY_SCORES.find(name)()
        assert score.lacking(ae.model)
        lacks = score.lacking(vae.model)
        assert "a background model" in lacks if name == "likelihood-ratio" else lacks == ""
    assert LatentDistance().lacking(ae.model) == ""


def test_nll_of_a_known_model():
    """Of a decoder that ignores z, whatever is drawn, −log p(x) is that of its pixels; here with a
    posterior that is the prior.
    """
    case = Case(small_model(), random_pictures(6))
    with torch.no_grad():
        for parameter in case.model.parameters():
            parameter.zero_()
    z = torch.zeros(1, 3)
    pixels = case.model.pixels(z)
    x = torch.from_numpy(case.pictures.images).permute(0, 3, 1, 2) / 255
    expected = [-pixels.log_prob(image[None]).item() for image in x]
    found = scored(case, NegativeLogLikelihood(draws=7)).image
    assert found == pytest.approx(expected, rel=1e-5)
    assert scored(case, NegativeElbo(draws=7)).image == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [(7, 9), (16, 16), (200, 130)])
def test_smoothing_is_scipys(size):
    """In the standard deviation that the module names, with borders that are continued."""
    maps = np.random.default_rng(0).random((2, *size)).astype(np.float32)
    sigma = max(0.5, max(size) / 64)
    expected = gaussian_filter(maps.astype(np.float64), (0, sigma, sigma), mode="nearest")
    found = smoothed(torch.from_numpy(maps), gaussian_weights(size))
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda x: x.flatten(1).sum(1), "score own must give a pair, .* got Tensor. Fix: "),
        (lambda x: (x.flatten(1), None), "score own must be one number for each image, .*Fix: "),
        (lambda x: (x.flatten(1).sum(1), x), "maps of score own must have the shape .*Fix: "),
    ],
)
def test_a_score_of_ones_own_that_breaks_its_contract_is_refused(vae, monkeypatch, give, said):
    monkeypatch.setattr(ANOMALY_SCORES, "_members", dict(ANOMALY_SCORES._members))

    @ANOMALY_SCORES.register("own")
    @dataclass(frozen=True)
    class Own(AnomalyScore):
        def __call__(self, seen, fitted):
            return give(seen.images)

    with pytest.raises(ShapeError, match=said):
        scored(vae, Own())
