"""ObjectiveConfig: what cannot be is an error with a mend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.objective import ONE_OF, ObjectiveConfig, Weight, given_once
from reparam.objective.config import DEFAULT_WEIGHT


def test_the_defaults_are_a_vaes():
    config = ObjectiveConfig()
    assert config.settled("gaussian").weight == DEFAULT_WEIGHT
    assert config.regulariser == "kl"
    assert config.corrupt == "none"


@pytest.mark.parametrize("factor", [0.0, -1.0, float("inf"), float("nan")])
def test_the_factor_is_positive_and_finite(factor):
    with pytest.raises(ConfigError, match=f"weight must be above 0, found {factor}"):
        ObjectiveConfig(weight=factor)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("gaussian", -0.1),
        ("gaussian", float("nan")),
        ("masking", -0.1),
        ("masking", 1.1),
        ("salt-and-pepper", 1.5),
    ],
)
def test_an_amount_out_of_range(kind, amount):
    with pytest.raises(ConfigError, match=f"corrupt_amount for {kind} .* found {amount}"):
        ObjectiveConfig(corrupt=kind, corrupt_amount=amount)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("gaussian", 0.0), ("gaussian", 2.0), ("masking", 0.0), ("masking", 1.0)],
)
def test_the_edges_of_the_range(kind, amount):
    assert ObjectiveConfig(corrupt=kind, corrupt_amount=amount).corrupt_amount == amount


@given(factor=st.floats(0.01, 1e6), d=st.integers(1, 5000))
def test_one_weight_in_three_units(factor, d):
    weight = Weight(factor, d)
    for config in (
        ObjectiveConfig(weight=factor),
        ObjectiveConfig(beta=weight.beta),
        ObjectiveConfig(sigma=weight.sigma),
    ):
        found = config.weight_for(d)
        assert found is not None
        assert found.r_loss_factor == pytest.approx(factor, rel=1e-12)
        assert config.sought is None


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
    with pytest.raises(ConfigError, match=r"given once, by one of .* found .*: keep one"):
        ObjectiveConfig(**options)


@pytest.mark.parametrize("name", ["beta", "sigma", "target_mse", "target_rate"])
def test_every_unit_is_above_zero(name):
    with pytest.raises(ConfigError, match=f"{name} must be above 0, found 0"):
        ObjectiveConfig(**{name: 0.0})


@pytest.mark.parametrize("options", [{"beta": 1.0}, {"target_rate": 3.0}, {"free_bits": 0.1}])
def test_without_a_rate_there_is_nothing_to_weigh(options):
    with pytest.raises(ConfigError, match="about the KL term, found it with regulariser none"):
        ObjectiveConfig(regulariser="none", **options)


@pytest.mark.parametrize("weight", [None, 5.0, "auto"])
def test_an_ae_has_weight_one(weight):
    config = ObjectiveConfig(weight=weight, regulariser="none")
    assert config.weight_for(144) == Weight(1.0, 144)


def test_how_a_weight_is_found():
    assert ObjectiveConfig(weight="auto").sought == "auto"
    assert ObjectiveConfig(target_mse=0.1).sought == "target_mse"
    assert ObjectiveConfig(target_rate=3.0).sought == "target_rate"
    assert ObjectiveConfig(weight="auto").weight_for(784) is None
    # Losses of epochs with a moving σ² compare where it follows the error, not where a target is.
    assert [ObjectiveConfig(weight="auto").compares, ObjectiveConfig(target_mse=1.0).compares] == [
        True,
        False,
    ]


def test_a_settled_weight_is_written_out_and_is_the_same():
    for config in (ObjectiveConfig(), ObjectiveConfig(beta=0.3), ObjectiveConfig(weight="auto")):
        assert config.settled("gaussian").weight_for(784) == config.weight_for(784)
        assert config.settled("gaussian").sought == config.sought
    assert ObjectiveConfig().settled("gaussian").weight is not None
    assert ObjectiveConfig(beta=0.3).settled("gaussian").weight is None


def test_a_weight_in_one_unit_takes_the_place_of_another():
    assert given_once({"beta": 0.3, "corrupt": "none"}) == {
        **dict.fromkeys(ONE_OF),
        "beta": 0.3,
        "corrupt": "none",
    }
    assert given_once({"corrupt": "none"}) == {"corrupt": "none"}
