"""Objectives and models that do not go together are refused, with the reason and a fix."""

from dataclasses import replace

import pytest

from reparam.errors import ConfigError
from reparam.model import (
    BoxOptions,
    DeltaOptions,
    DiagonalNormalOptions,
    GaussianLikelihoodOptions,
    GaussianPriorOptions,
    MixturePriorOptions,
    ModelConfig,
)
from reparam.objective import Elbo, Reconstruction

VAE = ModelConfig()
AE = ModelConfig(posterior=DeltaOptions(), prior=BoxOptions())


def test_what_goes_together():
    Elbo().check(VAE)
    Elbo(free_bits=0.1).check(VAE)
    Reconstruction().check(AE)
    Reconstruction().check(VAE)
    Reconstruction().check(replace(AE, likelihood=GaussianLikelihoodOptions(weight=5.0)))
    Elbo().check(replace(VAE, prior=MixturePriorOptions()))
    assert Elbo().has_rate
    assert not Reconstruction().has_rate


def test_a_point_has_no_rate():
    with pytest.raises(ConfigError, match=r"for objective elbo, got delta: a point .*Fix: "):
        Elbo().check(AE)


def test_a_box_is_known_after_training():
    with pytest.raises(ConfigError, match=r"prior must be known .* got box.*--prior standard-nor"):
        Elbo().check(replace(AE, posterior=DiagonalNormalOptions()))


@pytest.mark.parametrize(
    "options", [{"beta": 1.0}, {"sigma": 0.1}, {"target_mse": 0.01}, {"target_rate": 3.0}]
)
def test_without_a_rate_there_is_nothing_to_weigh(options):
    likelihood = GaussianLikelihoodOptions(**options)
    with pytest.raises(ConfigError, match=r"got reconstruction, .*Fix: omit beta, sigma"):
        Reconstruction().check(replace(AE, likelihood=likelihood))


@pytest.mark.parametrize("prior", [GaussianPriorOptions(), MixturePriorOptions()], ids=str)
def test_without_a_rate_no_prior_learns(prior):
    with pytest.raises(ConfigError, match=f"for prior {prior.type} to learn from, got reconstruc"):
        Reconstruction().check(replace(AE, prior=prior))
