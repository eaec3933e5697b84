"""p(x|z): the normal likelihood against torch.distributions, and distortion against log_prob."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import distributions

from reparam.model import GaussianLikelihood, NormalPixels

seeds = st.integers(0, 2**31)
variances = st.floats(0.01, 10)


def pictures(seed: int, channels: int = 2, n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, mean = torch.rand(2, n, channels, 5, 4, generator=generator, dtype=torch.float64)
    return x, mean


@given(seed=seeds, variance=variances, channels=st.integers(1, 3))
def test_log_prob_is_torchs(seed, variance, channels):
    x, mean = pictures(seed, channels)
    ours = NormalPixels(mean, torch.tensor(variance, dtype=torch.float64)).log_prob(x)
    theirs = distributions.Normal(mean, math.sqrt(variance)).log_prob(x).sum((1, 2, 3))
    assert ours.shape == (3,)
    torch.testing.assert_close(ours, theirs)


@given(seed=seeds, variance=variances)
def test_distortion_is_minus_log_prob_without_the_normaliser(seed, variance):
    x, mean = pictures(seed)
    p = NormalPixels(mean, torch.tensor(variance, dtype=torch.float64))
    normaliser = 0.5 * x[0].numel() * math.log(2 * math.pi * variance)
    torch.testing.assert_close(p.distortion(x), -p.log_prob(x) - normaliser)


@given(seed=seeds, variance=variances)
def test_an_image_is_likeliest_at_its_mean(seed, variance):
    x, mean = pictures(seed)
    p = NormalPixels(mean, torch.tensor(variance, dtype=torch.float64))
    assert not p.distortion(mean).any()
    assert (p.log_prob(mean) > p.log_prob(x)).all()


@given(seed=seeds)
def test_both_have_the_same_gradient(seed):
    x, mean = pictures(seed)
    gradients = []
    for name in ("distortion", "log_prob"):
        mean = mean.detach().requires_grad_()
        p = NormalPixels(mean, torch.tensor(0.3, dtype=torch.float64))
        getattr(p, name)(x).sum().backward()
        gradients.append(mean.grad)
    torch.testing.assert_close(gradients[0], -gradients[1])


def test_density_of_one_pixel_integrates_to_one():
    edges = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    x = edges.view(-1, 1, 1, 1)
    p = NormalPixels(torch.full_like(x, 0.4), torch.tensor(0.5, dtype=torch.float64))
    assert torch.trapezoid(p.log_prob(x).exp(), edges).item() == pytest.approx(1, abs=1e-9)


@given(variance=variances)
def test_the_likelihood_gives_its_variance_to_every_pixel(variance):
    likelihood = GaussianLikelihood(9, variance)
    mean = torch.rand(2, 1, 3, 3)
    p = likelihood(mean)
    assert torch.equal(p.mean, mean)
    assert p.variance.item() == pytest.approx(variance, rel=1e-6)
    assert not list(likelihood.parameters())
    assert "variance" in likelihood.state_dict()


@given(seed=seeds, variance=variances)
def test_its_terms_are_the_distortion_and_the_squared_error(seed, variance):
    x, mean = pictures(seed)
    mean.requires_grad_()
    likelihood = GaussianLikelihood(40, variance).double()
    pixels = likelihood(mean)
    terms = likelihood.terms(pixels, x)
    torch.testing.assert_close(terms["distortion"], pixels.distortion(x))
    assert torch.equal(terms["squared_error"], pixels.squared_error(x).detach())
    (gradient,) = torch.autograd.grad(terms["distortion"].sum(), mean)
    torch.testing.assert_close(gradient, (mean.detach() - x) / likelihood.variance)
    assert not terms["squared_error"].requires_grad
