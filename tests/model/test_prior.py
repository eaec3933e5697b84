"""p(z): closed forms against torch's own and against Monte Carlo; the box of an AE."""

import math
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from reparam.errors import ConfigError, RunError
from reparam.model import (
    PRIORS,
    Box,
    BoxOptions,
    Delta,
    DeltaOptions,
    DiagonalNormal,
    Distribution,
    GaussianPriorOptions,
    ModelConfig,
    Noise,
    Prior,
    StandardNormal,
    build_autoencoder,
    rate,
    uniform,
)

seeds = st.integers(0, 2**31)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def normal(seed: int, images: int = 4, latent_dim: int = 3) -> DiagonalNormal:
    return DiagonalNormal(*noise(2, images, latent_dim, seed=seed))


@dataclass(frozen=True)
class UniformPosterior(Distribution):
    """A posterior from outside: uniform from low to high."""

    low: torch.Tensor
    high: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> torch.Tensor | None:
        return (self.high - self.low).square() / 12

    def rsample(self, noise: Noise = None) -> torch.Tensor:
        return self.low + (self.high - self.low) * uniform(self.low.shape, noise, self.low)

    def entropies(self) -> torch.Tensor | None:
        return (self.high - self.low).log()

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        return torch.where(inside, -(self.high - self.low).log().sum(1), -torch.inf)


class UnknownEntropy(UniformPosterior):
    """The same without its closed forms."""

    @property
    def variance(self) -> None:
        return None

    def entropies(self) -> None:
        return None


def test_both_are_priors():
    assert isinstance(StandardNormal(2), Prior)
    assert isinstance(Box(2), Prior)


@given(seed=seeds)
def test_closed_form_kl_is_torchs(seed):
    q = normal(seed)
    theirs = distributions.kl_divergence(
        distributions.Normal(q.mu, (q.log_var / 2).exp()),
        distributions.Normal(torch.zeros_like(q.mu), torch.ones_like(q.mu)),
    ).sum(1)
    torch.testing.assert_close(StandardNormal(3).kl(q), theirs)
    torch.testing.assert_close(rate(StandardNormal(3), q, q.mu), theirs)


@settings(max_examples=10)
@given(seed=seeds)
def test_closed_form_kl_is_the_mean_of_log_q_minus_log_p(seed):
    """KL(q ‖ p) = E_q[log q(z) − log p(z)], within 6 standard errors of 20,000 samples."""
    one = normal(seed, images=1)
    q = DiagonalNormal(one.mu.expand(20_000, -1), one.log_var.expand(20_000, -1))
    z = q.rsample(generator(seed))
    log_q = distributions.Normal(q.mu, (q.log_var / 2).exp()).log_prob(z).sum(1)
    prior = StandardNormal(3)
    ratios = log_q - prior.log_prob(z)
    error = (ratios.std() / math.sqrt(len(z))).item()
    assert ratios.mean().item() == pytest.approx(prior.kl(one).item(), abs=6 * error)


@pytest.mark.parametrize("latent_dim", [1, 2, 7])
def test_kl_of_the_prior_itself_is_zero(latent_dim):
    zeros = torch.zeros(3, latent_dim)
    kl = StandardNormal(latent_dim).kl(DiagonalNormal(zeros, zeros))
    assert torch.equal(kl, torch.zeros(3))


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_kl_to_a_gaussian_is_in_full_precision_where_the_model_is_in_bfloat16(covariance):
    """Three digits of a trace of 256 dimensions would be an error of a nat."""
    config = ModelConfig(latent_dim=256, prior=GaussianPriorOptions(covariance=covariance))
    torch.manual_seed(0)
    prior = build_autoencoder(config, (4, 4, 1)).prior
    q = DiagonalNormal(torch.randn(5, 256), 0.1 * torch.randn(5, 256))
    with torch.autocast("cpu", torch.bfloat16):
        found = prior.kl(q)
    torch.testing.assert_close(found, prior.kl(q), rtol=1e-6, atol=1e-4)
    identical = prior.kl(DiagonalNormal(torch.zeros(1, 256), torch.zeros(1, 256)))
    assert identical.abs().item() < 1e-4


@given(mu=st.floats(-30, 30), log_var=st.floats(-30, 10))
def test_kl_is_never_negative(mu, log_var):
    q = DiagonalNormal(torch.tensor([[mu]]), torch.tensor([[log_var]]))
    kl = StandardNormal(1).kl(q).item()
    assert kl >= -1e-6
    if abs(mu) > 0.01 or abs(log_var) > 0.01:
        assert kl > 0


@settings(max_examples=10)
@given(low=st.floats(-2, 1), width=st.floats(0.1, 3), seed=seeds)
def test_the_rate_is_exact_where_two_moments_are_known_and_else_unbiased(low, width, seed):
    """KL(U(a, b) ‖ N(0, 1)) = −log(b − a) + ½ log 2π + (a² + ab + b²) / 6."""
    high = low + width
    full = torch.ones(20_000, 1, dtype=torch.float64)
    q = UnknownEntropy(low * full, high * full)
    assert StandardNormal(1).kl(q) is None
    estimates = rate(StandardNormal(1), q, q.rsample(generator(seed)))
    exact = -math.log(width) + 0.5 * math.log(2 * math.pi) + (low**2 + low * high + high**2) / 6
    error = (estimates.std() / math.sqrt(len(full))).item()
    assert estimates.mean().item() == pytest.approx(exact, abs=6 * error + 1e-9)
    known = UniformPosterior(q.low[:3], q.high[:3])
    in_closed_form = rate(StandardNormal(1), known, known.rsample(generator(seed)))
    assert in_closed_form.tolist() == pytest.approx([exact] * 3)
    # With the entropy alone: −H(q) − log p(z) at the same z is the same number.
    z = q.rsample(generator(seed))
    half = known.repeated(1).rows(slice(0, 3))
    box = Box(1)
    box.fit(torch.tensor([[-9.0], [9.0]]).double())
    assert box.kl(half) is None
    torch.testing.assert_close(rate(box, half, z[:3]), rate(box, q.rows(slice(0, 3)), z[:3]))


@given(seed=seeds)
def test_log_prob_of_the_standard_normal_is_torchs(seed):
    z = 3 * noise(5, 4, seed=seed)
    theirs = distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    torch.testing.assert_close(StandardNormal(4).log_prob(z), theirs)


def test_samples_of_the_standard_normal():
    n = 40_000
    z = StandardNormal(3).sample(n, generator(0))
    assert z.shape == (n, 3)
    assert z.mean(0).abs().max() < 6 / math.sqrt(n)
    assert (torch.cov(z.T) - torch.eye(3)).abs().max() < 6 * math.sqrt(2 / n)


@pytest.mark.parametrize("prior", [StandardNormal(2), Box(2)], ids=["normal", "box"])
def test_samples_take_a_seed(prior):
    if isinstance(prior, Box):
        prior.fit(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    assert torch.equal(prior.sample(5, generator(1)), prior.sample(5, generator(1)))
    assert not torch.equal(prior.sample(5, generator(1)), prior.sample(5, generator(2)))


def test_only_the_box_is_known_after_training_alone():
    known_late = [name for name in PRIORS.names if PRIORS.find(name).is_known_after_training]
    assert known_late == ["box"]
    assert not Box(2).fitted


def test_what_they_say_of_themselves():
    box = Box(2)
    box.fit(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    normal_prior = StandardNormal(2)
    assert (box.form, box.is_standard_normal, box.between) == ("uniform", False, "lerp")
    assert (normal_prior.form, normal_prior.is_standard_normal) == ("normal", True)
    assert normal_prior.between == "slerp"
    assert normal_prior.describe() == normal_prior.describe("ko") == "N(0, I)"
    assert "box of the training latents" in box.describe()
    mean, covariance = box.moments()
    assert mean.tolist() == [1, 3]
    torch.testing.assert_close(covariance, torch.diag(torch.tensor([4 / 12, 16 / 12]).double()))
    low, high = box.bounds()
    assert (low.tolist(), high.tolist()) == ([0, 1], [2, 5])
    assert normal_prior.bounds() is None
    assert torch.equal(normal_prior.moments()[1], torch.eye(2))


def fitted_box(seed: int, latent_dim: int = 2) -> tuple[Box, torch.Tensor]:
    z = noise(50, latent_dim, seed=seed).float()
    box = Box(latent_dim)
    box.fit(z)
    return box, z


@given(seed=seeds)
def test_the_box_is_the_least_that_holds_the_latents(seed):
    box, z = fitted_box(seed)
    assert torch.equal(box.low, z.min(0).values)
    assert torch.equal(box.high, z.max(0).values)
    assert box.log_prob(z).isfinite().all()


@settings(max_examples=20)
@given(seed=seeds)
def test_samples_of_the_box_fill_it_and_stay_inside(seed):
    box, _ = fitted_box(seed)
    n = 5_000
    z = box.sample(n, generator(seed))
    assert ((z >= box.low) & (z <= box.high)).all()
    width = box.high - box.low
    assert ((z.mean(0) - (box.low + box.high) / 2).abs() < 6 * width / math.sqrt(12 * n)).all()
    # P(no sample in an outer hundredth) = 0.99⁵⁰⁰⁰ < 1e-21
    assert (z.min(0).values < box.low + 0.01 * width).all()
    assert (z.max(0).values > box.high - 0.01 * width).all()


@settings(max_examples=20)
@given(seed=seeds)
def test_the_boxs_density_is_uniform_and_integrates_to_one(seed):
    box, _ = fitted_box(seed)
    volume = (box.high - box.low).prod().item()
    inside = box.log_prob(box.sample(100, generator(seed)))
    torch.testing.assert_close(inside, torch.full((100,), -math.log(volume)))
    # the integral over a box twice as wide: the mean density times the volume
    u = torch.rand(20_000, 2, generator=generator(seed))
    centre, half = (box.low + box.high) / 2, box.high - box.low
    density = box.log_prob(centre + half * (2 * u - 1)).exp()
    integral = density.mean().item() * 4 * volume
    assert integral == pytest.approx(1, abs=6 * math.sqrt(3 / 20_000))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_outside_of_the_box_the_density_is_zero(axis, sign):
    box, _ = fitted_box(0)
    z = ((box.low + box.high) / 2)[None]
    assert box.log_prob(z).isfinite().all()
    z[0, axis] += sign * 0.51 * (box.high - box.low)[axis]
    assert box.log_prob(z).item() == -math.inf


def test_kl_to_a_box_that_holds_the_samples():
    """−H(q) + log volume: exact wherever every sample lies inside."""
    box = Box(3)
    box.fit(torch.tensor([[-50.0] * 3, [50.0] * 3]))
    q = normal(1)
    z = q.rsample(generator(2))
    expected = 3 * math.log(100) - q.entropies().sum(1)
    torch.testing.assert_close(rate(box, q, z), expected, rtol=1e-6, atol=1e-6)


def test_a_box_before_its_fit_is_an_error():
    box = Box(2)
    with pytest.raises(RunError, match="reparam resume"):
        box.sample(3)
    with pytest.raises(RunError, match="reparam resume"):
        box.log_prob(torch.zeros(1, 2))
    model = build_autoencoder(ModelConfig(posterior=DeltaOptions(), prior=BoxOptions()), (8, 8, 1))
    with pytest.raises(RunError, match="training latents"):
        model.sample(1)


@pytest.mark.parametrize("prior", [StandardNormal(2), Box(2)], ids=["normal", "box"])
def test_a_point_has_no_kl(prior):
    if isinstance(prior, Box):
        prior.fit(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    mu = torch.zeros(1, 2)
    assert prior.kl(Delta(mu)) is None
    with pytest.raises(ConfigError, match=r"got an AE, .* Fix: take a VAE"):
        rate(prior, Delta(mu), mu)


def test_a_fitted_box_is_kept_with_the_weights():
    box, _ = fitted_box(3)
    other = Box(2)
    other.load_state_dict(box.state_dict())
    assert torch.equal(other.sample(4, generator(0)), box.sample(4, generator(0)))
    assert not list(box.parameters())
    assert not StandardNormal(2).state_dict()
