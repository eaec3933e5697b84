"""The evidence lower bound: its terms by hand, and against bounds and a model solved exactly."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    Delta,
    DeltaOptions,
    GaussianLikelihoodOptions,
    ModelConfig,
    Weight,
    build_autoencoder,
)
from reparam.objective import Elbo, InputConfig, Loss, Losses, Objective, Reconstruction

SMALL = ModelConfig(
    encoder=ConvolutionalEncoderOptions((6, 8), (3, 3), (2, 2)),
    decoder=ConvolutionalDecoderOptions((6,), (3, 3), (2, 2)),
)
AE = replace(SMALL, posterior=DeltaOptions(), prior=BoxOptions())
SHAPE = (9, 8, 2)
D = math.prod(SHAPE)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=20)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(config: ModelConfig = SMALL, factor: float = 1000.0, seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    weighted = replace(config, likelihood=GaussianLikelihoodOptions(weight=factor))
    return build_autoencoder(weighted, SHAPE).eval()


def losses(
    of: Autoencoder,
    x: torch.Tensor,
    objective: Objective = Elbo(),  # noqa: B008  frozen
    noise: torch.Generator | None = None,
    **inputs,
) -> Losses:
    loss = Loss(of, objective, inputs=InputConfig(**inputs))
    return loss(Batch(x, None, torch.arange(len(x))), noise=noise)


def images(seed: int, n: int = 3) -> torch.Tensor:
    return torch.rand(n, SHAPE[2], *SHAPE[:2], generator=generator(seed))


def squared_error(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).square().mean((1, 2, 3))


@quick
@given(factor=st.floats(0.5, 5000), seed=seeds)
@torch.no_grad()
def test_the_terms_of_a_vae_by_hand(factor, seed):
    """factor · MSE + KL, with the ε that the same seed gives."""
    vae, x = model(factor=factor), images(seed)
    found = losses(vae, x, noise=generator(seed))
    terms = found.terms
    heads = vae.posterior.heads(vae.encoder(x))
    mu, log_var = heads["mu"], heads["log_var"]
    epsilon = torch.randn(mu.shape, generator=generator(seed))
    y = vae.decode(mu + torch.exp(log_var / 2) * epsilon)
    kl = -0.5 * (1 + log_var - mu**2 - log_var.exp()).sum(1)
    assert terms["distortion"].shape == terms["rate"].shape == (3,)
    torch.testing.assert_close(terms["distortion"], factor * squared_error(x, y))
    torch.testing.assert_close(terms["squared_error"], D * squared_error(x, y))
    torch.testing.assert_close(terms["rate"], kl, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.rates.sum(1), terms["rate"])
    torch.testing.assert_close(terms["loss"], factor * squared_error(x, y) + kl)
    assert torch.equal(found.objective, terms["loss"])
    reported = vae.likelihood.losses({name: v.mean().item() for name, v in terms.items()})
    by_hand = (factor * squared_error(x, y) + kl).mean().item()
    assert reported["loss_article"] == pytest.approx(by_hand, rel=1e-5)
    p = distributions.Normal(y, math.sqrt(D / (2 * factor)))
    minus_log_p = -p.log_prob(x).sum((1, 2, 3)).mean().item()
    assert reported["distortion_nats"] == pytest.approx(minus_log_p, rel=1e-4, abs=1e-2)
    # what extra terms read
    torch.testing.assert_close(found.drawn.z, mu + torch.exp(log_var / 2) * epsilon)
    torch.testing.assert_close(found.drawn.pixels.mean, y)
    assert torch.equal(found.drawn.q.mean, mu)
    assert found.drawn.batch.images is x


@quick
@given(seed=seeds)
@torch.no_grad()
def test_the_rate_of_an_ae_is_zero(seed):
    ae, x = model(AE, factor=1.0), images(seed)
    found = losses(ae, x, Reconstruction())
    terms = found.terms
    assert torch.equal(terms["rate"], torch.zeros(3))
    assert torch.equal(terms["loss"], terms["distortion"])
    assert torch.equal(found.objective, terms["distortion"])
    assert found.rates is None
    torch.testing.assert_close(terms["loss"], squared_error(x, ae.reconstruct(x)))


@torch.no_grad()
def test_without_a_rate_a_vae_samples_but_pays_none():
    vae, x = model(), images(1)
    none = losses(vae, x, Reconstruction(), generator(2)).terms
    kl = losses(vae, x, noise=generator(2)).terms
    assert torch.equal(none["distortion"], kl["distortion"])
    assert not none["rate"].any()
    assert (kl["rate"] > 0).all()


def test_a_point_with_a_rate_is_an_error():
    ae = model(AE)
    ae.prior.fit(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    with pytest.raises(ConfigError, match="got an AE, whose posterior is a point"):
        losses(ae, images(0))


@quick
@given(seed=seeds)
@torch.no_grad()
def test_the_same_seed_gives_the_same_terms(seed):
    vae, x = model(), images(0)
    first, again, other = (
        losses(vae, x, noise=generator(s), corrupt="gaussian").terms for s in (seed, seed, seed + 1)
    )
    assert torch.equal(first["distortion"], again["distortion"])
    assert torch.equal(first["rate"], again["rate"])
    assert not torch.equal(first["distortion"], other["distortion"])
    assert not torch.equal(first["rate"], other["rate"])  # the encoder saw other noise


@torch.no_grad()
def test_each_images_terms_are_its_own():
    """No averaging inside: images one by one give what a batch gives."""
    ae, x = model(AE), images(3)
    together = losses(ae, x, Reconstruction()).objective
    alone = torch.cat([losses(ae, x[i : i + 1], Reconstruction()).objective for i in range(3)])
    torch.testing.assert_close(together, alone)


@torch.no_grad()
def test_denoising_compares_with_the_clean_image():
    """Masked wholly, the encoder sees black; the distortion is still to the image itself."""
    ae, x = model(AE, factor=1.0), images(4)
    from_black = ae.reconstruct(torch.zeros_like(x))
    masked = {"corrupt": "masking", "corrupt_amount": 1.0}
    found = losses(ae, x, Reconstruction(), **masked).terms["distortion"]
    torch.testing.assert_close(found, squared_error(x, from_black))
    assert not torch.allclose(found, squared_error(x, ae.reconstruct(x)), rtol=1e-6)


@torch.no_grad()
def test_loss_is_the_sum():
    terms = losses(model(), images(0)).terms
    torch.testing.assert_close(terms["loss"], terms["distortion"] + terms["rate"])


def log_weights(vae: Autoencoder, x: torch.Tensor, k: int, seed: int) -> torch.Tensor:
    """log p(x|z) + log p(z) − log q(z|x) of k samples z ~ q(z|x) for each image: (images, k)."""
    q = vae.infer(x.repeat_interleave(k, 0))
    z = q.rsample(generator(seed))
    log_q = distributions.Normal(q.mu, (q.log_var / 2).exp()).log_prob(z).sum(1)
    log_p = vae.likelihood(vae.decode(z)).log_prob(x.repeat_interleave(k, 0))
    return (log_p + vae.prior.log_prob(z) - log_q).view(len(x), k)


@pytest.mark.parametrize("factor", [10.0, 300.0])
@torch.no_grad()
def test_the_elbo_is_below_the_importance_weighted_bound(factor):
    """E[ELBO] ≤ E[log 1/K Σ_k w_k], rising with K (Burda et al. 2016, theorem 1)."""
    decoder = replace(SMALL.decoder, output_activation="linear")
    config = replace(SMALL, latent_dim=3, decoder=decoder)
    vae, x = model(config, factor), images(5, n=4)
    for parameter in vae.decoder.parameters():
        parameter.mul_(1.5)  # decodings that depend on z, so that the bounds lie apart
    weight = Weight(factor, D)
    repeats = 2000
    many = x.repeat_interleave(repeats, 0)
    loss = losses(vae, many, noise=generator(6)).terms["loss"]
    draws = -(loss + weight.log_normaliser).view(4, repeats).double()
    elbo, error = draws.mean(1), draws.std(1) / math.sqrt(repeats)

    w = log_weights(vae, x, repeats, 7).double()
    torch.testing.assert_close(w.mean(1), elbo, rtol=0, atol=(8 * error.max()).item())
    bounds = {}
    for k in (1, 5, 50):
        groups = w.view(4, repeats // k, k)
        bounds[k] = (groups.logsumexp(2) - math.log(k)).mean(1)
    assert (bounds[50] > elbo + 3 * error).all()
    # the same draws in larger groups: Jensen's inequality holds for each, without any chance
    assert (bounds[1] < bounds[5]).all()
    assert (bounds[5] < bounds[50]).all()


SLOPE, SHIFT = 0.8, 0.3  # of the decoder: x̂ = SLOPE · z + SHIFT


def linear_gaussian(variance: float, mean_error: float = 0.0, spread: float = 1.0) -> Autoencoder:
    """One pixel, one latent, every layer linear: p(x) is N(SHIFT, SLOPE² + σ²), and known.

    The encoder gives the exact posterior, its mean moved by ``mean_error`` and its variance
    multiplied by ``spread``.
    """
    config = ModelConfig(
        latent_dim=1,
        encoder=ConvolutionalEncoderOptions((1,), (1,), (1,), leaky_slope=1.0),
        decoder=ConvolutionalDecoderOptions(
            (), (1,), (1,), leaky_slope=1.0, output_activation="linear"
        ),
        likelihood=GaussianLikelihoodOptions(beta=variance),
    )
    vae = build_autoencoder(config, (1, 1, 1))
    total = SLOPE**2 + variance
    values = {
        "encoder.blocks.0.0": (1.0, 0.0),
        "posterior.heads.mu": (SLOPE / total, -SLOPE * SHIFT / total + mean_error),
        "posterior.heads.log_var": (0.0, math.log(spread * variance / total)),
        "decoder.dense": (SLOPE, 0.0),
        "decoder.blocks.0.0": (1.0, SHIFT),
    }
    with torch.no_grad():
        for name, (weight, bias) in values.items():
            module = vae.get_submodule(name)
            module.weight.fill_(weight)
            module.bias.fill_(bias)
    return vae.eval()


@pytest.mark.parametrize(
    ("mean_error", "spread"), [(0.0, 1.0), (0.4, 1.0), (0.0, 2.5), (-0.3, 0.4)]
)
@torch.no_grad()
def test_the_elbo_falls_short_of_log_p_by_the_kl_to_the_true_posterior(mean_error, spread):
    """log p(x) − ELBO = KL(q(z|x) ‖ p(z|x)), exactly: 0 with the true posterior."""
    variance, n = 0.25, 40_000
    vae = linear_gaussian(variance, mean_error, spread)
    weight = Weight(1 / (2 * variance), 1)
    true_variance = variance / (SLOPE**2 + variance)
    true = distributions.Normal(0.0, math.sqrt(true_variance))
    wrong = distributions.Normal(mean_error, math.sqrt(spread * true_variance))
    gap = distributions.kl_divergence(wrong, true).item()
    for value in (-1.0, 0.2, 1.7):
        x = torch.full((n, 1, 1, 1), value)
        loss = losses(vae, x, noise=generator(8)).terms["loss"]
        elbo = -(loss.double() + weight.log_normaliser)
        log_p = distributions.Normal(SHIFT, math.sqrt(SLOPE**2 + variance)).log_prob(
            torch.tensor(value)
        )
        error = 6 * (elbo.std() / math.sqrt(n)).item()
        assert elbo.mean().item() == pytest.approx(log_p.item() - gap, abs=error)
        if gap == 0:  # then every importance weight is p(x) itself
            w = log_weights(vae, x[:1], 100, 9)
            torch.testing.assert_close(w, log_p.expand(1, 100), rtol=1e-5, atol=1e-5)


def test_gradients_reach_both_halves_through_the_sample():
    vae = model()
    losses(vae, images(6), noise=generator(10)).objective.mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in vae.parameters())


def test_the_posterior_of_an_ae_is_a_point():
    assert isinstance(model(AE).infer(images(0)), Delta)
