"""p(x|z) of black and white pixels: against torch.distributions, all images, the ends."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import distributions

from reparam.errors import DataRangeError
from reparam.model import (
    BernoulliLikelihood,
    BernoulliPixels,
    GaussianLikelihood,
    build_autoencoder,
)

from ..configs import configured

seeds = st.integers(0, 2**31)


def drawn(seed: int, grey: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and logits, (3, 2, 5, 4) in float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(3, 2, 5, 4, generator=generator, dtype=torch.float64)
    logits = 6 * torch.randn(3, 2, 5, 4, generator=generator, dtype=torch.float64)
    return (x if grey else x.round()), logits


@given(seed=seeds)
def test_log_prob_is_torchs(seed):
    x, logits = drawn(seed, grey=False)
    ours = BernoulliPixels(logits).log_prob(x)
    theirs = distributions.Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    assert ours.shape == (3,)
    torch.testing.assert_close(ours, theirs)


@given(seed=seeds, grey=st.booleans())
def test_distortion_is_minus_log_prob_and_its_gradient_is_mean_minus_image(seed, grey):
    """∂(−log p)/∂logit = sigmoid(logit) − x."""
    x, logits = drawn(seed, grey)
    logits.requires_grad_()
    p = BernoulliPixels(logits)
    distortion = p.distortion(x)
    assert torch.equal(distortion, -p.log_prob(x))
    (gradient,) = torch.autograd.grad(distortion.sum(), logits)
    torch.testing.assert_close(gradient, p.mean.detach() - x)
    torch.testing.assert_close(p.mean, torch.sigmoid(logits))


def every_image(n: int) -> torch.Tensor:
    """All 2ⁿ images of n pixels in a row."""
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n))).double().view(-1, 1, 1, n)


@given(seed=seeds)
def test_probabilities_of_all_images_sum_to_one(seed):
    logits = 3 * torch.randn(1, 1, 1, 6, generator=torch.Generator().manual_seed(seed)).double()
    x = every_image(6)
    log_p = BernoulliPixels(logits.expand_as(x)).log_prob(x)
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-12)


@given(seed=seeds)
def test_of_grey_pixels_it_is_the_mean_over_images_drawn_from_them(seed):
    generator = torch.Generator().manual_seed(seed)
    grey, logits = torch.rand(2, 1, 1, 1, 6, generator=generator).double()
    logits, x = 4 * logits - 2, every_image(6)
    weights = torch.where(x == 1, grey, 1 - grey).prod(3).flatten()
    log_p = BernoulliPixels(logits.expand_as(x)).log_prob(x)
    of_grey = BernoulliPixels(logits).log_prob(grey)
    torch.testing.assert_close(of_grey, (weights * log_p).sum()[None])


@pytest.mark.parametrize("logit", [0.0, 1.0, 20.0, 60.0, 1e4])
def test_no_digit_is_lost_at_the_ends(logit):
    """In float32, where p itself is 0 or 1: log p = −log(1 + e^−logit), also for huge logits."""
    x, logits = torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), logit)
    likely, unlikely = BernoulliPixels(logits).log_prob(x), BernoulliPixels(-logits).log_prob(x)
    small = math.log1p(math.exp(-logit))
    assert likely.item() == pytest.approx(-small, rel=1e-6)
    assert unlikely.item() == pytest.approx(-logit - small, rel=1e-6)


@pytest.mark.parametrize("pixel", [-0.01, 1.5, 255.0, math.nan])
@pytest.mark.parametrize("method", ["log_prob", "distortion"])
def test_pixels_outside_of_0_to_1_are_an_error(pixel, method):
    x = torch.full((2, 1, 3, 3), 0.5)
    x[1, 0, 2, 1] = pixel
    with pytest.raises(DataRangeError, match=rf"pixels must be in \[0, 1\] .*, got {pixel:g}"):
        getattr(BernoulliPixels(torch.zeros(2, 1, 3, 3)), method)(x)


def test_the_likelihoods_know_what_gives_a_mean():
    mean = torch.tensor([0.01, 0.3, 0.99]).view(1, 3, 1, 1)
    for likelihood in (BernoulliLikelihood(3), GaussianLikelihood(3, 0.5)):
        torch.testing.assert_close(likelihood(likelihood.at_mean(mean)).mean, mean)
    ends = BernoulliLikelihood(2).at_mean(torch.tensor([0.0, 1.0]))
    assert ends.isfinite().all()
    assert not list(BernoulliLikelihood(2).state_dict())


def test_its_decoder_gives_logits():
    config = configured(likelihood="bernoulli", encoder="mlp")
    assert config.likelihood.logits
    torch.manual_seed(0)
    model = build_autoencoder(config, (6, 5, 1))
    torch.nn.init.constant_(model.decoder.blocks[-1].conv.bias, 7.0)
    z = torch.randn(3, 2)
    logits = model.pixels(z).logits
    assert logits.amax() > 5
    assert torch.equal(model.decode(z), torch.sigmoid(logits))


@given(seed=seeds, grey=st.booleans())
def test_its_terms_are_the_distortion_and_the_squared_error(seed, grey):
    x, logits = drawn(seed, grey)
    logits.requires_grad_()
    likelihood = BernoulliLikelihood(40)
    pixels = likelihood(logits)
    assert set(likelihood.train().terms(pixels, x)) == {"distortion"}  # a step measures no other
    terms = likelihood.eval().terms(pixels, x)
    assert torch.equal(terms["distortion"], pixels.distortion(x))
    torch.testing.assert_close(
        terms["squared_error"], (x - torch.sigmoid(logits)).square().sum((1, 2, 3)).detach()
    )
    assert terms["distortion"].requires_grad
    assert not terms["squared_error"].requires_grad
