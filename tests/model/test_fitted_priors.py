"""Priors that are learned or fitted: known answers, second implementations, exact identities."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.mixture import GaussianMixture
from torch import distributions

from reparam.errors import ConfigError, DataError
from reparam.model import (
    Box,
    DiagonalNormal,
    Fittable,
    GaussianPrior,
    GaussianPriorOptions,
    LatentSpec,
    MixturePrior,
    MixturePriorOptions,
    NoiseMap,
    Prior,
    StandardNormal,
    build_autoencoder,
    fittable_names,
    fittable_prior,
    rate,
)
from reparam.model.priors.triangular import lower, raw_of

from .configs import configured

seeds = st.integers(0, 2**31)

FALSE_ALARM = 1e-6
"""Of each statistical test below, for exact priors; the seeds are fixed."""


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def three_clouds(n: int, seed: int = 0, latent_dim: int = 2) -> torch.Tensor:
    """Latents of three separate normal clouds, off-centre, of unequal size and spread."""
    which = torch.randint(0, 4, (n,), generator=generator(seed)).clamp_max(2)
    centres = torch.tensor([[6.0, 0.0], [10.0, 5.0], [2.0, 6.0]])
    centres = torch.nn.functional.pad(centres, (0, latent_dim - 2), value=1.0)
    spread = torch.tensor([0.5, 1.0, 1.5])[which, None]
    return centres[which] + spread * noise(n, latent_dim, seed=seed + 1)


def known_mixture(latent_dim: int, components: int = 3, seed: int = 0) -> MixturePrior:
    """A mixture with random weights, means and correlations."""
    prior = MixturePrior(latent_dim, components)
    weights = noise(components, seed=seed).softmax(0)
    raw = 0.5 * noise(components, latent_dim, latent_dim, seed=seed + 1)
    prior.take(weights, 2 * noise(components, latent_dim, seed=seed + 2), lower(raw))
    return prior.requires_grad_(False)


@pytest.fixture(autouse=True)
def _short_flows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds of any flow holds of one that has learnt for a moment."""
    if request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr("reparam.model.priors.flow.STEPS", 50)


KINDS = fittable_names()


def empty_prior(name: str, latent_dim: int = 2) -> Prior:
    return fittable_prior(name, LatentSpec((latent_dim,)))


@pytest.fixture(scope="module", params=KINDS)
def fitted(request: pytest.FixtureRequest) -> Prior:
    """Each kind, fitted to the clouds in two dimensions."""
    prior = empty_prior(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reparam.model.priors.flow.STEPS", 50)
        prior.fit(three_clouds(1500))
    return prior


def test_the_kinds_that_a_flag_offers_are_those_that_can_be_fitted() -> None:
    assert KINDS[:3] == ("flow", "gaussian", "mixture")
    with pytest.raises(ConfigError, match=r"flow, gaussian, mixture.*, got 'box'"):
        empty_prior("box")


def test_each_is_a_prior_and_says_that_it_was_fitted(fitted: Prior) -> None:
    assert isinstance(fitted, Prior)
    assert isinstance(fitted, Fittable)
    assert isinstance(fitted, NoiseMap)
    assert fitted.fitted
    assert "fitted to the latents" in fitted.describe()
    assert "맞춘" in fitted.describe("ko")
    empty = fitted.options().build(LatentSpec((2,)))
    assert not empty.fitted
    own = {name: value.shape for name, value in fitted.state_dict().items()}
    assert own == {name: value.shape for name, value in empty.state_dict().items()}


@given(seed=seeds)
def test_any_raw_numbers_give_a_factor_and_back(seed: int) -> None:
    raw = noise(2, 3, 3, seed=seed).double()
    factor = lower(raw)
    assert (factor.diagonal(dim1=1, dim2=2) > 0).all()
    assert torch.equal(factor.triu(1), torch.zeros_like(factor))
    torch.testing.assert_close(lower(raw_of(factor)), factor)


@settings(max_examples=20)
@given(seed=seeds, latent_dim=st.integers(1, 6))
def test_a_gaussian_fit_is_the_maximum_of_the_likelihood(seed: int, latent_dim: int) -> None:
    """Sample mean and sample covariance (with 1/N), and log_prob as scipy has it."""
    z = noise(200, latent_dim, seed=seed) @ noise(latent_dim, latent_dim, seed=seed + 1) + 3
    prior = GaussianPrior(latent_dim)
    prior.fit(z)
    mean, covariance = z.double().mean(0), torch.cov(z.double().T, correction=0)
    if torch.linalg.cond(covariance.reshape(latent_dim, latent_dim)) > 1e4:
        return  # what float32 cannot hold is not what this is about
    factor = lower(prior.raw).double()
    torch.testing.assert_close(prior.mean.double(), mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        factor @ factor.T, covariance.reshape(latent_dim, latent_dim), rtol=1e-4, atol=1e-4
    )
    theirs = stats.multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(z.numpy())
    np.testing.assert_allclose(prior.log_prob(z).numpy(), theirs.reshape(-1), rtol=1e-3, atol=1e-3)


@settings(max_examples=20)
@given(seed=seeds)
def test_the_gaussians_kl_is_torchs(seed: int) -> None:
    prior = GaussianPrior(3).double()
    prior.mean.data, prior.raw.data = noise(3, seed=seed).double(), noise(3, 3, seed=seed).double()
    q = DiagonalNormal(*noise(2, 5, 3, seed=seed).double())
    theirs = distributions.kl_divergence(
        distributions.MultivariateNormal(q.mu, scale_tril=torch.diag_embed((q.log_var / 2).exp())),
        distributions.MultivariateNormal(prior.mean, scale_tril=lower(prior.raw)),
    )
    torch.testing.assert_close(prior.kl(q), theirs)
    torch.testing.assert_close(rate(prior, q, q.mu), theirs)


def test_before_it_learns_a_gaussian_is_the_standard_normal() -> None:
    z = noise(50, 4)
    torch.testing.assert_close(GaussianPrior(4).log_prob(z), StandardNormal(4).log_prob(z))


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_a_mixtures_density_is_scikit_learns(latent_dim: int) -> None:
    z = three_clouds(600, latent_dim=max(latent_dim, 2))[:, :latent_dim]
    theirs = GaussianMixture(4, random_state=0).fit(z.double().numpy())
    prior = MixturePrior(latent_dim).double()
    covariances = torch.from_numpy(theirs.covariances_)
    prior.take(
        torch.from_numpy(theirs.weights_),
        torch.from_numpy(theirs.means_),
        torch.linalg.cholesky(covariances),
    )
    with torch.no_grad():
        ours = prior.log_prob(z.double()).numpy()
        single = prior.float().log_prob(z).numpy()
    np.testing.assert_allclose(ours, theirs.score_samples(z.double().numpy()), atol=1e-9)
    np.testing.assert_allclose(single, ours, rtol=1e-5, atol=1e-4)


def test_a_mixtures_density_does_not_depend_on_the_parts_it_is_computed_in(monkeypatch) -> None:
    prior, z = known_mixture(3), noise(101, 3)
    whole = prior.log_prob(z)
    monkeypatch.setattr("reparam.model.priors.mixture.LARGEST", 9 * 7)
    torch.testing.assert_close(prior.log_prob(z), whole)


def test_every_density_integrates_to_one(fitted: Prior) -> None:
    """The trapezoid rule on a grid that reaches well beyond the latents."""
    x, y = (torch.linspace(-15, 25, 501) for _ in range(2))
    grid = torch.cartesian_prod(x, y)
    with torch.no_grad():
        density = torch.cat([fitted.log_prob(part) for part in grid.split(20_000)]).exp().double()
    integral = torch.trapezoid(torch.trapezoid(density.reshape(501, 501), y), x)
    assert integral.item() == pytest.approx(1, abs=2e-3)


def test_samples_follow_the_density(fitted: Prior) -> None:
    """The mass of each cell of a grid, by its density, against the share of samples in it."""
    n, steps, fine = 20_000, 12, 40
    edges = torch.linspace(-5, 18, steps + 1)
    points = torch.linspace(-5, 18, steps * fine + 1)
    middle = (points[1:] + points[:-1]) / 2
    with torch.no_grad():
        density = fitted.log_prob(torch.cartesian_prod(middle, middle)).exp().double()
        z = fitted.sample(n, generator(3))
    cell = (points[1] - points[0]).item() ** 2
    mass = density.reshape(steps, fine, steps, fine).sum((1, 3)).numpy().ravel() * cell
    counts, _, _ = np.histogram2d(*z.numpy().T, bins=[edges.numpy()] * 2)
    large = mass * n >= 10
    expected = np.append(mass[large], 1 - mass[large].sum()) * n
    observed = np.append(counts.ravel()[large], n - counts.ravel()[large].sum())
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-6


def test_noise_carried_to_the_prior_has_its_distribution(fitted: Prior) -> None:
    """Its density is that of the noise over the map's volume: an identity, point by point."""
    u = noise(200, 2).double()
    prior = copy.deepcopy(fitted).double()  # type: ignore[attr-defined]
    jacobian = (
        torch.func.vmap(torch.func.jacrev(lambda one: prior.from_normal(one[None])[0]))(u)
        if not isinstance(prior, MixturePrior)
        else _differences(prior, u)
    )
    log_volume = torch.linalg.slogdet(jacobian).logabsdet
    expected = StandardNormal(2).log_prob(u) - log_volume
    with torch.no_grad():
        found = prior.log_prob(prior.from_normal(u))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def _differences(prior: MixturePrior, u: torch.Tensor, step: float = 1e-5) -> torch.Tensor:
    """The map's derivatives by central differences: bisection has none of its own. (B, d, d)"""
    columns = []
    for j in range(u.shape[1]):
        aside = torch.zeros_like(u)
        aside[:, j] = step
        columns.append((prior.from_normal(u + aside) - prior.from_normal(u - aside)) / (2 * step))
    return torch.stack(columns, 2)


def test_noise_carried_to_a_mixture_of_one_is_carried_to_its_gaussian() -> None:
    z = three_clouds(300, latent_dim=3)
    gaussian = GaussianPrior(3)
    gaussian.fit(z)
    mixture = MixturePrior(3)
    mixture.take(torch.ones(1), gaussian.mean[None].data, lower(gaussian.raw.data)[None])
    u = 3 * noise(100, 3)
    torch.testing.assert_close(
        mixture.from_normal(u), gaussian.from_normal(u), rtol=1e-4, atol=1e-4
    )


@settings(max_examples=10)
@given(seed=seeds)
def test_a_mixtures_quantiles_in_one_dimension(seed: int) -> None:
    """F(from_normal(u)) = Φ(u), with F as scipy has it, into the tails."""
    prior = known_mixture(1, components=4, seed=seed).double()
    u = torch.linspace(-6, 6, 41, dtype=torch.float64)[:, None]
    z = prior.from_normal(u).numpy()
    weights = prior.logits.softmax(0).numpy()
    deviations = lower(prior.raw)[:, 0, 0].numpy()
    mass = (weights * stats.norm.cdf(z, prior.means[:, 0].numpy(), deviations)).sum(1)
    np.testing.assert_allclose(mass, stats.norm.cdf(u[:, 0].numpy()), rtol=1e-6, atol=1e-12)


def test_noise_carried_to_a_box_fills_it_evenly() -> None:
    box = Box(2)
    box.fit(torch.tensor([[-1.0, 2.0], [3.0, 2.5]]))
    u = noise(5000, 2)
    share = (box.from_normal(u) - box.low) / (box.high - box.low)
    torch.testing.assert_close(share, torch.special.ndtr(u), rtol=1e-4, atol=1e-6)


def test_the_standard_normal_is_its_own_noise() -> None:
    u = noise(5, 3)
    assert torch.equal(StandardNormal(3).from_normal(u), u)


def test_a_seed_gives_the_same_samples_and_the_same_fit(fitted: Prior) -> None:
    assert torch.equal(fitted.sample(9, generator(1)), fitted.sample(9, generator(1)))
    assert not torch.equal(fitted.sample(9, generator(1)), fitted.sample(9, generator(2)))
    before = torch.get_rng_state()
    again = empty_prior(fitted.kind)
    if fitted.kind != "mixture":  # an empty mixture draws its means as any new model does
        assert torch.equal(torch.get_rng_state(), before)
    before = torch.get_rng_state()
    again.fit(three_clouds(1500))
    assert torch.equal(torch.get_rng_state(), before)
    own = fitted.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in again.state_dict().items())


@pytest.mark.parametrize(
    "kind", ["gaussian", "mixture", pytest.param("flow", marks=pytest.mark.slow)]
)
def test_a_fit_finds_the_likelihood_of_a_known_mixture(kind: str) -> None:
    """On new draws the true density is the likeliest, and a good fit comes close to it.

    The gap is a KL divergence: at most 0.06 nats for 3,000 latents where the family can hold
    the truth; the Gaussian's is that of the truth to its best Gaussian, which is far.
    """
    truth = MixturePrior(2)
    eyes = torch.eye(2).expand(3, 2, 2)
    truth.take(
        torch.tensor([0.5, 0.3, 0.2]),
        torch.tensor([[6.0, 0.0], [10.0, 5.0], [2.0, 6.0]]),
        eyes * torch.tensor([0.5, 1.0, 1.5])[:, None, None],
    )
    truth.requires_grad_(False)
    new = truth.sample(20_000, generator(9))
    prior = empty_prior(kind)
    prior.fit(truth.sample(3000, generator(8)))
    with torch.no_grad():
        gap = (truth.log_prob(new) - prior.log_prob(new)).mean().item()
    assert gap > -0.01
    assert gap > 0.3 if kind == "gaussian" else gap < 0.06


def test_the_number_of_components_is_the_clouds() -> None:
    lines: list[str] = []
    prior = MixturePrior(2)
    prior.fit(three_clouds(2000), progress=lines.append)
    count = prior.options().components
    assert count in (4, 8)  # of 1, 2, 4, 8, ...: three clouds need four or more
    assert lines[0].startswith("1 of at most 64 Gaussians: held-out ")
    assert prior.describe().startswith(f"a mixture of {count} Gaussians")


@pytest.mark.parametrize("kind", KINDS)
def test_fits_do_not_depend_on_the_scale_of_latents(kind: str) -> None:
    """log p of latents a thousand times as large is lower by d · log 1000."""
    z, factor = three_clouds(400), 1000.0
    priors = [empty_prior(kind) for _ in range(2)]
    priors[0].fit(z)
    priors[1].fit(factor * z)
    with torch.no_grad():
        gap = priors[0].log_prob(z).mean() - priors[1].log_prob(factor * z).mean()
    assert gap.item() == pytest.approx(2 * math.log(factor), abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("latent_dim", [1, 3])
def test_other_dimensions(kind: str, latent_dim: int) -> None:
    prior = empty_prior(kind, latent_dim)
    prior.fit(three_clouds(200, latent_dim=3)[:, :latent_dim])
    z = prior.sample(7, generator(0))
    assert z.shape == (7, latent_dim)
    assert prior.log_prob(z).isfinite().all()
    assert prior.from_normal(noise(7, latent_dim)).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_latents_on_a_line_have_a_density_that_holds_them(kind: str) -> None:
    """A dead dimension of an AE, and one that is another's copy."""
    z = torch.cat([noise(200, 1), torch.full((200, 1), 5.0), noise(200, 1)], 1)
    prior = empty_prior(kind, 3)
    prior.fit(z)
    drawn = prior.sample(500, generator(0))
    assert prior.log_prob(z).isfinite().all()
    assert (drawn[:, 1] - 5).abs().max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_fitted_is_refused(kind: str) -> None:
    for z, message in (
        (noise(19, 2), "in 2 dimensions must be fitted to at least 20 latents, got 19"),
        (noise(40, 32), "in 32 dimensions must be fitted to at least 65 latents, got 40"),
        (torch.full((100, 2), 3.0), "collapsed"),
        (torch.full((100, 2), torch.nan), "finite"),
    ):
        with pytest.raises(DataError, match=message):
            empty_prior(kind, z.shape[1]).fit(z)


def test_a_fitted_prior_can_be_copied_and_pickled(fitted: Prior) -> None:
    z = three_clouds(10)
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):  # noqa: S301
        assert torch.equal(other.log_prob(z), fitted.log_prob(z))
        assert other.fitted


OF_FOUR = {"gaussian": {}, "mixture": {"components": 4}}


@pytest.mark.parametrize("name", OF_FOUR)
def test_a_prior_learns_the_posteriors_it_is_given(name: str) -> None:
    """Minimising the KL alone brings the prior to the aggregate posterior."""
    torch.manual_seed(0)
    model = build_autoencoder(configured(prior={"type": name, **OF_FOUR[name]}), (8, 8, 1))
    assert "learned with the model" in model.prior.describe()
    q = DiagonalNormal(three_clouds(1000), torch.full((1000, 2), -4.0))
    optimiser = torch.optim.Adam(model.prior.parameters(), lr=0.1)
    draws = generator(1)
    before = rate(model.prior, q, q.mu).mean().item()
    for _ in range(600):
        optimiser.zero_grad()
        rate(model.prior, q, q.rsample(draws)).mean().backward()
        optimiser.step()
    with torch.no_grad():
        after = rate(model.prior, q, q.rsample(draws)).mean().item()
        best = GaussianPrior(2)
        best.fit(q.rsample(draws))
        reachable = best.kl(q).mean().item()
    assert after < before / 3
    assert after < reachable + 0.1


def random_gaussian(latent_dim: int, covariance: str, seed: int) -> GaussianPrior:
    prior = GaussianPrior(latent_dim, covariance).double()
    prior.mean.data = noise(latent_dim, seed=seed).double()
    prior.raw.data = 0.5 * noise(*prior.raw.shape, seed=seed + 1).double()
    return prior


def as_torch(prior: GaussianPrior) -> distributions.MultivariateNormal:
    factor = torch.diag(prior.raw.exp()) if prior.diagonal else lower(prior.raw)
    return distributions.MultivariateNormal(prior.mean, scale_tril=factor)


both_covariances = pytest.mark.parametrize("covariance", ["full", "diagonal"])


@both_covariances
@settings(max_examples=20)
@given(seed=seeds)
def test_density_kl_and_moments_of_a_gaussian_are_torchs(covariance: str, seed: int) -> None:
    prior = random_gaussian(3, covariance, seed)
    theirs = as_torch(prior)
    z = 3 * noise(7, 3, seed=seed).double()
    torch.testing.assert_close(prior.log_prob(z), theirs.log_prob(z))
    q = DiagonalNormal(*noise(2, 5, 3, seed=seed).double())
    own = distributions.MultivariateNormal(q.mu, torch.diag_embed(q.log_var.exp()))
    torch.testing.assert_close(prior.kl(q), distributions.kl_divergence(own, theirs))
    mean, covariance_matrix = prior.moments()
    torch.testing.assert_close(mean, prior.mean.data)
    torch.testing.assert_close(covariance_matrix, theirs.covariance_matrix.data)


@both_covariances
def test_the_kl_to_a_gaussian_has_the_gradients_of_its_formula(covariance: str) -> None:
    """In the prior's and the posterior's parameters, against differences and torch's own KL."""
    prior = random_gaussian(3, covariance, 5)
    mu, log_var = (part.requires_grad_() for part in noise(2, 4, 3, seed=6).double())
    inputs = (mu, log_var, prior.mean, prior.raw)

    def of_tensors(mu, log_var, mean, raw):
        with torch.nn.utils.stateless._reparametrize_module(prior, {"mean": mean, "raw": raw}):
            return prior.kl(DiagonalNormal(mu, log_var))

    assert torch.autograd.gradcheck(of_tensors, inputs)
    ours = torch.autograd.grad(prior.kl(DiagonalNormal(mu, log_var)).sum(), inputs)
    own = distributions.MultivariateNormal(mu, torch.diag_embed(log_var.exp()))
    kl = distributions.kl_divergence(own, as_torch(prior)).sum()
    torch.testing.assert_close(ours, torch.autograd.grad(kl, inputs))
    assert prior.diagonal or not ours[3].triu(1).any()


@both_covariances
def test_the_kl_to_a_gaussian_is_the_mean_of_its_estimates(covariance: str) -> None:
    prior, n = random_gaussian(3, covariance, 7), 20_000
    one = DiagonalNormal(*noise(2, 1, 3, seed=8).double())
    many = one.repeated(n)
    z = many.rsample(generator(9))
    with torch.no_grad():
        estimates = many.log_prob(z) - prior.log_prob(z)
        error = estimates.std().item() / math.sqrt(n)
        exact = prior.kl(one).item()
    assert estimates.mean().item() == pytest.approx(exact, abs=6 * error)


def test_a_diagonal_gaussian_is_fitted_by_mean_and_variances() -> None:
    z = noise(400, 3, seed=1) * torch.tensor([0.1, 1.0, 20.0]) + torch.tensor([5.0, 0.0, -3.0])
    prior = GaussianPrior(3, "diagonal")
    prior.fit(z)
    torch.testing.assert_close(prior.mean.data, z.mean(0))
    torch.testing.assert_close(prior.raw.data.exp(), z.std(0, correction=0))
    assert prior.options() == GaussianPriorOptions("diagonal")
    u = noise(5, 3, seed=2)
    torch.testing.assert_close(prior.from_normal(u), prior.mean + prior.raw.exp() * u)


def test_diagonal_covariances_may_have_more_dimensions_than_latents() -> None:
    z = noise(30, 100, seed=3)
    with pytest.raises(DataError, match="at least 201 latents, got 30"):
        GaussianPrior(100, "full").fit(z)
    for prior in (GaussianPrior(100, "diagonal"), MixturePrior(100, 2, "diagonal")):
        prior.fit(z)
        assert prior.log_prob(z).isfinite().all()


def random_mixture(latent_dim: int, covariance: str, seed: int, k: int = 3) -> MixturePrior:
    prior = MixturePrior(latent_dim, k, covariance).double().requires_grad_(False)
    prior.logits.copy_(noise(k, seed=seed))
    prior.means.copy_(2 * noise(k, latent_dim, seed=seed + 1))
    prior.raw.copy_(0.4 * noise(*prior.raw.shape, seed=seed + 2))
    return prior


@both_covariances
@settings(max_examples=20)
@given(seed=seeds)
def test_a_mixtures_density_is_torchs(covariance: str, seed: int) -> None:
    prior = random_mixture(3, covariance, seed)
    factors = torch.diag_embed(prior.raw.exp()) if prior.diagonal else lower(prior.raw)
    theirs = distributions.MixtureSameFamily(
        distributions.Categorical(logits=prior.logits),
        distributions.MultivariateNormal(prior.means, scale_tril=factors),
    )
    z = 3 * noise(7, 3, seed=seed).double()
    torch.testing.assert_close(prior.log_prob(z), theirs.log_prob(z))


def test_a_diagonal_mixture_is_the_full_one_of_the_same_covariances() -> None:
    """Density, samples from the same noise, and where standard normal noise is carried to."""
    diagonal = random_mixture(3, "diagonal", 4)
    full = MixturePrior(3, 3, "full").double()
    full.take(diagonal.logits.softmax(0), diagonal.means, torch.diag_embed(diagonal.raw.exp()))
    full.requires_grad_(False)
    u = 2 * noise(50, 3, seed=5).double()
    torch.testing.assert_close(diagonal.from_normal(u), full.from_normal(u))
    torch.testing.assert_close(diagonal.log_prob(u), full.log_prob(u))
    diagonal, full = diagonal.float(), full.float()
    torch.testing.assert_close(diagonal.sample(9, generator(6)), full.sample(9, generator(6)))


def test_noise_carried_to_a_diagonal_mixture_has_its_density() -> None:
    prior = random_mixture(2, "diagonal", 7)
    u = noise(200, 2, seed=8).double()
    log_volume = torch.linalg.slogdet(_differences(prior, u)).logabsdet
    expected = StandardNormal(2).log_prob(u) - log_volume
    torch.testing.assert_close(prior.log_prob(prior.from_normal(u)), expected, rtol=1e-3, atol=1e-3)


def test_a_diagonal_fit_finds_the_likelihood_of_a_known_mixture() -> None:
    truth = MixturePrior(3, 2, "diagonal")
    truth.take(
        torch.tensor([0.7, 0.3]),
        torch.tensor([[6.0, 0.0, 1.0], [10.0, 50.0, 2.0]]),
        torch.tensor([[0.5, 10.0, 0.1], [1.5, 3.0, 0.2]]),
    )
    truth.requires_grad_(False)
    prior = MixturePrior(3, 1, "diagonal")
    prior.fit(truth.sample(3000, generator(8)))
    new = truth.sample(20_000, generator(9))
    assert -0.01 < (truth.log_prob(new) - prior.log_prob(new)).mean().item() < 0.06
    assert prior.options().covariance == "diagonal"
    assert prior.options().components in (2, 4)


@pytest.mark.parametrize("options", [GaussianPriorOptions(), MixturePriorOptions(2)], ids=str)
def test_auto_holds_no_square_of_many_dimensions(options, monkeypatch) -> None:
    """Up to 512 dimensions a full covariance; above, nothing of d × d, in any step."""
    assert not options.build(LatentSpec((512,))).diagonal
    d = 513
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            found = function(*args, **(kwargs or {}))
            for one in found if isinstance(found, (tuple, list)) else [found]:
                if isinstance(one, torch.Tensor):
                    largest = max(largest, one.numel())
            return found

    monkeypatch.setattr("reparam.model.priors.mixture.COMPONENTS", (1, 2))
    monkeypatch.setattr("reparam.model.priors.rosenblatt.BISECTIONS", 2)
    with Watch():
        prior = options.build(LatentSpec((d,)))
        z = noise(40, d)
        prior.log_prob(z).sum().backward()
        q = DiagonalNormal(z, z)
        rate(prior, q, z).sum().backward()
        prior.fit(z)
        prior.sample(3)
        prior.log_prob(z)
        prior.from_normal(z[:2])
    assert prior.diagonal
    assert 40 * d <= largest <= 3 * 40 * d < d * d
