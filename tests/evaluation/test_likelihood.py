"""log p(x) by importance sampling: exact where it is known in closed form, else a bound."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reparam.errors import ConfigError, ShapeError
from reparam.evaluation import binarised, importance_weighted
from reparam.evaluation import likelihood as module
from reparam.evaluation.likelihood import importance_sampled
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    GaussianLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.runs import preset_config

SHAPE = (3, 2, 2)
D = math.prod(SHAPE)
VARIANCE = 0.05


def some_images(n: int = 7, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


def linear(loadings: np.ndarray, bias: np.ndarray, spread: float = 1.0) -> Autoencoder:
    """Probabilistic PCA as an autoencoder: p(x|z) = N(Wz + b, σ²I), z ~ N(0, I).

    q(z|x) is the exact posterior N(M⁻¹Wᵀ(x − b), σ²M⁻¹), M = WᵀW + σ²I, without what M⁻¹ has
    beside its diagonal (Tipping & Bishop 1999, eq. 7), its variance times ``spread``.
    """
    d = loadings.shape[1]
    config = ModelConfig(
        latent_dim=d,
        encoder=MlpEncoderOptions(widths=()),
        decoder=MlpDecoderOptions(widths=(), output_activation="linear"),
        likelihood=GaussianLikelihoodOptions(beta=VARIANCE),
    )
    model = build_autoencoder(config, SHAPE)
    inverse = np.linalg.inv(loadings.T @ loadings + VARIANCE * np.eye(d))
    regression = inverse @ loadings.T
    values = {
        "posterior.heads.mu.weight": regression,
        "posterior.heads.mu.bias": -regression @ bias,
        "posterior.heads.log_var.weight": np.zeros((d, D)),
        "posterior.heads.log_var.bias": np.log(spread * VARIANCE * np.diag(inverse)),
        "decoder.pixels.weight": loadings,
        "decoder.pixels.bias": bias,
        "likelihood.variance": np.array(VARIANCE),
    }
    model.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    return model


def exact(loadings: np.ndarray, bias: np.ndarray, images: np.ndarray) -> np.ndarray:
    """log N(x; b, WWᵀ + σ²I) (Tipping & Bishop 1999, eq. 4)."""
    x = images.reshape(len(images), -1) / 255
    covariance = loadings @ loadings.T + VARIANCE * np.eye(D)
    return stats.multivariate_normal(bias, covariance).logpdf(x)


def orthogonal_loadings(d: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((D, d)))
    return basis * rng.uniform(0.3, 1.5, d)


@settings(max_examples=20)
@given(d=st.integers(1, 5), samples=st.integers(1, 9), seed=st.integers(0, 1000))
def test_with_the_exact_posterior_every_sample_gives_the_exact_likelihood(d, samples, seed):
    """Orthogonal loadings have a diagonal posterior: p(x, z) / q(z|x) is p(x) at any z."""
    loadings = orthogonal_loadings(d, seed)
    bias = np.random.default_rng(seed).random(D)
    found = importance_weighted(linear(loadings, bias), some_images(), samples, seed)
    np.testing.assert_allclose(found, exact(loadings, bias, some_images()), rtol=1e-4, atol=1e-3)


def test_with_another_posterior_it_comes_to_the_same():
    """Loadings of any directions, a posterior a quarter too wide: 20,000 samples, within 0.05.

    The weights' variance, measured here, makes the standard error of each estimate; six of them
    are below the tolerance, so that a false alarm is next to impossible (and the seed is fixed).
    """
    rng = np.random.default_rng(1)
    loadings, bias = 0.5 * rng.standard_normal((D, 3)), rng.random(D)
    model, images, samples = linear(loadings, bias, spread=1.25), some_images(), 20_000
    found = importance_weighted(model, images, samples, seed=2)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        mixture = module.Mixture(model.infer(x).repeated(samples), model.prior, (samples,))
        logs, _ = module.log_weights(model, x, mixture, 0, generator)
    weights = (logs - logs.amax(1, keepdim=True)).exp()
    errors = (weights.std(1) / weights.mean(1)) / math.sqrt(samples)
    assert 6 * errors.max().item() < 0.05
    np.testing.assert_allclose(found, exact(loadings, bias, images), atol=0.05)


def test_equal_weights_count_in_full_and_the_elbo_is_the_likelihood():
    """With the exact posterior there is no gap and no weight above another."""
    loadings, bias = orthogonal_loadings(3, 2), np.full(D, 0.4)
    found = importance_sampled(linear(loadings, bias), some_images(), 200)
    np.testing.assert_allclose(found.effective, 200, rtol=1e-4)
    np.testing.assert_allclose(found.elbo, exact(loadings, bias, some_images()), atol=1e-3)
    alone = importance_sampled(linear(loadings, bias, spread=0.1), some_images(), 1)
    np.testing.assert_allclose(alone.effective, 1)
    np.testing.assert_allclose(alone.log_p, alone.elbo)


def test_a_posterior_that_is_too_narrow_shows_in_the_effective_sample_size():
    loadings, bias, sizes = orthogonal_loadings(3, 2), np.full(D, 0.4), []
    for spread in (1.0, 0.7, 0.3):
        found = importance_sampled(linear(loadings, bias, spread), some_images(), 500)
        assert ((found.effective >= 1) & (found.effective <= 500.01)).all()
        sizes.append(found.effective.mean())
    assert sizes[0] > 1.2 * sizes[1] > 1.5 * sizes[2]


@settings(max_examples=10)
@given(d=st.integers(1, 3), seed=st.integers(0, 1000))
def test_a_defensive_proposal_gives_the_exact_likelihood_too(d, seed):
    """Weights are at most 1 / 0.8 of p(x): with 5,000 draws each estimate is within 0.05."""
    loadings, bias = orthogonal_loadings(d, seed), np.random.default_rng(seed).random(D)
    images, model = some_images(3), linear(loadings, bias)
    found = importance_sampled(model, images, 5000, seed, proposal="defensive")
    truth = exact(loadings, bias, images)
    np.testing.assert_allclose(found.log_p, truth, atol=0.05)
    np.testing.assert_allclose(found.elbo, truth, rtol=1e-4, atol=1e-3)  # of z ~ q alone
    assert (found.effective < 5000).all()


@pytest.mark.parametrize("samples", [1, 9])
def test_fewer_than_ten_draws_are_all_of_the_posterior(samples):
    model, images = vae(BERNOULLI, MLP), binarised(some_images(5, (8, 6, 1)))
    plain, defensive = (
        importance_sampled(model, images, samples, proposal=proposal)
        for proposal in ("posterior", "defensive")
    )
    np.testing.assert_array_equal(plain.log_p, defensive.log_p)


def folded() -> Autoencoder:
    """p(x|z) = N(|z| / 4, σ²I), z ~ N(0, 1), so that z and −z explain an image equally well; the
    encoder, which has no say in p(x), knows of the positive one alone.
    """
    config = ModelConfig(
        latent_dim=1,
        encoder=MlpEncoderOptions(widths=()),
        decoder=MlpDecoderOptions(
            widths=(2,), hidden_activation="relu", output_activation="linear"
        ),
        likelihood=GaussianLikelihoodOptions(beta=VARIANCE),
    )
    model = build_autoencoder(config, SHAPE)
    values = {
        "posterior.heads.mu.weight": np.full((1, D), 4 / D),  # four times the image's mean
        "posterior.heads.mu.bias": np.zeros(1),
        "posterior.heads.log_var.weight": np.zeros((1, D)),
        "posterior.heads.log_var.bias": np.full(1, math.log(0.25)),
        "decoder.blocks.0.dense.weight": np.array([[1.0], [-1.0]]),
        "decoder.blocks.0.dense.bias": np.zeros(2),
        "decoder.pixels.weight": np.full((D, 2), 0.25),
        "decoder.pixels.bias": np.zeros(D),
        "likelihood.variance": np.array(VARIANCE),
    }
    model.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    return model


def test_a_defensive_proposal_finds_a_mode_that_the_encoder_misses():
    """The other mode holds half of p(x): the plain estimate is ln 2 too low, however sure it is."""
    images = some_images(3) // 4 + 64
    x, z = images.reshape(3, -1, 1) / 255, np.linspace(-12, 12, 20_001)
    joint = stats.norm.logpdf(x, abs(z) / 4, VARIANCE**0.5).sum(1) + stats.norm.logpdf(z)
    truth = np.log(np.exp(joint).sum(1) * (z[1] - z[0]))
    plain = importance_sampled(folded(), images, 10_000)
    defensive = importance_sampled(folded(), images, 10_000, proposal="defensive")
    np.testing.assert_allclose(plain.log_p, truth - math.log(2), atol=0.1)
    np.testing.assert_allclose(defensive.log_p, truth, atol=0.25)
    assert (plain.effective > 2000).all()  # nothing warns of it


GAUSSIAN, BERNOULLI = GaussianLikelihoodOptions(beta=0.5), BernoulliLikelihoodOptions()
CONVOLUTIONAL = ConvolutionalEncoderOptions(), ConvolutionalDecoderOptions()
MLP = MlpEncoderOptions(), MlpDecoderOptions()


def vae(likelihood, networks) -> Autoencoder:
    torch.manual_seed(4)
    encoder, decoder = networks
    config = ModelConfig(latent_dim=3, encoder=encoder, decoder=decoder, likelihood=likelihood)
    model = build_autoencoder(config, (8, 6, 1))
    for parameter in model.decoder.parameters():  # a latent matters, so that the bound is loose
        parameter.data *= 2
    return model


KINDS = [(GAUSSIAN, CONVOLUTIONAL), (BERNOULLI, MLP), (GAUSSIAN, MLP)]


@pytest.mark.parametrize(("likelihood", "networks"), KINDS)
def test_it_rises_with_the_samples_from_the_elbo_on(likelihood, networks):
    """E log p̂ rises with K (Burda et al. 2016, theorem 1); K = 1 is the ELBO.

    One image 400 times, so that the mean over rows is the expectation to within its standard
    error; steps are compared at four of those, a false alarm in about 30,000.
    """
    model = vae(likelihood, networks)
    image = binarised(some_images(1, (8, 6, 1)))
    many = np.repeat(image, 400, 0)
    found = {k: importance_weighted(model, many, k, seed=k) for k in (1, 4, 32, 256)}
    x = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        q = model.infer(x.expand(4000, -1, -1, -1))
        z = q.rsample(torch.Generator().manual_seed(5))
        elbo = model.pixels(z).log_prob(x.expand(4000, -1, -1, -1)) - model.prior.kl(q)

    def error(values: np.ndarray) -> float:
        return float(values.std() / math.sqrt(len(values)))

    closed_form = elbo.double().numpy()
    gap = found[1].mean() - closed_form.mean()
    assert abs(gap) < 4 * math.hypot(error(found[1]), error(closed_form))
    for fewer, more in ((1, 4), (4, 32), (32, 256)):
        noise = math.hypot(error(found[fewer]), error(found[more]))
        assert found[more].mean() > found[fewer].mean() - 4 * noise
    noise = math.hypot(error(found[1]), error(found[256]))
    assert found[256].mean() > found[1].mean() + 4 * noise  # the bound is loose here


@pytest.mark.parametrize("samples", [1, 5, 40])
def test_parts_do_not_change_what_is_estimated(samples, monkeypatch):
    """With q exact every sample counts the same, however images and samples are parted."""
    loadings, bias, images = orthogonal_loadings(2, 6), np.full(D, 0.4), some_images(9)
    model = linear(loadings, bias)
    found = []
    for rows in (1, 3, 10**4):
        monkeypatch.setattr(module, "CHUNK_BYTES", rows * 4 * D)
        found.append(importance_weighted(model, images, samples))
    for each in found:
        assert each.shape == (9,)
        assert each.dtype == np.float64
        np.testing.assert_allclose(each, exact(loadings, bias, images), rtol=1e-4, atol=1e-3)


def test_without_a_label_it_is_that_of_all_classes() -> None:
    """Of a semi-supervised model in which a class moves the image by c_y, which is exact."""
    loadings, bias, images = orthogonal_loadings(2, 6), np.full(D, 0.4), some_images(9)
    moves = np.random.default_rng(8).normal(0, 0.1, (3, D)).astype(np.float32)
    plain = linear(loadings, bias)
    model = build_autoencoder(
        ModelConfig(
            latent_dim=2,
            classes=3,
            classifier=True,
            encoder=MlpEncoderOptions(widths=()),
            decoder=MlpDecoderOptions(widths=(), output_activation="linear"),
            likelihood=GaussianLikelihoodOptions(beta=VARIANCE),
        ),
        SHAPE,
    )
    own = plain.state_dict()
    own["encoder.planes.images"] = torch.from_numpy(-moves)
    own["decoder.network.pixels.weight"] = torch.cat(
        [own.pop("decoder.pixels.weight"), torch.from_numpy(moves.T)], 1
    )
    own["decoder.network.pixels.bias"] = own.pop("decoder.pixels.bias")
    left = model.load_state_dict(own, strict=False)
    assert all(name.startswith("classifier.") for name in left.missing_keys)
    assert not left.unexpected_keys
    each = np.stack([exact(loadings, bias + move, images) for move in moves])
    labels = np.array([0, -1, 2] * 3)
    known = np.where(labels == 0, each[0], each[2])
    marginal = np.log(np.exp(each).mean(0))
    expected = np.where(labels < 0, marginal, known)
    found = importance_weighted(model, images, 3, labels=labels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    found = importance_weighted(model, images, 3)
    np.testing.assert_allclose(found, marginal, rtol=1e-4, atol=1e-3)


def test_a_seed_gives_the_same_figures_and_leaves_model_and_random_state():
    model = vae(BERNOULLI, MLP).train()
    images = binarised(some_images(5, (8, 6, 1)))
    state = torch.get_rng_state()
    first, again = (importance_weighted(model, images, 10, seed=1) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != importance_weighted(model, images, 10, seed=2)).all()
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_estimated():
    model = build_autoencoder(preset_config("ae").model, (8, 8, 1))
    with pytest.raises(ConfigError, match="got an AE"):
        importance_weighted(model, some_images(1, (8, 8, 1)))
    with pytest.raises(ConfigError, match="samples must be 1 or more, got 0"):
        importance_weighted(vae(GAUSSIAN, MLP), some_images(1, (8, 6, 1)), samples=0)
    with pytest.raises(ShapeError, match="8 × 6 × 1"):
        importance_weighted(vae(GAUSSIAN, MLP), some_images(1, (6, 8, 1)))


def test_what_is_estimated_is_told_and_nothing_changes(monkeypatch) -> None:
    """Every image once where its draws fill a part by themselves, as those of large ones do."""
    model, images = linear(orthogonal_loadings(3, 2), np.full(D, 0.4)), some_images(5)
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    found = importance_sampled(model, images, 3, progress=lambda *news: told.append(news))
    assert told == [("likelihood", done, 5) for done in range(5)]
    np.testing.assert_array_equal(found.log_p, importance_sampled(model, images, 3).log_p)
