"""Latents that are searched from the encoder's on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.model import (
    Autoencoder,
    DeltaOptions,
    GaussianLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
    refine,
)

SHAPE = (4, 5, 1)
quick = settings(max_examples=20)


def model(widths: tuple[int, ...] = (), sigma: float | None = 0.3, **parts: object) -> Autoencoder:
    """Without widths: linear networks."""
    torch.manual_seed(0)
    config = ModelConfig(
        latent_dim=3,
        encoder=MlpEncoderOptions(widths=widths),
        decoder=MlpDecoderOptions(widths=widths, output_activation="linear"),
        likelihood=GaussianLikelihoodOptions(sigma=sigma),
        **parts,
    )
    return build_autoencoder(config, SHAPE).eval()


def pictures(n: int, seed: int = 0) -> torch.Tensor:
    height, width, channels = SHAPE
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, channels, height, width, generator=generator)


def value(vae: Autoencoder, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found = vae.pixels(z).log_prob(x)
        return found + vae.prior.log_prob(z) if vae.is_variational else found


def affine(vae: Autoencoder) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a linear decoder, by its values: x = A z + b."""
    with torch.no_grad():
        b = vae.decoder(torch.zeros(1, 3)).flatten()
        return (vae.decoder(torch.eye(3)).flatten(1) - b).T, b


def test_a_linear_vae_ends_at_the_posterior_in_closed_form() -> None:
    """log p(x|z) + log p(z) is highest at (AᵀA + σ²I)⁻¹ Aᵀ(x − b) (Tipping & Bishop 1999)."""
    vae, x = model(), pictures(5)
    a, b = affine(vae)
    wanted = torch.linalg.solve(a.T @ a + 0.09 * torch.eye(3), a.T @ (x.flatten(1) - b).T).T
    torch.testing.assert_close(refine(vae, x, steps=600), wanted, atol=2e-3, rtol=2e-3)


def test_a_linear_ae_ends_at_least_squares() -> None:
    ae, x = model(sigma=None, posterior=DeltaOptions()), pictures(5)
    a, b = affine(ae)
    wanted = torch.linalg.lstsq(a, (x.flatten(1) - b).T).solution.T
    found = ae.decode(refine(ae, x, steps=2000)).flatten(1)
    torch.testing.assert_close(found, wanted @ a.T + b, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("parts", [{}, {"posterior": DeltaOptions(), "sigma": None}])
@quick
@given(seed=st.integers(0, 2**31), steps=st.integers(0, 12))
def test_no_image_ends_worse_and_none_depends_on_the_others(parts, seed, steps) -> None:
    vae, x = model((16,), **parts), pictures(4, seed)
    with torch.no_grad():  # as all of evaluation
        assert torch.equal(refine(vae, x, steps=steps), refine(vae, x, steps=steps))
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    z = refine(vae, x, steps=steps)
    start = vae.encode(x).detach()
    assert (value(vae, x, z) >= value(vae, x, start) - 1e-4).all()
    if steps == 0:
        torch.testing.assert_close(z, start)
    alone = torch.cat([refine(vae, x[i : i + 1], steps=steps) for i in range(len(x))])
    torch.testing.assert_close(z, alone, atol=1e-4, rtol=1e-4)
    for name, tensor in vae.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not z.requires_grad
    assert all(p.grad is None for p in vae.parameters())


def test_more_steps_come_closer() -> None:
    vae, x = model((16,)), pictures(6)
    reached = torch.stack([value(vae, x, refine(vae, x, steps=n)) for n in (0, 1, 5, 20, 60)])
    assert (reached.diff(dim=0) >= -1e-4).all()
    assert (reached[-1] > reached[0] + 0.1).all()
