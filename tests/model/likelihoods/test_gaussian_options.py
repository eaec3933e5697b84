"""GaussianLikelihoodOptions: one weight in several units; what cannot be is an error with a fix."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.model import GaussianLikelihoodOptions, Weight
from reparam.model.likelihoods.gaussian import DEFAULT_WEIGHT


def test_the_default_is_a_vaes():
    options = GaussianLikelihoodOptions()
    assert options.given == ()
    assert options.resolve_defaults().weight == DEFAULT_WEIGHT == 1000
    assert options.weight_for(784) == Weight(1000.0, 784)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_the_factor_is_positive_and_finite(factor):
    with pytest.raises(ConfigError, match=f"weight must be above 0, got {factor}"):
        GaussianLikelihoodOptions(weight=factor)


@given(factor=st.floats(0.01, 1e6), d=st.integers(1, 5000))
def test_one_weight_in_three_units(factor, d):
    weight = Weight(factor, d)
    for options in (
        GaussianLikelihoodOptions(weight=factor),
        GaussianLikelihoodOptions(beta=weight.beta),
        GaussianLikelihoodOptions(sigma=weight.sigma),
    ):
        found = options.weight_for(d)
        assert found is not None
        assert found.r_loss_factor == pytest.approx(factor, rel=1e-12)
        assert options.weight_search is None
        built = options.build((1, 1, d))
        assert built.weight.r_loss_factor == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"weight": 10.0, "beta": 1.0},
        {"beta": 1.0, "sigma": 1.0},
        {"weight": "auto", "target_mse": 0.1},
        {"target_mse": 0.1, "target_rate": 3.0},
    ],
)
def test_a_weight_is_given_once(options):
    with pytest.raises(ConfigError, match=r"given once, by one of .* got .*Fix: keep one"):
        GaussianLikelihoodOptions(**options)


@pytest.mark.parametrize("name", ["beta", "sigma", "target_mse", "target_rate"])
def test_every_unit_is_above_zero(name):
    with pytest.raises(ConfigError, match=f"{name} must be above 0, got 0"):
        GaussianLikelihoodOptions(**{name: 0.0})


def test_how_a_weight_is_found():
    auto, mse, rate = (
        GaussianLikelihoodOptions(weight="auto"),
        GaussianLikelihoodOptions(target_mse=0.1),
        GaussianLikelihoodOptions(target_rate=3.0),
    )
    assert [options.weight_search for options in (auto, mse, rate)] == [
        "auto",
        "target_mse",
        "target_rate",
    ]
    assert all(options.weight_for(784) is None for options in (auto, mse, rate))
    # Losses of epochs with a moving σ² compare where it follows the error, not where a target is.
    assert [options.losses_comparable for options in (auto, mse, rate)] == [True, False, False]
    assert (auto.targets, mse.targets, rate.targets) == ({}, {"mse": 0.1}, {"rate_nats": 3.0})
    assert (mse.build((2, 2, 1)).target, rate.build((2, 2, 1)).target) == (0.1, 3.0)
    assert auto.build((2, 2, 1)).search == "auto"


def test_a_resolved_weight_is_written_out_and_is_the_same():
    for options in (
        GaussianLikelihoodOptions(),
        GaussianLikelihoodOptions(beta=0.3),
        GaussianLikelihoodOptions(weight="auto"),
    ):
        assert options.resolve_defaults().weight_for(784) == options.weight_for(784)
        assert options.resolve_defaults().weight_search == options.weight_search
    assert GaussianLikelihoodOptions().resolve_defaults().weight is not None
    assert GaussianLikelihoodOptions(beta=0.3).resolve_defaults().weight is None


def test_all_but_a_plain_weight_are_about_a_rate():
    assert not GaussianLikelihoodOptions().weighs_rate
    assert not GaussianLikelihoodOptions(weight=3.0).weighs_rate
    for name in ("beta", "sigma", "target_mse", "target_rate"):
        assert GaussianLikelihoodOptions(**{name: 1.0}).weighs_rate
