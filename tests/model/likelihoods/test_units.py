"""The article's units and nats: the conversions are identities, and go both ways."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reparam.model import (
    BernoulliLikelihood,
    BernoulliLikelihoodOptions,
    GaussianLikelihood,
    GaussianLikelihoodOptions,
    NormalPixels,
    Weight,
    build_autoencoder,
    shown_terms,
)
from reparam.model.likelihoods.gaussian import DEFAULT_WEIGHT

from ..configs import configured

factors = st.floats(0.1, 1e5)
dimensions = st.integers(1, 5000)
terms = st.floats(0, 1e5)


def variance_of(factor: float, dimensions: int) -> float:
    """σ² = D / (2 · factor), by hand."""
    return dimensions / (2 * factor)


def gaussian(factor: float, dimensions: int) -> GaussianLikelihood:
    return GaussianLikelihood(dimensions, variance_of(factor, dimensions)).double()


def means(distortion: float, rate: float, squared_error: float) -> dict[str, float]:
    """As an objective gives them."""
    loss = distortion + rate
    return {
        "loss": loss,
        "distortion": distortion,
        "rate": rate,
        "squared_error": squared_error,
    }


def losses_of(factor: float, dimensions: int, distortion: float, rate: float) -> dict[str, float]:
    """What a normal likelihood reports of a distortion and a rate in nats."""
    likelihood = gaussian(factor, dimensions)
    squared_error = distortion * 2 * likelihood.variance.item()
    return likelihood.losses(means(distortion, rate, squared_error))


@given(
    factor=factors,
    shape=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 1000),
)
def test_factor_times_mse_and_a_constant_is_minus_log_p(factor, shape, seed):
    """−log p(x|z) = factor · MSE + D/2 · log 2πσ² with σ² = D / (2 · factor)."""
    generator = torch.Generator().manual_seed(seed)
    x, mean = torch.rand(2, 4, *shape, generator=generator, dtype=torch.float64)
    weight = Weight(factor, math.prod(shape))
    log_prob = NormalPixels(mean, torch.tensor(weight.variance, dtype=torch.float64)).log_prob(x)
    mse = (x - mean).square().mean((1, 2, 3))
    torch.testing.assert_close(factor * mse + weight.log_normaliser, -log_prob)


@given(factor=factors, d=dimensions)
def test_the_variance_leads_back_to_the_factor(factor, d):
    variance = variance_of(factor, d)
    assert d / (2 * variance) == pytest.approx(factor, rel=1e-12)
    # the conversion is its own inverse
    assert variance_of(variance, d) == pytest.approx(factor, rel=1e-12)


@given(factor=factors, d=dimensions)
def test_sigma_and_beta_are_the_same_quantity(factor, d):
    weight = Weight(factor, d)
    assert weight.variance == variance_of(factor, d)
    assert weight.sigma**2 == pytest.approx(weight.variance, rel=1e-12)
    assert weight.beta == weight.variance


@given(factor=factors, d=dimensions, mse=st.floats(0, 1), rate=st.floats(0, 100))
def test_beta_weighs_the_rate_as_the_factor_weighs_the_error(factor, d, mse, rate):
    """factor · MSE + KL is ½ Σ (x − x̂)² + β · KL over σ²: one loss, two scales."""
    weight = Weight(factor, d)
    with_unit_variance = 0.5 * d * mse + weight.beta * rate
    assert with_unit_variance / weight.variance == pytest.approx(factor * mse + rate, rel=1e-9)


def test_the_books_factor_for_digits():
    """1000 on 28 × 28: σ² = 0.392, so σ ≈ 0.626."""
    weight = Weight(1000.0, 784)
    assert weight.variance == pytest.approx(0.392)
    assert weight.sigma == pytest.approx(0.626, abs=5e-4)


@given(factor=factors, d=dimensions, distortion=terms, rate=terms)
def test_losses_are_one_another_in_other_units(factor, d, distortion, rate):
    weight = Weight(factor, d)
    losses = losses_of(factor, d, distortion, rate)
    # σ² is kept in float32: the factor that it stands for is exact to 1e-7
    close = {"rel": 1e-6, "abs": 1e-6}
    assert losses["mse"] * factor == pytest.approx(losses["r_loss_article"], **close)
    both = losses["r_loss_article"] + losses["rate_nats"]
    assert both == pytest.approx(losses["loss_article"], **close)
    nats = losses["distortion_nats"] + losses["rate_nats"]
    assert losses["loss_nats"] == pytest.approx(nats, **close)
    gap = losses["loss_nats"] - losses["loss_article"]
    assert gap == pytest.approx(weight.log_normaliser, rel=1e-6, abs=1e-6 * d + 1e-6)
    # a density times 1/255 is the probability of a level
    bits = (losses["loss_bits_per_dim"] - math.log2(255)) * d
    assert bits * math.log(2) == pytest.approx(losses["loss_nats"], **close)
    assert losses["psnr"] == pytest.approx(-10 * math.log10(max(losses["mse"], 1e-12)))
    assert losses["rate_nats"] == rate


@given(factor=factors, d=dimensions)
def test_the_constant_vanishes_where_two_pi_sigma_squared_is_one(factor, d):
    assert Weight(math.pi * d, d).log_normaliser == pytest.approx(0, abs=1e-9 * d)
    sign = math.copysign(1, Weight(factor, d).log_normaliser)
    if not math.isclose(factor, math.pi * d, rel_tol=1e-6):
        assert sign == math.copysign(1, math.pi * d - factor)


def test_the_text_names_every_unit():
    text = str(Weight(1000.0, 784))
    assert "r_loss_factor 1000" in text
    assert "784" in text
    assert "σ = 0.6261" in text
    assert "β = 0.392" in text


@given(distortion=terms, rate=terms, squared_error=terms, d=dimensions)
def test_a_bernoulli_likelihood_is_in_nats_from_the_beginning(distortion, rate, squared_error, d):
    likelihood = BernoulliLikelihood(d)
    losses = likelihood.losses(means(distortion, rate, squared_error))
    assert losses["distortion_nats"] == distortion
    assert losses["loss_nats"] == distortion + rate
    assert losses["mse"] == squared_error / d
    bits = (distortion + rate) / math.log(2)
    assert losses["loss_bits_per_dim"] * d == pytest.approx(bits, rel=1e-12)
    assert not {"loss_article", "r_loss_article"} & set(losses)
    assert likelihood.loss_unit == "nats"
    assert shown_terms(losses, likelihood.loss_unit) == (distortion, rate, distortion + rate)
    assert likelihood.weight is None
    assert set(losses) < set(losses_of(1000.0, d, distortion, rate))


@given(factor=factors, d=dimensions)
def test_people_see_the_articles_units_or_nats(factor, d):
    weight = Weight(factor, d)
    losses = losses_of(factor, d, 3.0, 2.0)
    likelihood = gaussian(factor, d)
    assert likelihood.loss_unit == "article"
    assert shown_terms(losses, "article") == pytest.approx((3.0, 2.0, 5.0), rel=1e-6)
    distortion, rate, loss = shown_terms(losses, "nats")
    assert (rate, loss) == (2.0, losses["loss_nats"])
    assert distortion == pytest.approx(3.0 + weight.log_normaliser, rel=1e-6, abs=1e-6 * d + 1e-6)


def test_losses_are_in_nats_where_the_variance_moves():
    assert GaussianLikelihood(24, 1.0, "auto").loss_unit == "nats"


def test_losses_follow_a_variance_that_moved_since_the_terms_were_summed():
    """The distortion was summed at σ² = 1; the squared error and the other terms are kept."""
    likelihood = GaussianLikelihood(8, 0.25)
    losses = likelihood.losses({**means(3.0, 2.0, 6.0), "loss": 5.5, "mmd": 0.5})
    assert losses["r_loss_article"] == 12
    assert losses["loss_article"] == 14.5
    assert losses["mmd"] == 0.5
    assert losses["mse"] == 0.75
    normaliser = 4 * math.log(2 * math.pi * 0.25)
    assert losses["distortion_nats"] == pytest.approx(12 + normaliser)
    assert losses["loss_nats"] == pytest.approx(14.5 + normaliser)


def test_the_units_follow_from_the_likelihood():
    model = build_autoencoder(configured(encoder="mlp", decoder="mlp", beta=0.125), (4, 3, 2))
    assert model.likelihood.weight == Weight.of_beta(0.125, 24)
    model.likelihood.variance.fill_(0.5)
    assert model.likelihood.weight.units()["beta"] == 0.5
    config = configured(encoder="mlp", decoder="mlp", likelihood="bernoulli")
    assert build_autoencoder(config, (4, 3, 2)).likelihood.weight is None


def test_the_plan_knows_the_units_before_there_is_a_model():
    assert GaussianLikelihoodOptions().weight_for(24) == Weight(DEFAULT_WEIGHT, 24)
    assert GaussianLikelihoodOptions(weight="auto").weight_for(24) is None
    assert GaussianLikelihoodOptions().describe(24) == str(Weight(DEFAULT_WEIGHT, 24))
    assert "auto: σ² = MSE" in GaussianLikelihoodOptions(weight="auto").describe(24)
    assert "an MSE of 0.01" in GaussianLikelihoodOptions(target_mse=0.01).describe(24)
    assert "a rate of 9 nats" in GaussianLikelihoodOptions(target_rate=9.0).describe(24)
    bernoulli = BernoulliLikelihoodOptions()
    assert bernoulli.describe(24) == "bernoulli likelihood: losses in nats, no weight"
    assert not bernoulli.has_weight
    assert bernoulli.resolve_defaults() == bernoulli
