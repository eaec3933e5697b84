"""The DIP term: covariances by hand and by NumPy, and what it pulls latents to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Delta,
    DiagonalNormal,
    Distribution,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    VonMisesFisher,
    build_autoencoder,
)
from reparam.objective import DipOptions, Drawn, aggregate_covariance, dip
from reparam.objective.dip import covariance_of

seeds = st.integers(0, 2**31)
quick = settings(max_examples=15)


def value(options: DipOptions, q: Distribution) -> torch.Tensor:
    count = len(q.mean)
    x = torch.zeros(count, 1, 2, 2)
    networks = {"encoder": MlpEncoderOptions(()), "decoder": MlpDecoderOptions(())}
    model = build_autoencoder(ModelConfig(latent_dim=q.mean.shape[1], **networks), (2, 2, 1))
    batch = Batch(x, None, torch.arange(count))
    return options.value(model, Drawn(batch, q, q.mean, model.pixels(q.mean)))


def test_by_hand() -> None:
    """Means (±1, ±2) and (±1, ∓2) in turn: Cov[μ] is diag(1, 4), with posterior variances 1 and 3
    in mean (2, 7), and of (1, 2), (−1, −2) alone it is ((1, 2), (2, 4)).
    """
    mu = torch.tensor([[1.0, 2], [-1, -2], [1, -2], [-1, 2]])
    variance = torch.tensor([[1.0, 2], [1, 4], [0.5, 3], [1.5, 3]])
    q = DiagonalNormal(mu, variance.log())
    expected = torch.tensor([[2.0, 0], [0, 7]])
    torch.testing.assert_close(aggregate_covariance(q), expected)
    torch.testing.assert_close(value(DipOptions(), q), torch.full((4,), 1.0 + 36))
    of_means = DipOptions(covariance="means", diagonal=10)
    torch.testing.assert_close(value(of_means, q), torch.full((4,), 10.0 * (0 + 9)))
    two = q.rows(slice(2))
    torch.testing.assert_close(value(of_means, two), torch.full((2,), 2.0 * 4 + 10 * 9))
    torch.testing.assert_close(value(DipOptions(), two), torch.full((2,), 8.0 + 1 + 36))


@quick
@given(seed=seeds, n=st.integers(1, 9), d=st.integers(1, 5))
def test_the_covariance_is_numpys_and_that_of_draws(seed: int, n: int, d: int) -> None:
    noise = torch.Generator().manual_seed(seed)
    mu, log_var = torch.randn(2, n, d, generator=noise)
    found = covariance_of(mu + 5)
    expected = np.cov(mu.double().numpy(), rowvar=False, bias=True).reshape(d, d)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    q = DiagonalNormal(mu, log_var)
    draws = q.repeated(20_000).rsample(noise)
    np.testing.assert_allclose(
        aggregate_covariance(q).numpy(), covariance_of(draws).numpy(), rtol=0.1, atol=0.3
    )


def test_the_identity_has_0_and_points_have_a_covariance() -> None:
    assert dip(torch.eye(4), 10).item() == 0
    mu = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert value(DipOptions(), Delta(mu)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["means", "latents"])
def test_one_image_is_finite_and_the_gradient_widens(kind: str) -> None:
    alone = DiagonalNormal(torch.zeros(1, 3), torch.zeros(1, 3))
    assert value(DipOptions(covariance=kind), alone).item() == (3 if kind == "means" else 0)
    mu = 0.1 * torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    mu.requires_grad_()
    q = DiagonalNormal(mu, torch.full((50, 3), -9.0))
    value(DipOptions(covariance=kind), q).mean().backward()
    assert mu.grad.isfinite().all()
    assert (mu.grad * mu).sum() < 0, "means move apart"


def test_options_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="dip_diagonal must be 0 or more"):
        DipOptions(diagonal=-1)


def test_of_posteriors_whose_covariance_is_not_known_what_is_drawn_tells() -> None:
    """A direction's own variances are of dimensions that depend on each other."""
    q = VonMisesFisher(F.normalize(torch.randn(50, 4), dim=1), torch.full((50, 1), 3.0))
    drawn = covariance_of(q.mean)  # what `value` takes for z
    expected = dip(drawn, 1.0).expand(50)
    torch.testing.assert_close(value(DipOptions(), q), expected)
    of_means = value(DipOptions(covariance="means"), q)
    torch.testing.assert_close(of_means, dip(covariance_of(q.expectation), 1.0).expand(50))
