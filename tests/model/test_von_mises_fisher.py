"""q(z|x) on the unit sphere, and the even prior there: against quadrature and known answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import ive

from reparam.errors import ConfigError
from reparam.evaluation.likelihood import importance_sampled, importance_weighted
from reparam.model import (
    DiagonalNormal,
    LatentSpec,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    Sphere,
    SphereOptions,
    VonMisesFisher,
    VonMisesFisherOptions,
    build_autoencoder,
    posteriors_of,
    rate,
    refine,
)
from reparam.model.posteriors.cosine import Gap

CONFIG = ModelConfig(
    latent_dim=3,
    encoder=MlpEncoderOptions((9,)),
    decoder=MlpDecoderOptions((9,)),
    posterior=VonMisesFisherOptions(),
    prior=SphereOptions(),
)
SHAPE = (4, 4, 1)


def directions(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return Sphere(d).sample(n, torch.Generator().manual_seed(seed)).double()


def one(d: int, kappa: float, n: int = 1, dtype: torch.dtype = torch.float64) -> VonMisesFisher:
    """The same distribution n times."""
    mu = directions(1, d).to(dtype).expand(n, d)
    return VonMisesFisher(mu, torch.full((n, 1), kappa, dtype=dtype))


def mean_cosine(d: int, kappa: float) -> float:
    """A_d(κ)."""
    return float(ive(d / 2, kappa) / ive(d / 2 - 1, kappa))


def cosine_density(d: int, kappa: float) -> tuple[float, "np.ndarray", "np.ndarray"]:
    """Of t = μᵀz: nodes t and weights that sum to 1, by the angle, where it is smooth."""
    edge = min(math.pi, 40 / math.sqrt(kappa))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    angle = edge * (nodes + 1) / 2
    mass = weights * np.exp(kappa * (np.cos(angle) - 1)) * np.sin(angle) ** (d - 2) * edge / 2
    return mass.sum(), np.cos(angle), mass / mass.sum()


@pytest.mark.parametrize("kappa", [0.01, 1.0, 7.0, 300.0])
def test_the_density_integrates_to_one_on_circle_and_sphere(kappa: float) -> None:
    for d, measure in ((2, lambda a: 1.0), (3, math.sin)):
        mu = torch.eye(d, dtype=torch.float64)[:1]
        q = VonMisesFisher(mu, torch.tensor([[kappa]], dtype=torch.float64))

        def density(angle: float, q=q, d=d, measure=measure) -> float:
            z = torch.zeros(1, d, dtype=torch.float64)
            z[0, 0], z[0, 1] = math.cos(angle), math.sin(angle)
            return q.log_prob(z).exp().item() * measure(angle)

        around = 2 if d == 2 else 2 * math.pi  # both halves of the circle, or all longitudes
        total = integrate.quad(density, 0, math.pi, points=[1 / math.sqrt(kappa + 1)])[0]
        assert around * total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("d", [2, 3, 5, 16, 50])
@pytest.mark.parametrize("kappa", [0.05, 1.0, 20.0, 1000.0])
def test_the_kl_is_that_of_quadrature(d: int, kappa: float) -> None:
    """∫ q ln(q / p): over t, whose density needs no Bessel function."""
    mass, t, weights = cosine_density(d, kappa)
    below = 2 * math.pi ** ((d - 1) / 2) / math.gamma((d - 1) / 2)  # area of S^{d−2}
    log_q = kappa * (t - 1) - math.log(below * mass)
    log_p = -(math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2))
    expected = float((weights * (log_q - log_p)).sum())
    q, prior = one(d, kappa), Sphere(d)
    found = prior.kl(q)
    assert found is not None
    assert found.item() == pytest.approx(expected, abs=2e-6, rel=1e-6)
    assert rate(prior, q, q.mean).item() == found.item()
    assert prior.kl_by_dimension(q) is None
    single = prior.kl(one(d, kappa, dtype=torch.float32))
    assert single is not None
    assert single.item() == pytest.approx(expected, abs=5e-4, rel=1e-4)


@pytest.mark.parametrize("d", [2, 3, 6, 40])
@pytest.mark.parametrize("kappa", [0.3, 4.0, 100.0, 1e4])
def test_samples_follow_the_density(d: int, kappa: float) -> None:
    """On the sphere; the cosine's mean is A_d(κ), its histogram even between its own quantiles;
    each coordinate's variance is the exact one.
    """
    n = 20_000
    q = one(d, kappa, n, torch.float32)
    z = q.rsample(torch.Generator().manual_seed(1)).double()
    torch.testing.assert_close(z.norm(dim=1), torch.ones(n).double(), atol=1e-5, rtol=0)
    gap = ((z - q.mu.double()).square().sum(1) / 2).numpy()
    _, t, weights = cosine_density(d, kappa)
    assert (weights * t).sum() == pytest.approx(mean_cosine(d, kappa), abs=1e-6)
    error = gap.std() / math.sqrt(n)
    assert abs(gap.mean() - (1 - mean_cosine(d, kappa))) < 4.5 * error
    below = np.cumsum(weights) - weights / 2  # of the gap, from 0 on
    quantiles = np.interp(np.arange(1, 20) / 20, below, 1 - t)
    counts = np.bincount(np.searchsorted(quantiles, gap), minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-3
    variance = q.variance.double()[0]
    spread = ((z - z.mean(0)) ** 2).std(0) / math.sqrt(n)
    assert ((z.var(0) - variance).abs() < 5 * spread + 1e-3 * variance).all()


def test_draws_are_a_function_of_the_noise_row_by_row() -> None:
    q = one(4, 3.0, 6)
    first, again = (q.rsample(torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, q.rsample(torch.Generator().manual_seed(3)))
    assert (first[0] - first[1]).abs().max() > 1e-3


def test_in_three_dimensions_the_gradient_is_that_of_the_exact_inverse() -> None:
    """t = 1 + ln(u + (1 − u) e^−2κ) / κ (Davidson et al. 2018), at the same quantile."""
    kappa = torch.logspace(-1, 4, 400, dtype=torch.float64)[:, None].requires_grad_()
    mu = directions(400, 3)
    z = VonMisesFisher(mu, kappa).rsample(torch.Generator().manual_seed(0))
    t = (z * mu).sum(1)
    (found,) = torch.autograd.grad(t.sum(), kappa)
    at, k = t.detach(), kappa.detach().squeeze(1)
    u = (torch.exp(k * (at - 1)) - torch.exp(-2 * k)) / (1 - torch.exp(-2 * k))
    again = kappa.detach().squeeze(1).requires_grad_()
    inverse = 1 + torch.log(u + (1 - u) * torch.exp(-2 * again)) / again
    torch.testing.assert_close(inverse, at, atol=1e-8, rtol=1e-6)
    (exact,) = torch.autograd.grad(inverse.sum(), again)
    inside = (u > 1e-6) & (u < 1 - 1e-6)  # u itself has no more digits at the ends
    torch.testing.assert_close(found.squeeze(1)[inside], exact[inside], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("d", [2, 3, 16, 128, 256, 512])
@pytest.mark.parametrize("kappa", [2.0, 30.0, 1e3, 1e4])
def test_in_single_precision_the_gradient_keeps_the_quantile(d: int, kappa: float) -> None:
    """∂t/∂κ = −(∂F/∂κ) / p, with the cumulative F and density p of t from sums in float64."""
    k = torch.full((2000, 1), kappa, requires_grad=True)
    noise = torch.Generator().manual_seed(0)
    epsilon, u = torch.randn(2000, 16, d, generator=noise), torch.rand(2000, 16, generator=noise)
    gap = Gap.apply(k, epsilon, u)
    (found,) = torch.autograd.grad(gap.sum(), k)
    at = gap.detach().double().squeeze(1).numpy()
    edges = 2 * np.arcsin(np.sqrt(np.array([at.min(), at.max()]) / 2))
    wide = edges[1] - edges[0]
    angle = np.linspace(max(edges[0] - wide, 1e-9), min(edges[1] + wide, math.pi - 1e-9), 200_001)

    def of(k: float) -> tuple[np.ndarray, np.ndarray]:
        log_p = -2 * k * np.sin(angle / 2) ** 2 + (d - 2) * np.log(np.sin(angle))
        p = np.exp(log_p - log_p.max())
        below = integrate.cumulative_trapezoid(p, angle, initial=0)
        return below / below[-1], p / below[-1] / np.sin(angle)

    step = 1e-4 * kappa
    by_kappa = (of(kappa + step)[0] - of(kappa - step)[0]) / (2 * step)
    inside = slice(1, -1)  # at the ends of a circle its density has poles
    expected = np.interp(at, (1 - np.cos(angle))[inside], (-by_kappa / of(kappa)[1])[inside])
    assert found.isfinite().all()
    np.testing.assert_allclose(found.squeeze(1), expected, rtol=1e-3, atol=1e-3 * at.std() / kappa)


@pytest.mark.parametrize(("d", "kappa"), [(2, 0.5), (2, 30.0), (5, 1.5), (5, 60.0), (30, 25.0)])
def test_gradients_of_an_expectation_by_the_concentration(d: int, kappa: float) -> None:
    """d/dκ E f(z), in mean, against finite differences of quadrature: f = exp(t), which is no
    polynomial of t, for both the value and the path through the direction.
    """
    n = 40_000
    mu = directions(1, d).expand(n, d)
    at = torch.full((n, 1), kappa, dtype=torch.float64, requires_grad=True)
    z = VonMisesFisher(mu, at).rsample(torch.Generator().manual_seed(5))
    f = (2 * (z * mu).sum(1)).exp()
    (each,) = torch.autograd.grad(f.sum(), at)

    def expectation(k: float) -> float:
        _, t, weights = cosine_density(d, k)
        return float((weights * np.exp(2 * t)).sum())

    step = 1e-4 * kappa
    expected = (expectation(kappa + step) - expectation(kappa - step)) / (2 * step)
    assert abs(each.mean().item() - expected) < 4.5 * each.std().item() / math.sqrt(n)


def test_gradients_of_an_expectation_by_the_direction() -> None:
    """E aᵀz = A_d(κ) aᵀμ: the gradient along the sphere is A_d(κ) times a's part across μ."""
    n, d, kappa = 40_000, 4, 3.0
    raw = directions(1, d).requires_grad_()
    mu = torch.nn.functional.normalize(raw, dim=1).expand(n, d)
    z = VonMisesFisher(mu, torch.full((n, 1), kappa).double()).rsample(
        torch.Generator().manual_seed(5)
    )
    a = torch.arange(1.0, d + 1).double()
    (found,) = torch.autograd.grad((z @ a).mean(), raw)
    at = raw.detach()[0]
    expected = mean_cosine(d, kappa) * (a - (a @ at) * at)
    assert (found[0] - expected).abs().max() < 0.05


@pytest.mark.parametrize("d", [2, 3, 9])
def test_the_prior_is_even(d: int) -> None:
    """Its density times its area is 1, its moments are those of draws, and its mass has no KL."""
    prior = Sphere(d)
    area = {2: 2 * math.pi, 3: 4 * math.pi, 9: 32 * math.pi**4 / 105}[d]
    z = prior.sample(20_000, torch.Generator().manual_seed(0))
    assert prior.log_prob(z)[0].item() == pytest.approx(-math.log(area))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(len(z)))
    mean, covariance = prior.moments()
    assert (z.mean(0) - mean).abs().max() < 0.03
    assert (z.T.cov() - covariance).abs().max() < 0.03
    nearly = prior.kl(one(d, 1e-4))
    assert nearly is not None
    assert 0 <= nearly.item() + 1e-6 < 1e-5
    assert prior.kl(DiagonalNormal(torch.zeros(1, d), torch.zeros(1, d))) is None


def test_a_model_on_the_sphere_learns_scores_and_refines_there() -> None:
    torch.manual_seed(0)
    vae = build_autoencoder(CONFIG, SHAPE)
    x = torch.rand(5, 1, 4, 4)
    q = vae.infer(x)
    assert isinstance(q, VonMisesFisher)
    assert q.kappa.shape == (5, 1)
    assert (q.kappa > 1).all()
    torch.testing.assert_close(vae.encode(x).norm(dim=1), torch.ones(5))
    z = q.rsample(torch.Generator().manual_seed(0))
    (vae.pixels(z).log_prob(x) - rate(vae.prior, q, z)).mean().backward()
    heads = [p.grad for p in vae.posterior.parameters()]
    assert all(g is not None and g.isfinite().all() and g.abs().max() > 0 for g in heads)
    refined = refine(vae.eval(), x, steps=5)
    torch.testing.assert_close(refined.norm(dim=1), torch.ones(5))
    pixels = (x * 255).byte().permute(0, 2, 3, 1).numpy()
    many = posteriors_of(vae, pixels)
    assert {name: t.shape for name, t in many.tensors().items()} == {"mu": (5, 3), "kappa": (5, 1)}
    assert np.isfinite(importance_weighted(vae, pixels, 20)).all()
    with pytest.raises(ConfigError, match="a defensive proposal needs posteriors that can be"):
        importance_sampled(vae, pixels, 20, proposal="defensive")


def test_what_cannot_be_is_refused() -> None:
    for change in ({"posterior": ModelConfig().posterior}, {"prior": ModelConfig().prior}):
        with pytest.raises(ConfigError, match="posterior and prior must have their latents in one"):
            replace(CONFIG, **change)
    with pytest.raises(ConfigError, match="must have 2 or more dimensions, got 1"):
        build_autoencoder(replace(CONFIG, latent_dim=1), SHAPE)
    with pytest.raises(ConfigError, match="must be rows of numbers, got maps"):
        SphereOptions().build(LatentSpec((2, 3, 3)))


@pytest.mark.parametrize(("d", "kappa"), [(2, 1.0), (3, 4.0), (11, 1.0), (11, 60.0)])
def test_the_expectation_lies_inside_the_sphere(d: int, kappa: float) -> None:
    """A_d(κ) μ is the mean of draws, where the mean that is decoded is μ."""
    q = one(d, kappa)
    torch.testing.assert_close(q.expectation, mean_cosine(d, kappa) * q.mu, atol=1e-5, rtol=1e-5)
    many = VonMisesFisher(q.mu.expand(40_000, d), q.kappa.expand(40_000, 1))
    drawn = many.rsample(torch.Generator().manual_seed(0)).mean(0)
    torch.testing.assert_close(drawn, q.expectation[0], atol=0.02, rtol=0)
    normal = DiagonalNormal(q.mu, torch.zeros_like(q.mu))
    assert normal.expectation is normal.mean
