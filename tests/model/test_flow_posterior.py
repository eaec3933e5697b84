"""Flow posteriors: against quadrature, the diagonal normal, and the Jacobian's determinant."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from reparam.errors import ConfigError
from reparam.evaluation.likelihood import importance_weighted
from reparam.model import (
    Autoencoder,
    FlowDistribution,
    FlowPosteriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
    posteriors_of,
    rate,
)
from reparam.objective import Elbo, ImportanceWeighted, Loss, batches

SHAPE = (4, 4, 1)
KINDS = ("iaf", "planar")


def model(kind: str, d: int = 2, *, changed: bool = True) -> Autoencoder:
    torch.manual_seed(0)
    options = FlowPosteriorOptions(kind, steps=3, hidden=8, context=5)
    config = ModelConfig(
        latent_dim=d,
        encoder=MlpEncoderOptions((9,)),
        decoder=MlpDecoderOptions((9,)),
        posterior=options,
    )
    vae = build_autoencoder(config, SHAPE).eval()
    if changed:  # a flow that is the identity shows little
        with torch.no_grad():
            for parameter in vae.posterior.flow.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape))
    return vae


def images(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def posterior(kind: str, n: int = 4, d: int = 2, *, changed: bool = True) -> FlowDistribution:
    q = model(kind, d, changed=changed).infer(images(n))
    assert isinstance(q, FlowDistribution)
    return q


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_the_density_integrates_to_one(kind: str) -> None:
    q = posterior(kind, 1).double()
    line = torch.linspace(-16, 16, 400, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)
    densities = q.repeated(len(points)).log_prob(points).exp()
    assert densities.sum().item() * (line[1] - line[0]).item() ** 2 == pytest.approx(1, abs=1e-3)
    assert (densities - q.base.repeated(len(points)).log_prob(points).exp()).abs().max() > 1e-3


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_the_density_of_a_draw_is_that_of_the_point(kind: str, d: int) -> None:
    """By the forward pass, by the inverse, and by the Jacobian of the flow."""
    q = posterior(kind, 4, d).double()
    z, forward = q.draw(seeded())
    assert torch.equal(z, q.rsample(seeded()))
    torch.testing.assert_close(q.log_prob(z), forward, atol=1e-8, rtol=1e-8)
    z0 = q.base.rsample(seeded())
    for i in range(4):
        context = q.context[i : i + 1]
        jacobian = torch.autograd.functional.jacobian(
            lambda x, context=context: q.flow(x[None], context)[0][0], z0[i]
        )
        expected = q.base.log_prob(z0)[i] - torch.linalg.slogdet(jacobian)[1]
        torch.testing.assert_close(forward[i], expected, atol=1e-8, rtol=1e-8)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_flow_is_the_identity(kind: str) -> None:
    q = posterior(kind, changed=False)
    z, log_q = q.draw(seeded())
    torch.testing.assert_close(z, q.base.rsample(seeded()))
    torch.testing.assert_close(log_q, q.base.log_prob(z), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(q.log_prob(z + 1), q.base.log_prob(z + 1), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(q.mean, q.mu)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_through_the_inverse_are_exact(kind: str) -> None:
    """d log q(z) / dz against finite differences; what has a gradient has it in both ways."""
    q = posterior(kind, 3, 4).double()
    z = torch.randn(3, 4, dtype=torch.float64, generator=seeded(), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: q.detached().log_prob(x), z, atol=1e-6)
    context = q.context.detach().requires_grad_()
    at = FlowDistribution(q.mu.detach(), q.log_var.detach(), context, q.flow)

    def density(c: torch.Tensor) -> torch.Tensor:
        return replace(at, context=c).log_prob(z.detach())

    assert torch.autograd.gradcheck(density, context, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "objective", [Elbo(), ImportanceWeighted(3), ImportanceWeighted(3, "dreg")]
)
def test_every_part_learns(kind: str, objective: Elbo | ImportanceWeighted) -> None:
    vae = model(kind).train()
    pixels = (images(6) * 255).byte().permute(0, 2, 3, 1).numpy()
    for batch in batches(pixels):
        Loss(vae, objective)(batch).objective.mean().backward()
    for name, parameter in vae.posterior.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert sum(p.grad.abs().sum() for p in vae.posterior.flow.parameters()) > 0
    assert all(h.weight.grad.abs().max() > 0 for h in vae.posterior.heads.values())


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_rows_repetitions_and_precisions_keep_the_flow(kind: str) -> None:
    vae = model(kind)
    pixels = (images(5) * 255).byte().permute(0, 2, 3, 1).numpy()
    q, z = posteriors_of(vae, pixels), torch.randn(5, 2, generator=seeded())
    expected = vae.infer(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255).log_prob(z)
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(q.log_prob(z), expected, **close)
    torch.testing.assert_close(q.rows(slice(1, 3)).log_prob(z[1:3]), expected[1:3], **close)
    twice = q.repeated(2).log_prob(z.repeat_interleave(2, 0))
    torch.testing.assert_close(twice[::2], expected, **close)
    torch.testing.assert_close(q.double().log_prob(z.double()).float(), expected, **close)
    assert q.rows(slice(1, 3)).networks()["flow"] is q.flow
    assert q.variance is None
    assert list(q.moments()) == ["mu"]
    each = torch.stack([q.rows(slice(j, j + 1)).repeated(5).log_prob(z) for j in range(5)])
    mixed = each.logsumexp(0) - torch.tensor(5.0).log()
    torch.testing.assert_close(q.mixture_log_prob(z), mixed, **close)


@torch.no_grad()
def test_the_likelihood_estimate_takes_either_density() -> None:
    """K = 400 draws: the estimate does not depend on the proposal, whose draws it weighs."""
    vae = model("iaf")
    pixels = (images(3) * 255).byte().permute(0, 2, 3, 1).numpy()
    found = importance_weighted(vae, pixels, 4000)
    plain = build_autoencoder(
        replace(
            ModelConfig(latent_dim=2, encoder=MlpEncoderOptions((9,))),
            decoder=MlpDecoderOptions((9,)),
        ),
        SHAPE,
    )
    plain.decoder, plain.likelihood = vae.decoder, vae.likelihood
    nn.init.zeros_(plain.posterior.heads["mu"].weight)  # the prior itself
    nn.init.zeros_(plain.posterior.heads["log_var"].weight)
    other = importance_weighted(plain.eval(), pixels, 40_000)
    assert abs(found - other).max() < 0.3
    q = vae.infer(images(3))
    z, log_q = q.draw(seeded())
    torch.testing.assert_close(rate(vae.prior, q, z, log_q), rate(vae.prior, q, z))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="posterior_steps must be 1 or more, got 0"):
        FlowPosteriorOptions(steps=0)
    with pytest.raises(ConfigError, match="needs latents that are rows of numbers, got maps"):
        build_autoencoder(
            ModelConfig(latent_channels=2, posterior=FlowPosteriorOptions()), (8, 8, 1)
        )
