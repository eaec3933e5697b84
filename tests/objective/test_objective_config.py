"""ObjectiveConfig: what cannot be is an error with a mend."""

import pytest

from reparam.errors import ConfigError
from reparam.objective import ObjectiveConfig, Weight


def test_the_defaults_are_the_books_vae():
    config = ObjectiveConfig()
    assert config.weight_for(784) == Weight(1000.0, 784)
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
