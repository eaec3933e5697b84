"""A flow prior that trains with the model."""

import pytest
import torch

from reparam.errors import ConfigError
from reparam.model import (
    FlowPriorOptions,
    LatentSpec,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
    rate,
)
from reparam.objective import Reconstruction

CONFIG = ModelConfig(
    encoder=MlpEncoderOptions((9,)),
    decoder=MlpDecoderOptions((9,)),
    prior=FlowPriorOptions(transforms=2, hidden=8),
)


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_the_density_integrates_to_one(spread: float) -> None:
    """As it begins, and after its weights have moved."""
    torch.manual_seed(0)
    prior = FlowPriorOptions(transforms=2, hidden=8).build(LatentSpec((2,)))
    line = torch.linspace(-8, 8, 1001)
    with torch.no_grad():
        for weight in prior.parameters():
            weight.add_(spread * torch.randn(weight.shape))
        densities = prior.log_prob(torch.cartesian_prod(line, line)).double().exp()
    assert densities.sum().item() * (line[1] - line[0]).item() ** 2 == pytest.approx(1, abs=2e-3)


def test_the_rate_teaches_it() -> None:
    """The gradient reaches every weight, and 100 steps on the prior alone lower the rate."""
    torch.manual_seed(0)
    vae = build_autoencoder(CONFIG, (4, 4, 1))
    assert vae.prior.describe() == "a normalising flow learned with the model"
    x = torch.rand(64, 1, 4, 4)
    with torch.no_grad():
        q = vae.infer(4 * x)
        z = q.rsample(torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(vae.prior.parameters(), 1e-2)
    values = []
    for _ in range(100):
        adam.zero_grad()
        value = rate(vae.prior, q, z).mean()
        value.backward()
        values.append(value.item())
        adam.step()
    grads = [p.grad for p in vae.prior.parameters()]
    assert all(g is not None and g.isfinite().all() for g in grads)
    assert all(g.abs().max() > 0 for g in grads)
    assert values[-1] < values[0] - 0.3


def test_an_autoencoder_has_no_rate_for_it() -> None:
    with pytest.raises(ConfigError, match="must have a rate for prior flow to learn from"):
        Reconstruction().check(CONFIG)
    with pytest.raises(ConfigError, match="prior_bins must be 1 or more, got 0"):
        FlowPriorOptions(bins=0)
