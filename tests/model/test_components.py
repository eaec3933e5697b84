"""Principal components beside residual networks: a linear code that is known in closed form."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

from reparam.errors import ConfigError
from reparam.model import Autoencoder, DeltaOptions, ModelConfig, build_autoencoder
from reparam.model.likelihoods import BernoulliLikelihoodOptions, LearnedGaussianLikelihoodOptions
from reparam.model.networks import (
    Components,
    ResidualDecoderOptions,
    ResidualEncoderOptions,
    principal_components,
)

SHAPE = (9, 10, 3)
FILTERS = (16, 32)


def model_of(
    count: int, latent_dim: int, shape: tuple[int, int, int] = SHAPE, output: str = "clamp", **parts
) -> Autoencoder:
    torch.manual_seed(0)
    config = ModelConfig(
        latent_dim=latent_dim,
        encoder=ResidualEncoderOptions(filters=FILTERS, components=count),
        decoder=ResidualDecoderOptions(filters=FILTERS, components=count, output_activation=output),
        **parts,
    )
    return build_autoencoder(config, shape).eval()


def pictures(count: int, shape: tuple[int, int, int] = SHAPE, rank: int = 8) -> torch.Tensor:
    """Of a few directions of different variances, and a little noise; inside of [0, 1]."""
    rng = np.random.default_rng(0)
    height, width, channels = shape
    directions = rng.standard_normal((rank, channels * height * width))
    codes = rng.standard_normal((count, rank)) * 0.8 ** np.arange(rank)
    x = 0.5 + 0.03 * codes @ directions + 0.01 * rng.standard_normal((count, directions.shape[1]))
    return torch.from_numpy(x.clip(0.01, 0.99)).float().view(count, channels, height, width)


def test_it_begins_as_probabilistic_pca() -> None:
    """Against scikit-learn's; its variances are over n − 1."""
    x = pictures(60)
    model = model_of(5, 5)
    left = model.init_components(x)
    n = len(x)
    pca = PCA(5, svd_solver="full").fit(x.double().flatten(1).numpy())
    noise = pca.noise_variance_ * (n - 1) / n
    # Its mean over as many directions as images can have; ours over all that pixels have.
    pixels = x[0].numel()
    assert left == pytest.approx(noise * (min(n, pixels) - 5) / (pixels - 5), rel=1e-3)
    variances = torch.from_numpy(pca.explained_variance_ * (n - 1) / n)
    with torch.no_grad():
        q = model.infer(x)
        decoded = model.reconstruct(x)
    assert torch.allclose(q.variance.double(), (left / variances).expand(n, -1), rtol=1e-3)
    assert torch.allclose(q.mean.var(0, correction=0).double(), 1 - left / variances, rtol=1e-3)
    codes = pca.transform(x.double().flatten(1).numpy()) * (1 - left / variances.numpy())
    expected = torch.from_numpy(pca.inverse_transform(codes)).view(x.shape)
    assert torch.allclose(decoded.double(), expected, atol=1e-4)


def test_the_bound_is_tight_at_the_beginning() -> None:
    """ln p(x|z) + ln p(z) − ln q(z|x) is ln p(x) at every z, where q is the exact posterior; and p
    is a normal distribution with covariance W Wᵀ + σ² I (Tipping & Bishop 1999, eq. 6).
    """
    x = pictures(60)
    model = model_of(4, 4, output="linear")
    left = model.init_components(x)
    model.likelihood.variance.fill_(left)
    with torch.no_grad():
        q = model.infer(x)
        generator = torch.Generator().manual_seed(1)
        found = []
        for _ in range(3):
            z = q.rsample(generator)
            pixels = model.pixels(z)
            found.append(pixels.log_prob(x) + model.prior.log_prob(z) - q.log_prob(z))
        assert torch.allclose(found[0], found[1], atol=0.02)
        assert torch.allclose(found[0], found[2], atol=0.02)
    linear = model.decoder.components
    weights = (linear.directions * linear.writes[:, None]).double().numpy()
    covariance = weights.T @ weights + left * np.eye(weights.shape[1])
    expected = multivariate_normal(linear.mean.flatten().double().numpy(), covariance)
    assert np.allclose(found[0], expected.logpdf(x.flatten(1).double().numpy()), atol=0.05)


@pytest.mark.parametrize(("count", "latent_dim"), [(3, 6), (6, 3), (6, 6)])
@pytest.mark.parametrize("posterior", ["diagonal-normal", "delta"])
def test_as_many_as_there_are_of_both_are_the_code(count, latent_dim, posterior) -> None:
    x = pictures(50)
    parts = {"posterior": DeltaOptions()} if posterior == "delta" else {}
    model = model_of(count, latent_dim, **parts)
    model.init_components(x)
    both = min(count, latent_dim)
    pca = PCA(both).fit(x.flatten(1).numpy())
    expected = torch.from_numpy(pca.inverse_transform(pca.transform(x.flatten(1).numpy())))
    with torch.no_grad():
        q = model.infer(x)
        assert (model.reconstruct(x) - expected.view(x.shape)).abs().max() < 0.02
    assert (q.mean[:, both:] == 0).all()
    if posterior != "delta":
        assert (q.variance[:, both:] == 1).all()


def test_more_than_the_images_have_are_zero() -> None:
    """Five images span four directions; also one image, and images that are all alike."""
    for x in (pictures(5), pictures(1), pictures(1).expand(6, -1, -1, -1)):
        model = model_of(12, 12)
        left = model.init_components(x)
        assert left < 1e-3
        with torch.no_grad():
            q = model.infer(x)
            assert torch.isfinite(q.mean).all()
            assert torch.isfinite(q.log_var).all()
            assert (model.reconstruct(x) - x).square().mean() < 1e-4


@pytest.mark.parametrize("shape", [(130, 140, 3), (65, 20, 1), (64, 64, 1)])
def test_large_images_have_those_of_means_of_blocks(shape: tuple[int, int, int]) -> None:
    height, width, channels = shape
    linear = Components(shape, 4)
    block = -(-max(height, width) // 64)
    assert linear.block == block
    _, small_height, small_width = linear.mean.shape
    x = pictures(20, (small_height, small_width, channels))
    large = x.repeat_interleave(block, 2).repeat_interleave(block, 3)[:, :, :height, :width]
    assert torch.allclose(linear.shrink(large), x, atol=1e-6)
    linear.set(principal_components(x, 4))
    decoded = linear.decode(linear.encode(large))
    assert decoded.shape == large.shape
    assert (linear.shrink(decoded) - x).square().mean() < 0.5 * x.var(0).mean()


def test_bernoulli_pixels_begin_there_too() -> None:
    x = pictures(50)
    model = model_of(5, 5, output="sigmoid", likelihood=BernoulliLikelihoodOptions())
    model.init_components(x)
    with torch.no_grad():
        assert (model.reconstruct(x) - x).square().mean() < 0.2 * (x - x.mean(0)).square().mean()


def test_they_are_not_moved_by_gradients() -> None:
    x = pictures(30)
    model = model_of(5, 5).train()
    model.init_components(x)
    names = {name for name, _ in model.named_parameters()}
    fixed = [name for name, _ in model.named_buffers() if "linear" in name]
    assert len(fixed) == 8
    assert not names & set(fixed)
    (model(x) - x).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"latent_channels": 2}, "components need latents that are rows of numbers"),
        (
            {"likelihood": LearnedGaussianLikelihoodOptions()},
            "components need a likelihood that takes an image",
        ),
    ],
)
def test_where_there_can_be_none_is_said(options: dict, said: str) -> None:
    networks = {
        "encoder": ResidualEncoderOptions(components=3),
        "decoder": ResidualDecoderOptions(components=3),
    }
    with pytest.raises(ConfigError, match=said):
        ModelConfig(**networks, **options)
    with pytest.raises(ConfigError, match="components must be 0 or more, got -1"):
        ResidualEncoderOptions(components=-1)
