"""The MMD term: against a double sum, in mean 0 where nothing differs, and its gradient."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BoxOptions,
    DeltaOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    SharedNoise,
    StandardNormal,
    VampPriorOptions,
    build_autoencoder,
)
from reparam.objective import Elbo, InputConfig, Loss, Losses, MmdOptions, Reconstruction, mmd
from reparam.objective.mmd import SCALES, squared_scale

KERNELS = ("inverse-multiquadratic", "rbf")
SHAPE = (4, 3, 1)
seeds = st.integers(0, 2**31)
quick = settings(max_examples=15)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(**parts: object) -> Autoencoder:
    torch.manual_seed(0)
    networks = {"encoder": MlpEncoderOptions((7,)), "decoder": MlpDecoderOptions((7,))}
    return build_autoencoder(ModelConfig(latent_dim=3, **(networks | parts)), SHAPE)


def double_sum(z: np.ndarray, draws: np.ndarray, c: float, kernel: str) -> float:
    def k(x: np.ndarray, y: np.ndarray) -> float:
        squared = ((x - y) ** 2).sum()
        if kernel == "rbf":
            return sum(np.exp(-squared / (s * c)) for s in SCALES)
        return sum(s * c / (s * c + squared) for s in SCALES)

    n, total = len(z), 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += (k(z[i], z[j]) + k(draws[i], draws[j])) / (n * (n - 1))
            total -= 2 * k(draws[i], z[j]) / n**2
    return total


@quick
@given(seed=seeds, n=st.integers(2, 9), d=st.integers(1, 5), kernel=st.sampled_from(KERNELS))
def test_it_is_the_double_sum(seed: int, n: int, d: int, kernel: str) -> None:
    z, draws = 3 * torch.randn(2, n, d, generator=generator(seed))
    expected = double_sum(z.double().numpy(), draws.double().numpy(), 2.0 * d, kernel)
    assert mmd(z, draws, 2.0 * d, kernel).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_latents_of_the_prior_have_0_in_mean_and_others_more(kernel: str) -> None:
    """Without bias: at any number of latents."""
    noise = generator()

    def values(shift: float, scale: float) -> torch.Tensor:
        pairs = [torch.randn(2, 10, 4, generator=noise) for _ in range(150)]
        return torch.stack([mmd(shift + scale * z, p, 8.0, kernel) for z, p in pairs])

    same, shifted, narrow = values(0, 1), values(0.5, 1), values(0, 0.5)
    error = same.std() / len(same) ** 0.5
    assert abs(same.mean()) < 4 * error
    assert same.min() < 0
    assert shifted.mean() > 8 * error
    assert narrow.mean() > 8 * error


def test_a_shift_is_seen_and_the_gradient_leads_back() -> None:
    noise = generator()
    draws, z = torch.randn(2, 200, 3, generator=noise)
    sizes = [mmd(z + shift, draws, 6.0, KERNELS[0]).item() for shift in (0.0, 0.5, 1.0, 2.0, 50.0)]
    assert sizes == sorted(sizes)
    assert sizes[-1] < 2 * 7
    for shift in (0.5, 2.0, 50.0):
        moved = (z + shift).requires_grad_()
        mmd(moved, draws, 6.0, KERNELS[0]).backward()
        assert moved.grad.isfinite().all()
        assert (moved.grad.sum(0) > 0).all(), "less shift, less of it"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_latents_that_are_one_point_have_finite_values_and_gradients(count: int) -> None:
    z = torch.zeros(count, 3, requires_grad=True)
    found = mmd(z, torch.zeros(count, 3), 6.0, KERNELS[0])
    found.backward()
    assert found.item() == pytest.approx(0, abs=1e-6)
    assert (z.grad == 0).all()


def losses(of: Autoencoder, count: int, noise: object, objective: object = None) -> Losses:
    x = torch.rand(count, 1, 4, 3, generator=generator(9))
    loss = Loss(of, objective or Reconstruction(), [MmdOptions()])
    return loss(Batch(x, None, torch.arange(count)), noise=noise)


def test_each_image_has_the_value_of_its_batch() -> None:
    """And the draws of the prior are the step's noise, after that of the latents."""
    vae = model()
    found, noise = losses(vae, 6, generator(3), Elbo()), generator(3)
    z, draws = torch.randn(6, 3, generator=noise), torch.randn(6, 3, generator=noise)
    q = found.drawn.q
    expected = mmd(q.mean + q.variance.sqrt() * z, draws, 6.0, KERNELS[0])
    torch.testing.assert_close(found.terms["mmd"], expected.expand(6))
    added = found.objective - found.terms["distortion"] - found.terms["rate"]
    torch.testing.assert_close(added, 10 * expected.expand(6), atol=1e-4, rtol=1e-4)


def test_points_have_it_and_a_single_image_has_0() -> None:
    ae = model(posterior=DeltaOptions())
    assert losses(ae, 8, generator()).terms["mmd"].unique().numel() == 1
    alone = losses(ae, 1, generator())
    assert alone.terms["mmd"].tolist() == [0.0]
    assert alone.objective.isfinite().all()


def test_processes_that_share_a_step_take_rows_of_the_same_draws() -> None:
    ae, draws = model(posterior=DeltaOptions()), {}
    for first, count in ((0, 5), (5, 3)):
        shared = SharedNoise(generator(1), first, 8)
        draws[first] = losses(ae, count, shared).drawn.prior_draws(ae.prior)
    whole = SharedNoise(generator(1), 0, 8)
    together = losses(ae, 8, whole).drawn.prior_draws(ae.prior)
    torch.testing.assert_close(torch.cat([draws[0], draws[5]]), together, atol=0, rtol=0)


def test_numpys_noise_gives_draws_too() -> None:
    found = [losses(model(), 4, np.random.default_rng(5), Elbo()).terms["mmd"] for _ in range(2)]
    assert found[0].equal(found[1])


def test_the_scale_is_the_mean_squared_distance_of_two_draws() -> None:
    normal = StandardNormal(5)
    assert squared_scale(normal, torch.zeros(1, 5)).item() == 10
    vamp = model(prior=VampPriorOptions(20)).prior
    with torch.no_grad():
        one, other = vamp.sample(4000, generator(1)), vamp.sample(4000, generator(2))
        expected = (one - other).square().sum(1).mean().item()
        assert squared_scale(vamp, one).item() == pytest.approx(expected, rel=0.1)


def test_a_prior_that_learns_has_no_gradient_by_it() -> None:
    vae = model(prior=VampPriorOptions(4))
    losses(vae, 6, generator(), Elbo()).terms["mmd"].mean().backward()
    assert vae.prior.inputs.grad is None
    assert any((p.grad != 0).any() for p in vae.encoder.parameters())


def test_a_prior_that_is_known_later_is_refused() -> None:
    config = ModelConfig(posterior=DeltaOptions(), prior=BoxOptions())
    with pytest.raises(ConfigError, match="prior must be known in training for term mmd, got box"):
        MmdOptions().check(config, InputConfig())
