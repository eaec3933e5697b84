"""The capacity term and the rate's weight: Burgess et al.'s objective by hand."""

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
    VampPriorOptions,
    build_autoencoder,
)
from reparam.objective import (
    FULL,
    CapacityOptions,
    Elbo,
    ImportanceWeighted,
    InputConfig,
    Loss,
    Losses,
    Objective,
    Phase,
    Reconstruction,
)

seeds = st.integers(0, 2**31)
quick = settings(max_examples=15)
ALONE = Elbo(rate_weight=0)


def model(**parts: object) -> Autoencoder:
    torch.manual_seed(0)
    networks = {"encoder": MlpEncoderOptions((7,)), "decoder": MlpDecoderOptions((7,))}
    return build_autoencoder(ModelConfig(latent_dim=3, **(networks | parts)), (4, 3, 1))


def losses(
    of: Autoencoder, objective: Objective, terms: list[CapacityOptions], phase: Phase = FULL
) -> Losses:
    x = torch.rand(6, 1, 4, 3, generator=torch.Generator().manual_seed(1))
    noise = torch.Generator().manual_seed(2)
    return Loss(of, objective, terms)(Batch(x, None, torch.arange(6)), phase, noise)


@quick
@given(done=st.floats(0, 1), rate=st.floats(0.01, 5), until=st.floats(0.1, 1))
def test_it_is_equation_8(done: float, rate: float, until: float) -> None:
    """E log p(x|z) − γ |KL − C|, negated, with C from 0 to its end along a line."""
    capacity = CapacityOptions(weight=7.0, rate=rate, until=until)
    found = losses(model(), ALONE, [capacity], Phase(done=done))
    target = rate * min(1, done / until)
    kl = found.terms["rate"].mean().item()
    assert found.terms["capacity"].mean().item() == pytest.approx(abs(kl - target), abs=1e-4)
    assert found.terms["capacity_target"].tolist() == pytest.approx([target] * 6, rel=1e-5)
    expected = found.terms["distortion"].mean().item() + 7 * abs(kl - target)
    assert found.objective.mean().item() == pytest.approx(expected, rel=1e-5)


def gradient(of: Autoencoder, weight_of_rate: float, *terms: CapacityOptions) -> torch.Tensor:
    of.zero_grad()
    losses(of, Elbo(rate_weight=weight_of_rate), list(terms)).objective.mean().backward()
    return torch.cat([p.grad.flatten() for p in of.parameters() if p.grad is not None])


@pytest.mark.parametrize(("rate", "side"), [(1e-3, 1), (1e3, -1)])
def test_its_gradient_is_that_of_the_rate_towards_the_capacity(rate: float, side: int) -> None:
    vae = model()
    none, one = gradient(vae, 0), gradient(vae, 1)
    found = gradient(vae, 0, CapacityOptions(weight=3.0, rate=rate))
    torch.testing.assert_close(found, none + side * 3 * (one - none), atol=1e-4, rtol=1e-3)


def test_the_side_is_that_of_the_whole_batch() -> None:
    """Of which other processes have parts, whose rates are larger here."""
    phase = Phase(mean=lambda values: values.mean(0) + 100)
    found = losses(model(), ALONE, [CapacityOptions(rate=50.0)], phase).terms
    torch.testing.assert_close(found["capacity"], found["rate"] - 50)


@pytest.mark.parametrize("objective", [Elbo(), ImportanceWeighted(3), Reconstruction()])
def test_it_goes_with_any_objective(objective: Objective) -> None:
    vae = model()
    plain = losses(vae, objective, [])
    held = losses(vae, objective, [CapacityOptions(weight=2.0, rate=9.0)])
    added = (held.objective - plain.objective).mean().item()
    assert added == pytest.approx(2 * held.terms["capacity"].mean().item(), rel=1e-3)
    assert held.terms["capacity"].mean() > 0


def test_the_weight_of_the_rate() -> None:
    """In what is minimised, times that of a warm-up, and not in what is reported."""
    vae = model()
    one, four = (losses(vae, Elbo(rate_weight=w), [], Phase(rate_weight=0.5)) for w in (1, 4))
    torch.testing.assert_close(four.objective - one.objective, 1.5 * one.terms["rate"])
    assert four.terms["loss"].equal(one.terms["loss"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.0}, "capacity_rate must be above 0, got 0.0"),
        ({"until": 0.0}, "capacity_until must be above 0 and at most 1, got 0.0"),
        ({"until": 1.5}, "got 1.5"),
    ],
)
def test_options_that_cannot_be(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CapacityOptions(**options)


def test_models_without_a_rate_are_refused() -> None:
    term, inputs = CapacityOptions(), InputConfig()
    with pytest.raises(ConfigError, match="posterior must be a distribution for term capacity"):
        term.check(ModelConfig(posterior=DeltaOptions()), inputs)
    with pytest.raises(ConfigError, match="prior must be known in training for term capacity"):
        term.check(ModelConfig(prior=BoxOptions()), inputs)
    term.check(ModelConfig(prior=VampPriorOptions()), inputs)
    with pytest.raises(ConfigError, match="rate_weight must be 0 or more"):
        Elbo(rate_weight=-1)
