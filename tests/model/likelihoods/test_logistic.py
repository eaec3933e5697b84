"""p(x|z) of 256 levels: against sums over all of them, other formulas, and the density's limit."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.errors import ConfigError, DataRangeError
from reparam.model import (
    DiscretisedLogisticLikelihood,
    DiscretisedLogisticLikelihoodOptions,
    LogisticMixturePixels,
    build_autoencoder,
)

from ..configs import configured

LEVELS = torch.arange(256, dtype=torch.float64) / 255
quick = settings(max_examples=30)
seeds = st.integers(0, 2**31)
sizes = st.sampled_from([0.1, 1.0, 10.0, 1000.0])


def decoded(seed: int, size: float, components: int, channels: int) -> torch.Tensor:
    """What a decoder may give for one pixel, in float64."""
    generator = torch.Generator().manual_seed(seed)
    count = DiscretisedLogisticLikelihoodOptions(components).decoder_channels(channels)
    return size * torch.randn(1, count, 1, 1, generator=generator, dtype=torch.float64)


def likelihood(components: int, channels: int) -> DiscretisedLogisticLikelihood:
    options = DiscretisedLogisticLikelihoodOptions(components)
    return options.build((1, 1, channels)).double()


def of_every_level(pixels: LogisticMixturePixels) -> torch.Tensor:
    """log P of each level of a pixel with one channel (256,)."""
    many = [t.expand(256, *t.shape[1:]) for t in (pixels.logits, pixels.centre, pixels.log_scale)]
    return LogisticMixturePixels(*many).log_prob(LEVELS.view(-1, 1, 1, 1))


@quick
@given(seed=seeds, size=sizes, components=st.integers(1, 5))
def test_probabilities_of_all_levels_sum_to_one_and_their_mean_is_the_mean(seed, size, components):
    pixels = likelihood(components, 1)(decoded(seed, size, components, 1))
    log_p = of_every_level(pixels)
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-9)
    mean = (log_p.exp() * LEVELS).sum().item()
    assert pixels.mean.item() == pytest.approx(mean, abs=0.06 / 255)


@settings(max_examples=5)
@given(seed=seeds, size=sizes, components=st.integers(1, 3))
def test_probabilities_of_all_colours_sum_to_one(seed, size, components):
    """Of two channels: 65,536 colours."""
    pixels = likelihood(components, 2)(decoded(seed, size, components, 2))
    colours = torch.cartesian_prod(LEVELS, LEVELS).view(-1, 2, 1, 1)
    many = [
        t.expand(len(colours), *t.shape[1:])
        for t in (pixels.logits, pixels.centre, pixels.log_scale)
    ]
    log_p = LogisticMixturePixels(*many).log_prob(colours)
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-9)


@quick
@given(centre=st.floats(-0.5, 1.5), log_scale=st.floats(-6, 0))
def test_it_is_the_difference_of_two_sigmoids(centre, log_scale):
    """As the paper has it, where that loses no digits: from half a level below to half above."""
    logits = torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    parameters = [torch.full((1, 1, 1, 1, 1), v, dtype=torch.float64) for v in (centre, log_scale)]
    found = of_every_level(LogisticMixturePixels(logits, *parameters)).exp()
    scale = math.exp(log_scale)
    above = torch.sigmoid((LEVELS + 0.5 / 255 - centre) / scale)
    below = torch.sigmoid((LEVELS - 0.5 / 255 - centre) / scale)
    above[-1], below[0] = 1, 0
    torch.testing.assert_close(found, above - below, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scale", [0.05, 0.2])
def test_of_a_wide_scale_it_is_the_density_times_the_step(scale):
    """s e^−u / (1 + e^−u)² with u = (x − centre) / s."""
    parameters = [torch.full((1, 1, 1, 1, 1), v).double() for v in (0.4, math.log(scale))]
    log_p = of_every_level(LogisticMixturePixels(torch.zeros(1, 1, 1, 1).double(), *parameters))
    u = (LEVELS - 0.4) / scale
    density = -u - 2 * torch.nn.functional.softplus(-u) - math.log(scale)
    torch.testing.assert_close(log_p[1:-1], (density - math.log(255))[1:-1], rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_extreme_parameters_have_finite_gradients(size):
    """In float32, for black, white and between."""
    for seed in range(20):
        given_values = decoded(seed, size, 3, 1).float().expand(3, -1, 1, 1).clone()
        given_values.requires_grad_()
        pixels = likelihood(3, 1).float()(given_values)
        x = torch.tensor([0.0, 100 / 255, 1.0]).view(3, 1, 1, 1)
        (-pixels.log_prob(x).sum() + pixels.mean.sum()).backward()
        assert given_values.grad is not None
        assert given_values.grad.isfinite().all()
        assert ((pixels.mean >= 0) & (pixels.mean <= 1)).all()
        assert pixels.log_prob(x).isfinite().all()


def test_the_scale_has_bounds():
    """A quarter of a level, and (nearly) the whole range; in between it is the decoder's."""
    narrow, wide = (
        likelihood(1, 1)(torch.tensor([0.0, 0.0, v]).double().view(1, 3, 1, 1)).log_scale.exp()
        for v in (-1e3, 1e3)
    )
    assert narrow.item() * 255 == pytest.approx(0.25, rel=1e-6)
    assert wide.item() == pytest.approx(1, rel=2e-3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("components", [1, 5])
def test_it_knows_what_gives_a_mean(components, channels):
    mean = torch.linspace(0.01, 0.99, 4 * channels).view(channels, 2, 2).double()
    of = likelihood(components, channels)
    torch.testing.assert_close(of(of.at_mean(mean)[None]).mean[0], mean)
    ends = of.at_mean(torch.tensor([0.0, 1.0]).view(1, 1, 2).expand(channels, 1, 2))
    assert ends.isfinite().all()


def test_pixels_are_taken_at_the_nearest_level_and_none_outside():
    pixels = likelihood(2, 1)(decoded(0, 1.0, 2, 1))
    near, at = (torch.full((1, 1, 1, 1), v / 255).double() for v in (100.3, 100.0))
    assert torch.equal(pixels.log_prob(near), pixels.log_prob(at))
    with pytest.raises(DataRangeError, match=r"for a discretised-logistic likelihood, got 1\.5"):
        pixels.log_prob(at + 1.5 - 100 / 255)


def test_more_components_are_at_least_as_likely():
    """Adam on two levels that alternate: one logistic cannot have two modes."""
    x = torch.tensor([50.0, 200.0]).repeat(8).view(-1, 1, 1, 1) / 255
    bits = []
    for components in (1, 2):
        of = likelihood(components, 1).float()
        values = torch.zeros(1, 3 * components, 1, 1, requires_grad=True)
        optimiser = torch.optim.Adam([values], 0.08)
        for _ in range(250):
            optimiser.zero_grad()
            loss = -of(values.expand(16, -1, 1, 1)).log_prob(x).mean()
            loss.backward()
            optimiser.step()
        bits.append(of.bits_per_dim(loss.item()))
    assert bits[1] < 2.5 < 6 < bits[0]  # of two equal modes it takes 1 bit to say which
    assert bits[1] > 1


def test_the_decoder_gives_what_it_takes():
    model = build_autoencoder(
        configured(encoder="mlp", decoder="mlp", likelihood="discretised-logistic", components=3),
        (4, 5, 3),
    )
    z = torch.randn(2, 2)
    assert model.decoder(z).shape == (2, 3 * 7, 4, 5)
    assert model.decode(z).shape == (2, 3, 4, 5)
    assert model.image_shape == (4, 5, 3)
    assert model.likelihood.dimensions == 60
    with pytest.raises(ConfigError, match="components must be 1 or more, got 0"):
        DiscretisedLogisticLikelihoodOptions(0)
