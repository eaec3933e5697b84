"""Importance-weighted bounds: against the ELBO, a model solved exactly, and each other."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    GaussianLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import Elbo, ImportanceWeighted, Loss, Losses, Objective, Phase

SHAPE = (4, 3, 1)
SMALL = ModelConfig(
    latent_dim=3,
    encoder=MlpEncoderOptions((7,)),
    decoder=MlpDecoderOptions((7,)),
    likelihood=BernoulliLikelihoodOptions(),
)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=15)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(config: ModelConfig = SMALL, seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    return build_autoencoder(config, SHAPE)


def images(n: int = 5, seed: int = 1) -> torch.Tensor:
    return torch.rand(n, 1, 4, 3, generator=generator(seed)).round()


def losses(
    of: Autoencoder, x: torch.Tensor, objective: Objective, seed: int = 2, weight: float = 1.0
) -> Losses:
    batch = Batch(x, None, torch.arange(len(x)))
    return Loss(of, objective)(batch, Phase(rate_weight=weight), generator(seed))


def weighted(samples: int, estimator: str = "iwae", **options) -> ImportanceWeighted:
    return ImportanceWeighted(samples, estimator, **options)


def gradients(
    of: Autoencoder, x: torch.Tensor, objective: Objective, seed: int = 2, weight: float = 1.0
) -> dict[str, torch.Tensor]:
    """Of the mean objective, by the parameters' names."""
    of.zero_grad()
    losses(of, x, objective, seed, weight).objective.mean().backward()
    return {name: p.grad.clone() for name, p in of.named_parameters()}


def of_half(found: dict[str, torch.Tensor], *halves: str) -> torch.Tensor:
    parts = [g.flatten() for name, g in found.items() if name.startswith(halves)]
    return torch.cat(parts)


def log_weights(of: Autoencoder, x: torch.Tensor, k: int, seed: int) -> torch.Tensor:
    """log p(x, z_k) − log q(z_k|x) by torch.distributions, at a seed's draws (B, K)."""
    q, noise = of.infer(x), generator(seed)
    normal = torch.distributions.Normal(q.mean, q.variance.sqrt())
    found = []
    for _ in range(k):
        z = q.mean + q.variance.sqrt() * torch.randn(q.mean.shape, generator=noise)
        p = torch.distributions.Bernoulli(logits=of.decoder(z)).log_prob(x).flatten(1).sum(1)
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
        found.append(p + prior - normal.log_prob(z).sum(1))
    return torch.stack(found, 1)


@quick
@given(seed=seeds, k=st.integers(1, 6))
@torch.no_grad()
def test_the_bound_by_hand(seed: int, k: int) -> None:
    """log 1/K Σ w, and what is recorded beside it."""
    vae, x = model(seed=seed % 5), images()
    found = losses(vae, x, weighted(k), seed)
    log_w = log_weights(vae, x, k, seed)
    bound = log_w.logsumexp(1) - math.log(k)
    torch.testing.assert_close(found.objective, -bound, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(found.terms["loss"], -bound, atol=1e-4, rtol=1e-5)
    elbo = found.terms["distortion"] + found.terms["rate"]
    torch.testing.assert_close(elbo, -log_w.mean(1), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(found.terms["importance_gain"], elbo + bound, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_one_sample_is_the_elbo() -> None:
    """In mean: the rate is estimated, where the ELBO has it in closed form."""
    vae = model()
    x = images(1).expand(20_000, -1, -1, -1)
    one, elbo = losses(vae, x, weighted(1), 3), losses(vae, x, Elbo(), 4)
    apart = one.terms["loss"] - elbo.terms["loss"]
    assert abs(apart.mean()) < 4 * apart.std() / math.sqrt(len(x))
    assert one.terms["importance_gain"].abs().max() < 1e-4


@torch.no_grad()
def test_the_bound_rises_with_the_samples_to_log_p() -> None:
    """Of a linear model, whose log p(x) is known: x ~ N(b, W Wᵀ + σ² I)."""
    variance = 0.05
    linear = ModelConfig(
        latent_dim=2,
        encoder=MlpEncoderOptions(()),
        decoder=MlpDecoderOptions((), output_activation="linear"),
        likelihood=GaussianLikelihoodOptions(sigma=math.sqrt(variance)),
    )
    vae = model(linear).eval()
    w, b = vae.decoder.pixels.weight, vae.decoder.pixels.bias
    covariance = w @ w.T + variance * torch.eye(12)
    x = images(1)
    exact = torch.distributions.MultivariateNormal(b, covariance).log_prob(x.flatten())
    many = x.expand(4000, -1, -1, -1)
    bounds = []
    for k in (1, 4, 16, 64):
        found = losses(vae, many, weighted(k), k).terms["loss"] + vae.likelihood.log_normaliser
        bounds.append((-found.mean().item(), found.std().item() / math.sqrt(len(many))))
    for (low, error), (high, other) in pairwise(bounds):
        assert high - low > 3 * math.hypot(error, other)
    last, error = bounds[-1]
    assert exact.item() - 0.6 < last < exact.item() + 4 * error


def mean_and_spread(
    vae: Autoencoder, estimator: str, k: int, repeats: int
) -> tuple[torch.Tensor, ...]:
    """Mean, and variance over repeats, of the encoder's gradient."""
    x = images(1, seed=7).expand(20, -1, -1, -1)
    found = [
        of_half(gradients(vae, x, weighted(k, estimator), seed), "encoder", "posterior")
        for seed in range(repeats)
    ]
    every = torch.stack(found)
    return every.mean(0), every.var(0)


def test_dreg_has_the_gradient_of_iwae_in_mean_and_less_variance() -> None:
    vae, repeats = model(), 200
    plain, its_variance = mean_and_spread(vae, "iwae", 16, repeats)
    doubly, variance = mean_and_spread(vae, "dreg", 16, repeats)
    error = ((its_variance + variance) / repeats).sqrt()
    apart = (plain - doubly) / error.clamp_min(1e-9)
    assert apart.abs().max() < 5
    assert apart.square().mean() < 2
    assert variance.sum() < 0.6 * its_variance.sum()


@quick
@given(seed=seeds, weight=st.sampled_from([1.0, 0.3]))
def test_the_decoder_learns_by_the_bound_of_all_whatever_the_encoder_does(seed, weight) -> None:
    """dreg and piwae change the gradient of the encoder alone; piwae's is miwae's."""
    vae, x = model(), images()
    iwae = gradients(vae, x, weighted(6), seed, weight)
    miwae = gradients(vae, x, weighted(6, "miwae", groups=3), seed, weight)
    dreg = gradients(vae, x, weighted(6, "dreg"), seed, weight)
    piwae = gradients(vae, x, weighted(6, "piwae", groups=3), seed, weight)
    close = {"atol": 1e-5, "rtol": 1e-3}
    for found in (dreg, piwae):
        torch.testing.assert_close(of_half(found, "decoder"), of_half(iwae, "decoder"), **close)
    encoder = ("encoder", "posterior")
    torch.testing.assert_close(of_half(piwae, *encoder), of_half(miwae, *encoder), **close)
    assert (of_half(miwae, "decoder") - of_half(iwae, "decoder")).abs().max() > 1e-4


@quick
@given(seed=seeds)
@torch.no_grad()
def test_the_bounds_between_elbo_and_iwae(seed: int) -> None:
    """The mean of K ELBOs ≤ miwae, ciwae ≤ iwae; the ends are these."""
    vae, x = model(), images()

    def objective(*args, **options) -> torch.Tensor:
        return losses(vae, x, weighted(*args, **options), seed).objective

    iwae, terms = objective(6), losses(vae, x, weighted(6), seed).terms
    elbo = terms["distortion"] + terms["rate"]
    for between in (
        objective(6, "miwae", groups=2),
        objective(6, "miwae", groups=3),
        objective(6, "ciwae", elbo_share=0.3),
    ):
        assert (iwae - 1e-4 <= between).all()
        assert (between <= elbo + 1e-4).all()
    close = {"atol": 1e-4, "rtol": 1e-5}
    torch.testing.assert_close(objective(6, "miwae", groups=6), elbo, **close)
    torch.testing.assert_close(objective(6, "ciwae", elbo_share=1.0), elbo, **close)
    torch.testing.assert_close(objective(6, "ciwae", elbo_share=0.0), iwae, **close)
    torch.testing.assert_close(objective(6, "dreg"), iwae, **close)
    torch.testing.assert_close(objective(6, "piwae", groups=2), iwae, **close)


@torch.no_grad()
def test_a_warm_up_weighs_the_rate_of_every_sample() -> None:
    vae, x = model(), images()
    found = losses(vae, x, weighted(4), weight=0.0)
    log_p = [  # the distortions of the same draws
        losses(vae, x, weighted(k)).terms["distortion"] * k for k in range(1, 5)
    ]
    each = torch.stack([log_p[0], *(b - a for a, b in pairwise(log_p))], 1)
    torch.testing.assert_close(
        found.objective, -((-each).logsumexp(1) - math.log(4)), atol=1e-3, rtol=1e-4
    )
    assert (found.terms["loss"] != found.objective).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"importance_samples": 0}, "importance_samples must be 1 or more"),
        ({"estimator": "miwae"}, "groups must be 2 or more"),
        ({"estimator": "piwae", "importance_samples": 6, "groups": 4}, "divide"),
        ({"groups": 5}, "groups must be 1 for estimator iwae"),
        ({"estimator": "ciwae", "elbo_share": 1.5}, "elbo_share must be 0 or more and at most 1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(ImportanceWeighted(), **options)
