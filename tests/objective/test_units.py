"""The article's units and nats: the conversions are identities, and go both ways."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reparam.model import ModelConfig, NormalPixels, build_autoencoder
from reparam.objective import ObjectiveConfig, Unweighted, Weight, shown_terms, units_of
from reparam.objective.config import DEFAULT_WEIGHT
from reparam.objective.units import variance_of

factors = st.floats(0.1, 1e5)
dimensions = st.integers(1, 5000)
terms = st.floats(0, 1e5)


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
    torch.testing.assert_close(factor * mse + weight.constant, -log_prob)


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
    losses = weight.losses(distortion, rate)
    close = {"rel": 1e-9, "abs": 1e-6}
    assert losses["mse"] * factor == pytest.approx(losses["r_loss_article"], **close)
    assert losses["r_loss_article"] + losses["rate_nats"] == losses["loss_article"]
    nats = losses["distortion_nats"] + losses["rate_nats"]
    assert losses["loss_nats"] == pytest.approx(nats, **close)
    gap = losses["loss_nats"] - losses["loss_article"]
    assert gap == pytest.approx(weight.constant, **close)
    bits = losses["loss_bits_per_dim"] * d
    assert bits * math.log(2) == pytest.approx(losses["loss_nats"], **close)
    assert losses["rate_nats"] == rate


@given(factor=factors, d=dimensions)
def test_the_constant_vanishes_where_two_pi_sigma_squared_is_one(factor, d):
    assert Weight(math.pi * d, d).constant == pytest.approx(0, abs=1e-9 * d)
    sign = math.copysign(1, Weight(factor, d).constant)
    if not math.isclose(factor, math.pi * d, rel_tol=1e-6):
        assert sign == math.copysign(1, math.pi * d - factor)


def test_the_text_names_every_unit():
    text = str(Weight(1000.0, 784))
    assert "r_loss_factor 1000" in text
    assert "784" in text
    assert "σ = 0.6261" in text
    assert "β = 0.392" in text


@given(distortion=terms, rate=terms, d=dimensions)
def test_a_bernoulli_likelihood_is_in_nats_from_the_beginning(distortion, rate, d):
    units = Unweighted(d)
    losses = units.losses(distortion, rate)
    assert losses["distortion_nats"] == distortion
    assert losses["loss_nats"] == distortion + rate
    bits = (distortion + rate) / math.log(2)
    assert losses["loss_bits_per_dim"] * d == pytest.approx(bits, rel=1e-12)
    assert not {"mse", "loss_article", "r_loss_article"} & set(losses)
    assert shown_terms(losses, units.shown_in) == (distortion, rate, distortion + rate)
    assert units.units() == {}
    assert set(losses) < set(Weight(1000.0, d).losses(distortion, rate))


@given(factor=factors, d=dimensions)
def test_people_see_the_articles_units_or_nats(factor, d):
    weight = Weight(factor, d)
    losses = weight.losses(3.0, 2.0)
    assert shown_terms(losses, weight.shown_in) == (3.0, 2.0, 5.0)
    distortion, rate, loss = shown_terms(losses, "nats")
    assert (rate, loss) == (2.0, losses["loss_nats"])
    assert distortion == pytest.approx(3.0 + weight.constant)


def test_the_units_follow_from_the_likelihood():
    model = build_autoencoder(ModelConfig(architecture="mlp"), (4, 3, 2), variance=0.125)
    assert units_of(model) == Weight.of_beta(0.125, 24)
    model.likelihood.scale.fill_(0.5)
    assert units_of(model).units()["beta"] == 0.5
    config = ModelConfig(architecture="mlp", likelihood="bernoulli")
    assert units_of(build_autoencoder(config, (4, 3, 2), variance=0.125)) == Unweighted(24)


def test_the_plan_knows_the_units_before_there_is_a_model():
    assert ObjectiveConfig().units_for("gaussian", 24) == Weight(DEFAULT_WEIGHT, 24)
    assert ObjectiveConfig().units_for("bernoulli", 24) == Unweighted(24)
    assert ObjectiveConfig(weight="auto").units_for("gaussian", 24) is None
    assert ObjectiveConfig().in_words("bernoulli", 24) == str(Unweighted(24))
    assert ObjectiveConfig().settled("bernoulli").weight is None
