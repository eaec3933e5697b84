"""The scorecard's rows on models whose figures are known, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from reparam.data import DataConfig, ImageSet, image_set_from_arrays
from reparam.data.splits import with_known_labels
from reparam.errors import DataError
from reparam.evaluation.judge import Judge, judge_for
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.evaluation.scoring.catalogue import MEASURES
from reparam.evaluation.scoring.config import ScoreConfig
from reparam.evaluation.scoring.image_rows import image_rows
from reparam.evaluation.scoring.priors import Candidate
from reparam.evaluation.scoring.real_features import real_features
from reparam.evaluation.scoring.score import scorecard
from reparam.evaluation.scoring.subject import subject
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    Box,
    BoxOptions,
    DeltaOptions,
    DiagonalNormalOptions,
    Fittable,
    GaussianLikelihoodOptions,
    GaussianPrior,
    LikelihoodOptions,
    MixturePrior,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    PosteriorOptions,
    PriorOptions,
    StandardNormal,
    StandardNormalOptions,
    build_autoencoder,
)
from reparam.model.networks import ConditionalDecoder

SHAPE = (8, 8, 1)
D = math.prod(SHAPE)


def judge(shape: tuple[int, int, int] = SHAPE) -> Judge:
    """One that has learned nothing: these tests look at no feature."""
    network = JudgeNetwork(shape, None).eval().requires_grad_(False)
    return Judge(network, shape, (), None, 0.0, "no images", 0.0, from_cache=False)


def grey(n: int = 1000, test_fraction: float = 0.5) -> ImageSet:
    """Images whose pixels are all 0.6."""
    pixels = np.full((n, 8, 8), 153, np.uint8)
    config = DataConfig(test_fraction=test_fraction, valid_fraction=0.0)
    return image_set_from_arrays(pixels, None, name="grey", config=config)


def test_paths_between_draws_go_around_the_mean_of_their_prior() -> None:
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(4000, 3))).float()
    z = torch.tensor([5.0, 0.0, -2.0]) + z @ torch.tensor([[2.0, 1, 0], [0, 1, 0.5], [0, 0, 0.1]])
    gaussian, mixture = GaussianPrior(3), MixturePrior(3)
    for prior in (gaussian, mixture):
        prior.fit(z)
    around, around_draws = (Candidate(prior).around(0) for prior in (gaussian, mixture))
    assert around is not None
    assert around_draws is not None
    torch.testing.assert_close(around[0], z.mean(0))
    torch.testing.assert_close(around[1] @ around[1].T, z.T.cov(correction=0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(around_draws[0], z.mean(0), rtol=0.05, atol=0.1)
    torch.testing.assert_close(around_draws[1], z.std(0), rtol=0.05, atol=0.01)
    assert Candidate(StandardNormal(3)).around(0) is None
    box = Box(3)
    box.fit(z)
    assert Candidate(box).around(0) is None  # between its draws paths are straight


def test_paths_around_a_gaussian_of_independent_dimensions_need_no_matrix() -> None:
    """A covariance of so many dimensions would be 160 GB."""
    prior = GaussianPrior(200_000)
    deviations = torch.linspace(0.5, 2, 200_000)
    prior.mean.data.fill_(3)
    prior.raw.data.copy_(deviations.log())
    around = Candidate(prior).around(0)
    assert around is not None
    torch.testing.assert_close(around[0], torch.full((200_000,), 3.0))
    torch.testing.assert_close(around[1], deviations)


def test_shares_of_classes_are_the_datas_where_few_labels_are_known() -> None:
    """As many are known of each class: that says nothing of how frequent classes are."""
    pixels, labels = np.full((400, 8, 8), 153, np.uint8), (np.arange(400) % 10 == 0).astype(int)
    for known in (None, 10):
        config = DataConfig(test_fraction=0.5, valid_fraction=0.0)
        images = image_set_from_arrays(pixels, labels, name="grey", config=config)
        images = with_known_labels(images, replace(config, known_labels=known))
        shares = subject(deaf(GAUSSIAN), images, judge(), ScoreConfig()).shares
        np.testing.assert_allclose(shares, [0.9, 0.1], atol=0.01)


BERNOULLI, GAUSSIAN = BernoulliLikelihoodOptions(), GaussianLikelihoodOptions(sigma=1.0)


def deaf(likelihood: LikelihoodOptions, logit: float = 0.0) -> Autoencoder:
    """q(z|x) = N(0, I) for every image, and every latent gives every pixel the same logit."""
    config = ModelConfig(
        encoder=MlpEncoderOptions(widths=()),
        decoder=MlpDecoderOptions(widths=()),
        likelihood=likelihood,
    )
    model = build_autoencoder(config, SHAPE)
    for name, tensor in model.state_dict().items():
        if name.startswith(("posterior", "decoder")):
            tensor.zero_()
    model.state_dict()["decoder.pixels.bias"].fill_(logit)
    return model.eval()


def test_a_bernoulli_likelihood_is_of_black_and_white_images() -> None:
    """Of a grey image −ELBO would be a cross-entropy, the same for each of these images; of images
    drawn with those grey values it is binomial around that.
    """
    config = ScoreConfig(likelihood_images=500, likelihood_samples=2)
    of = subject(deaf(BERNOULLI, logit=1.0), grey(), judge(), config)
    found = image_rows(of, real_features(of))
    p = torch.sigmoid(torch.tensor(1.0)).item()
    mean = D * (0.6 * math.log(p) + 0.4 * math.log(1 - p))
    error = math.sqrt(D * 0.6 * 0.4 / 500)  # the logit's difference of 1 for each pixel
    for name in ("elbo", "log_likelihood"):
        value, low, high = found[name].value, found[name].low, found[name].high
        assert value is not None
        assert low is not None
        assert high is not None
        assert value == pytest.approx(mean, abs=5 * error), name  # false alarm below 1e-6
        assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.3), name
        assert "black and white" in found[name].note
        assert "black and white" in found[name].quantity
    bits = found["bits_per_dimension"].value
    assert bits == pytest.approx(-(found["elbo"].value or 0) / (D * math.log(2)))


def test_a_log_likelihood_of_some_images_takes_the_elbo_of_the_others_for_help() -> None:
    """Without a gap between the two it is the ELBO's mean, as sure as that of all 500 images."""
    config = ScoreConfig(likelihood_images=20, likelihood_samples=20)
    of = subject(deaf(BERNOULLI, logit=3.0), grey(), judge(), config)
    found = image_rows(of, real_features(of))
    row, elbo = found["log_likelihood"], found["elbo"]
    assert row.value == pytest.approx(elbo.value, abs=0.1)
    for end, of_elbo in ((row.low, elbo.low), (row.high, elbo.high)):
        assert end == pytest.approx(of_elbo, abs=0.3)
    assert "K = 20 latents for each of 20 images, with the ELBO of 480 others" in row.note
    assert "effective sample size: median 20, below 10 of 0%" in row.note
    assert "wider than 1 nat: decides no difference of 0.5" in row.note


@pytest.mark.parametrize(
    ("shape", "number"),
    [((28, 28, 1), 100), ((64, 64, 3), 100), ((128, 128, 3), 25), ((256, 256, 3), 6)],
)
def test_of_large_images_a_likelihood_is_estimated_of_few(
    shape: tuple[int, int, int], number: int
) -> None:
    """What is decoded for it stays the same, and is written down as a number."""
    assert ScoreConfig().images_of_likelihood(shape) == number
    assert ScoreConfig().to_mapping(shape)["likelihood_images"] == number
    assert ScoreConfig(likelihood_images=7).images_of_likelihood(shape) == 7


def test_a_normal_likelihood_is_of_the_images_as_they_are() -> None:
    of = subject(deaf(GAUSSIAN), grey(), judge(), ScoreConfig(likelihood_images=3))
    found = image_rows(of, real_features(of))
    mse = (153 / 255 - 0.5) ** 2  # sigmoid(0), σ² = 1
    expected = -0.5 * D * (mse + math.log(2 * math.pi))
    for name in ("elbo", "log_likelihood"):
        assert found[name].value == pytest.approx(expected, rel=1e-5)
        assert "black" not in found[name].note


def test_a_scorecard_takes_images_that_were_held_out_and_enough_of_them() -> None:
    with pytest.raises(DataError, match="got none held out"):
        subject(deaf(GAUSSIAN), grey(50, test_fraction=0.0), judge(), ScoreConfig())
    with pytest.raises(DataError, match="at least 10 test images, got 5"):
        subject(deaf(GAUSSIAN), grey(50, test_fraction=0.1), judge(), ScoreConfig())


PARTS = [(DeltaOptions(), BoxOptions()), (DiagonalNormalOptions(), StandardNormalOptions())]


@pytest.mark.parametrize(("posterior", "prior"), PARTS)
@pytest.mark.parametrize(("latent_dim", "shape"), [(1, (5, 9, 3)), (12, (8, 8, 1))])
def test_few_unlabelled_images_of_any_kind_have_every_row_or_a_reason(
    posterior: PosteriorOptions,
    prior: PriorOptions,
    latent_dim: int,
    shape: tuple[int, int, int],
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (36, *shape), dtype=np.uint8)
    config = DataConfig(test_fraction=0.5, valid_fraction=0.0)
    images = image_set_from_arrays(pixels, None, name="few", config=config)
    torch.manual_seed(0)
    config = ModelConfig(
        latent_dim=latent_dim,
        encoder=MlpEncoderOptions(),
        posterior=posterior,
        prior=prior,
        decoder=MlpDecoderOptions(),
    )
    model = build_autoencoder(config, shape)
    if isinstance(model.prior, Fittable):
        model.prior.fit(torch.randn(50, latent_dim))
    model.train()
    small = ScoreConfig(draws=40, likelihood_images=2, likelihood_samples=10)
    card = scorecard(model, images, small, judge=judge(shape))
    assert model.training, "the caller's model is as it was"
    for name, entry in MEASURES.items():
        kinds = [scores.kind for scores in card.priors] if entry.by_prior else [None]
        for found in (card.find(name, kind) for kind in kinds):
            assert found.note if found.value is None else math.isfinite(found.value), name
    assert "gaussian" not in {scores.kind for scores in card.priors}, "18 latents are too few"


def test_a_small_generator_is_fitted_on_request() -> None:
    few = ScoreConfig(draws=40, likelihood_images=0)
    assert not scorecard(deaf(GAUSSIAN), grey(400), few, judge=judge()).has("diffusability")
    asked = replace(few, diffusability=True)
    card = scorecard(deaf(GAUSSIAN), grey(400), asked, judge=judge())
    found = card.find("diffusability")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high, "these latents are draws of N(0, I)"
    assert card.versions["diffusability"] == 1


def quadrants(shift: int) -> ImageSet:
    """Each image has one bright quadrant, and a label that is its number and ``shift`` more."""
    rng = np.random.default_rng(0)
    bright = rng.integers(0, 4, 600)
    pixels = rng.integers(0, 60, (600, 8, 8), dtype=np.uint8)
    for image, k in zip(pixels, bright, strict=True):
        image[4 * (k // 2) :, 4 * (k % 2) :][:4, :4] += 190
    config = DataConfig(test_fraction=0.5, valid_fraction=0.0)
    return image_set_from_arrays(pixels, (bright + shift) % 4, name="quadrants", config=config)


@pytest.mark.parametrize(("shift", "share"), [(0, 1.0), (1, 0.0)])
def test_a_model_that_draws_the_class_asked_for_is_told_from_one_that_draws_the_next(
    shift: int, share: float
) -> None:
    """Asked for class k, it draws the images whose bright quadrant is the k-th."""
    config = ModelConfig(
        classes=4, encoder=MlpEncoderOptions(widths=()), decoder=MlpDecoderOptions(widths=())
    )
    model = build_autoencoder(config, SHAPE)
    assert isinstance(model.decoder, ConditionalDecoder)
    with torch.no_grad():
        weight = model.decoder.network.pixels.weight  # a row for each pixel, of (z, class)
        weight[:, :-4] = 0
        weight[:, -4:] = -4
        halves = np.arange(D).reshape(2, 4, 2, 4).transpose(0, 2, 1, 3)
        for k, row in enumerate(halves.reshape(4, -1)):
            weight[row, k - 4] = 4
    images = quadrants(shift)
    few = ScoreConfig(draws=200, likelihood_images=0)
    card = scorecard(model, images, few, judge=judge_for(images))
    found = card.find("class_accuracy")
    assert (found.value, found.reference, found.samples) == (share, 1.0, 200)
    assert card.versions["class_accuracy"] == 1
    for name in ("elbo", "log_likelihood", "bits_per_dimension"):  # told what another must find out
        row = card.find(name)
        assert row.quantity.endswith(", given the class"), name
        assert row.value is None or "given the class" in row.note
