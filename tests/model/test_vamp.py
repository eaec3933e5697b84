"""The VampPrior: the mixture of the posteriors of learned images, by the model's own encoder."""

import copy
import math

import pytest
import torch
from torch import distributions

from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    EncoderBound,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    VampPrior,
    VampPriorOptions,
    build_autoencoder,
    parameter_counts,
    rate,
)
from reparam.objective import Elbo, Loss, Reconstruction, batches

SHAPE = (4, 4, 1)
K = 7
SMALL = ModelConfig(
    latent_dim=2,
    encoder=MlpEncoderOptions((9,), "gated"),
    decoder=MlpDecoderOptions((9,), "gated"),
    likelihood=BernoulliLikelihoodOptions(),
    prior=VampPriorOptions(K),
)


def model(config: ModelConfig = SMALL, seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    return build_autoencoder(config, SHAPE).eval()


def prior_of(vae: Autoencoder) -> VampPrior:
    assert isinstance(vae.prior, VampPrior)
    assert isinstance(vae.prior, EncoderBound)
    return vae.prior


def by_hand(vae: Autoencoder) -> distributions.Distribution:
    """The mixture of what the encoder says of the pseudo-inputs, by torch.distributions."""
    q = vae.infer(prior_of(vae).inputs.sigmoid())
    normal = distributions.Normal(q.mean.double(), q.variance.sqrt().double())
    return distributions.MixtureSameFamily(
        distributions.Categorical(logits=torch.zeros(K)), distributions.Independent(normal, 1)
    )


@torch.no_grad()
def test_the_density_is_that_of_the_mixture() -> None:
    vae = model()
    z = 3 * torch.randn(50, 2)
    torch.testing.assert_close(
        vae.prior.log_prob(z), by_hand(vae).log_prob(z.double()).float(), atol=1e-4, rtol=1e-5
    )


@torch.no_grad()
def test_the_density_integrates_to_one() -> None:
    vae = model()
    line = torch.linspace(-12, 12, 600)
    points = torch.cartesian_prod(line, line)
    total = vae.prior.log_prob(points).double().exp().sum() * (line[1] - line[0]) ** 2
    assert total.item() == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_draws_follow_the_density() -> None:
    vae = model()
    with torch.no_grad():  # components that lie apart
        vae.posterior.heads["mu"].weight.mul_(20)
        vae.posterior.heads["log_var"].bias.fill_(-4)
    mixture, n = by_hand(vae), 20_000
    z = vae.prior.sample(n, torch.Generator().manual_seed(0)).double()
    error = (mixture.variance / n).sqrt()
    assert ((z.mean(0) - mixture.mean) / error).abs().max() < 4.5
    assert (z.var(0) / mixture.variance - 1).abs().max() < 0.05
    entropy = -mixture.log_prob(z)
    other = -mixture.log_prob(mixture.sample((n,)))
    spread = math.hypot(entropy.std() / n**0.5, other.std() / n**0.5)
    assert abs(entropy.mean() - other.mean()) < 4.5 * spread


@torch.no_grad()
def test_with_the_images_themselves_it_is_the_aggregated_posterior() -> None:
    """Pseudo-inputs that are the images give 1/N Σ q(z|x_n), the prior of the highest ELBO: no
    other mixture of as many posteriors has a smaller mean rate.
    """
    vae = model()
    x = torch.rand(K, 1, 4, 4)
    prior_of(vae).inputs.copy_(x.logit())
    q = vae.infer(x)
    z = torch.randn(20, 2)
    torch.testing.assert_close(
        vae.prior.log_prob(z), q.mixture_log_prob(z).float(), atol=1e-4, rtol=1e-4
    )
    many = q.repeated(4000)
    draws = many.rsample(torch.Generator().manual_seed(0))
    own = rate(vae.prior, many, draws).mean()
    prior_of(vae).inputs.copy_(torch.rand(K, 1, 4, 4).logit())
    assert rate(vae.prior, many, draws).mean() > own


def test_encoder_and_pseudo_inputs_learn_from_the_rate() -> None:
    vae = model().train()
    images = (torch.rand(6, 4, 4, 1) * 255).to(torch.uint8).numpy()
    for batch in batches(images):
        Loss(vae, Elbo())(batch).objective.mean().backward()
    assert prior_of(vae).inputs.grad.abs().max() > 0
    assert all(p.grad is not None for p in vae.parameters())
    names = [name for name, _ in vae.named_parameters() if name.startswith("prior")]
    assert names == ["prior.inputs"]


@torch.no_grad()
def test_what_is_remembered_follows_the_weights() -> None:
    vae = model()
    z = torch.randn(5, 2)
    before = vae.prior.log_prob(z)
    assert torch.equal(vae.prior.log_prob(z), before)
    for changed in (vae.posterior.heads["mu"].bias, prior_of(vae).inputs):
        changed.add_(1.0)
        after = vae.prior.log_prob(z)
        torch.testing.assert_close(after, by_hand(vae).log_prob(z.double()).float())
        assert not torch.equal(after, before)
        before = after
    other = model(seed=1)
    vae.load_state_dict(other.state_dict())
    torch.testing.assert_close(vae.prior.log_prob(z), other.prior.log_prob(z))


@torch.no_grad()
def test_a_copy_reads_its_own_encoder() -> None:
    vae = model()
    twin = copy.deepcopy(vae)
    z = torch.randn(5, 2)
    before = vae.prior.log_prob(z)
    twin.posterior.heads["mu"].bias.add_(1.0)
    assert torch.equal(vae.prior.log_prob(z), before)
    assert not torch.equal(twin.prior.log_prob(z), before)


@torch.no_grad()
def test_a_copy_of_the_prior_alone_computes_in_float64() -> None:
    """As measures take it; the model keeps its precision."""
    vae = model()
    wide, z = copy.deepcopy(vae.prior).double(), torch.randn(5, 2)
    found = wide.log_prob(z.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), vae.prior.log_prob(z), atol=1e-5, rtol=1e-5)
    assert {p.dtype for p in vae.parameters()} == {torch.float32}


@torch.no_grad()
@pytest.mark.parametrize("count", [3, K, 20])
def test_pseudo_inputs_begin_as_images(count: int) -> None:
    vae = model()
    x = torch.rand(count, 1, 4, 4).round()
    prior_of(vae).init_images(x, torch.arange(count))
    found = prior_of(vae).inputs.sigmoid()
    expected = x[torch.arange(K) % count]
    assert (found - expected).abs().max() < 0.04
    assert len(found.flatten(1).unique(dim=0)) == K


@torch.no_grad()
def test_it_goes_with_convolutions() -> None:
    config = ModelConfig(
        latent_dim=3,
        encoder=ConvolutionalEncoderOptions((4,), (3,), (2,)),
        decoder=ConvolutionalDecoderOptions((4,), (3, 3), (1, 2)),
        prior=VampPriorOptions(5),
    )
    vae = model(config)
    assert vae.sample(4, torch.Generator().manual_seed(0)).shape == (4, 1, 4, 4)
    assert prior_of(vae).inputs.shape == (5, 1, 4, 4)


def test_its_learned_images_count_among_the_parameters() -> None:
    counts = parameter_counts(model())
    assert counts["prior"] == K * 16
    assert sum(counts.values()) == sum(p.numel() for p in model().parameters())


def test_it_needs_a_rate_and_a_component() -> None:
    with pytest.raises(ConfigError, match="must have a rate for prior vamp"):
        Reconstruction().check(SMALL)
    with pytest.raises(ConfigError, match="prior_components must be 1 or more"):
        VampPriorOptions(0)
