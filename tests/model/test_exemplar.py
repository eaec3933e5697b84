"""The exemplar prior: a normal distribution around the latent of each of some training images."""

import copy
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributions

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    DeltaOptions,
    EncoderBound,
    ExemplarPrior,
    ExemplarPriorOptions,
    FlowPosteriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    SharedNoise,
    VonMisesFisherOptions,
    build_autoencoder,
    parameter_counts,
)
from reparam.objective import Elbo, ImportanceWeighted, Loss, Objective, Reconstruction, batches

SHAPE = (4, 4, 1)
K, STEP = 8, 4
SMALL = ModelConfig(
    latent_dim=2,
    encoder=MlpEncoderOptions((9,)),
    decoder=MlpDecoderOptions((9,)),
    likelihood=BernoulliLikelihoodOptions(),
    prior=ExemplarPriorOptions(K, STEP),
)
POSITIONS = torch.tensor([3, 5, 8, 13, 21, 34, 55, 89])
PIXELS = np.random.default_rng(0).integers(0, 256, (K, 4, 4, 1), np.uint8)


def model(config: ModelConfig = SMALL, seed: int = 0) -> Autoencoder:
    """With the K images, which are far apart in latent space."""
    torch.manual_seed(seed)
    vae = build_autoencoder(config, SHAPE).eval()
    prior_of(vae).init_images(as_images(PIXELS), POSITIONS)
    with torch.no_grad():
        prior_of(vae).log_var.fill_(-0.7)
        if "mu" in vae.posterior.heads:
            vae.posterior.heads["mu"].weight.mul_(5)
    return vae


def as_images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def prior_of(vae: Autoencoder) -> ExemplarPrior:
    assert isinstance(vae.prior, ExemplarPrior)
    assert isinstance(vae.prior, EncoderBound)
    return vae.prior


def by_hand(vae: Autoencoder, positions: Sequence[int]) -> distributions.Distribution:
    """The mixture around the images of these positions, by torch.distributions."""
    rows = [POSITIONS.tolist().index(p) for p in positions]
    mean = vae.encode(as_images(PIXELS[rows])).double()
    scale = (prior_of(vae).log_var.double() / 2).exp().expand_as(mean)
    each = distributions.Independent(distributions.Normal(mean, scale), 1)
    even = distributions.Categorical(logits=torch.zeros(len(rows)))
    return distributions.MixtureSameFamily(even, each)


def begin(vae: Autoencoder, index: torch.Tensor, seed: int = 0) -> None:
    vae.prior.begin_step(index, torch.Generator().manual_seed(seed))


def in_use(vae: Autoencoder) -> list[int]:
    """Positions of the exemplars of the step."""
    step = prior_of(vae).step
    assert step is not None
    return prior_of(vae).positions[step[1]].tolist()


@torch.no_grad()
def test_the_density_is_that_of_the_mixture() -> None:
    vae = model()
    z = 3 * torch.randn(50, 2)
    expected = by_hand(vae, POSITIONS.tolist()).log_prob(z.double()).float()
    torch.testing.assert_close(vae.prior.log_prob(z), expected, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_the_density_integrates_to_one() -> None:
    vae = model()
    line = torch.linspace(-14, 14, 600)
    total = vae.prior.log_prob(torch.cartesian_prod(line, line)).double().exp().sum()
    assert (total * (line[1] - line[0]) ** 2).item() == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_draws_follow_the_density() -> None:
    vae, n = model(), 20_000
    mixture = by_hand(vae, POSITIONS.tolist())
    z = vae.prior.sample(n, torch.Generator().manual_seed(0)).double()
    error = (mixture.variance / n).sqrt()
    assert ((z.mean(0) - mixture.mean) / error).abs().max() < 4.5
    assert (z.var(0) / mixture.variance - 1).abs().max() < 0.05
    entropy, other = -mixture.log_prob(z), -mixture.log_prob(mixture.sample((n,)))
    spread = math.hypot(entropy.std() / n**0.5, other.std() / n**0.5)
    assert abs(entropy.mean() - other.mean()) < 4.5 * spread


@torch.no_grad()
@pytest.mark.parametrize("each", [1, 3], ids=["a latent an image", "three"])
def test_in_training_an_image_is_not_its_own_exemplar(each: int) -> None:
    """Against mixtures by hand that lack it; the step's other exemplars all count."""
    vae = model().train()
    index = torch.tensor([*POSITIONS[:6].tolist(), 400])  # the last is no exemplar
    for seed in range(5):
        begin(vae, index, seed)
        z = torch.randn(len(index) * each, 2)
        found = vae.prior.log_prob(z).unflatten(0, (-1, each))
        for i, position in enumerate(index.tolist()):
            others = [p for p in in_use(vae) if p != position]
            assert len(others) == STEP - (position in in_use(vae))
            expected = by_hand(vae, others).log_prob(z.unflatten(0, (-1, each))[i].double())
            torch.testing.assert_close(found[i], expected.float(), atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_the_own_exemplar_has_no_effect_and_others_have() -> None:
    vae = model().train()
    begin(vae, POSITIONS)
    z = torch.randn(K, 2)
    before = vae.prior.log_prob(z)
    first = in_use(vae)[0]
    changed = prior_of(vae).inputs[prior_of(vae).positions == first]
    prior_of(vae).inputs[prior_of(vae).positions == first] = 255 - changed
    unchanged = vae.prior.log_prob(z) == before
    assert unchanged.tolist() == (first == POSITIONS).tolist()


@torch.no_grad()
def test_steps_take_exemplars_at_random_and_evaluation_takes_all() -> None:
    """Each as often as another, by the noise alone; a part of a batch takes those of the whole."""
    vae, n = model().train(), 800
    counts: Counter[int] = Counter()
    for seed in range(n):
        begin(vae, torch.tensor([0]), seed)
        assert len(set(in_use(vae))) == STEP
        counts.update(in_use(vae))
    share = STEP / K
    error = math.sqrt(n * share * (1 - share))
    assert max(abs(counts[p] - n * share) for p in POSITIONS.tolist()) < 4.5 * error
    again = Counter[int]()
    for seed in range(n):
        begin(vae, torch.tensor([0]), seed)
        again.update(in_use(vae))
    assert again == counts
    noise = SharedNoise(torch.Generator().manual_seed(7), 0, 6)
    vae.prior.begin_step(torch.arange(2), noise.part(0))
    whole = in_use(vae)
    vae.prior.begin_step(torch.arange(2, 6), noise.part(2))
    assert in_use(vae) == whole
    z = torch.randn(5, 2)
    expected = by_hand(vae, POSITIONS.tolist()).log_prob(z.double()).float()
    torch.testing.assert_close(vae.eval().prior.log_prob(z), expected, atol=1e-4, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("count", [3, K])
def test_exemplars_are_the_images_with_their_positions(count: int) -> None:
    vae = model()
    pixels = PIXELS[:count]
    prior_of(vae).init_images(as_images(pixels), POSITIONS[:count])
    rows = [POSITIONS.tolist().index(p) for p in prior_of(vae).positions.tolist()]
    held = prior_of(vae).inputs.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(held, PIXELS[rows])
    counts = np.bincount(rows, minlength=count)
    assert counts.min() >= K // count
    assert counts.max() <= -(-K // count)


@pytest.mark.parametrize("objective", [Elbo(), ImportanceWeighted(3)], ids=["elbo", "iwae"])
def test_a_loss_says_whose_latents_they_are(objective: Objective) -> None:
    """The rate that a training step records is the one that leaves own exemplars out."""
    vae = model().train()
    loss = Loss(vae, objective)
    index = POSITIONS[:5]
    batch = Batch(as_images(PIXELS[:5]), None, index)
    found = loss(batch, noise=torch.Generator().manual_seed(1)).terms["rate"].mean()
    used, q, rates = in_use(vae), vae.infer(batch.images), []
    generator = torch.Generator().manual_seed(1)
    prior_of(vae).begin_step(index, generator)
    draws = objective.importance_samples if isinstance(objective, ImportanceWeighted) else 1
    for _ in range(draws):
        z = q.rsample(generator)
        log_q = -q.entropy() if draws == 1 else q.log_prob(z)
        for i, position in enumerate(index.tolist()):
            p = by_hand(vae, [other for other in used if other != position])
            rates.append(log_q[i] - p.log_prob(z[i].double()).float())
    torch.testing.assert_close(found, torch.stack(rates).mean(), atol=1e-4, rtol=1e-4)


def test_evaluation_changes_nothing() -> None:
    vae = model()
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    with torch.no_grad():
        for batch in batches(PIXELS):
            Loss(vae, Elbo()).eval()(batch)
    assert all(torch.equal(before[name], tensor) for name, tensor in vae.state_dict().items())


def test_encoder_and_variance_learn_from_the_rate() -> None:
    vae = model().train()
    for batch in batches(PIXELS):
        Loss(vae, Elbo())(batch).objective.mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in vae.parameters())
    assert prior_of(vae).log_var.grad != 0
    assert [name for name, _ in vae.prior.named_parameters()] == ["log_var"]
    assert parameter_counts(vae)["prior"] == 1


def test_through_the_prior_alone_the_encoder_learns() -> None:
    """The exemplars' means have a gradient, as the derivative of the mixture by hand says."""
    vae = model().train()
    begin(vae, torch.tensor([0]))
    z = torch.randn(6, 2)
    bias = vae.posterior.heads["mu"].bias
    (found,) = torch.autograd.grad(vae.prior.log_prob(z).sum(), bias)
    (expected,) = torch.autograd.grad(by_hand(vae, in_use(vae)).log_prob(z.double()).sum(), bias)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_copy_alone_computes_in_float64_with_its_own_encoder() -> None:
    vae = model()
    wide, z = copy.deepcopy(vae.prior).double(), torch.randn(5, 2)
    found = wide.log_prob(z.double())
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), vae.prior.log_prob(z), atol=1e-5, rtol=1e-5)
    assert {p.dtype for p in vae.parameters()} == {torch.float32}


@torch.no_grad()
def test_any_posterior_with_a_mean_goes_with_it() -> None:
    vae = model(replace(SMALL, posterior=FlowPosteriorOptions(hidden=8)))
    z = torch.randn(5, 2)
    expected = by_hand(vae, POSITIONS.tolist()).log_prob(z.double()).float()
    torch.testing.assert_close(vae.prior.log_prob(z), expected, atol=1e-4, rtol=1e-4)


def test_what_it_cannot_be() -> None:
    with pytest.raises(ConfigError, match="must have a rate for prior exemplar"):
        Reconstruction().check(replace(SMALL, posterior=DeltaOptions()))
    with pytest.raises(ConfigError, match="must have their latents in one space"):
        replace(SMALL, posterior=VonMisesFisherOptions())
    with pytest.raises(ConfigError, match="prior_components must be 1 or more"):
        ExemplarPriorOptions(0)
    with pytest.raises(ConfigError, match="prior_per_step must be 1 or more"):
        ExemplarPriorOptions(5, 0)
