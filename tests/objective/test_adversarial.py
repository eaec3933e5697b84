"""The adversarial term: whose gradient is whose, the weight, the guard, and what is refused."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import (
    Adversarial,
    AdversarialOptions,
    Elbo,
    InputConfig,
    Loss,
    Phase,
    Reconstruction,
    mean_losses,
)
from reparam.objective.adversarial import BETAS, DELTA, MOST_WEIGHT, Guard
from reparam.runs import RunConfig, TrainingConfig
from reparam.training.step import Plan

from .test_loss import SHAPE, SMALL, batch, generator, pictures

WEIGHT = 0.3
PERCEPTRON = ModelConfig(
    latent_dim=3,
    encoder=MlpEncoderOptions((8,)),
    decoder=MlpDecoderOptions((8,)),
    likelihood=BernoulliLikelihoodOptions(),
)


def model_of(config: ModelConfig = SMALL, shape: tuple[int, int, int] = SHAPE) -> Autoencoder:
    torch.manual_seed(0)
    return build_autoencoder(config, shape)


def game(model: Autoencoder, **options: float) -> tuple[Loss, Adversarial]:
    torch.manual_seed(1)
    options = {"weight": WEIGHT, **options}
    loss = Loss(model, Elbo(), [AdversarialOptions(channels=(8, 16), **options)])  # type: ignore[arg-type]
    term = loss.terms["adversarial"]
    assert isinstance(term, Adversarial)
    return loss, term


@pytest.mark.parametrize("config", [SMALL, PERCEPTRON], ids=["convolutional", "mlp, logits"])
def test_each_player_has_the_gradient_of_its_own_loss_alone(config: ModelConfig) -> None:
    model = model_of(config)
    plain, (loss, term) = Loss(model, Elbo()), game(model)
    ours, theirs = list(model.parameters()), list(term.parameters())
    expected = plain(batch(), noise=generator())
    decoded = expected.drawn.pixels.mean
    fooled = -term.discriminator(decoded).mean()
    last = model.decoder.last_weights

    def norm(value: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(value, last, retain_graph=True)[0].norm()

    weight = WEIGHT * norm(expected.objective.mean()) / (norm(fooled) + DELTA)
    of_model = torch.autograd.grad(
        expected.objective.mean() + weight.detach() * fooled, ours, allow_unused=True
    )
    real, fake = term.discriminator(batch().images), term.discriminator(decoded.detach())
    hinge = (F.relu(1 - real) + F.relu(1 + fake)).mean()
    of_discriminator = torch.autograd.grad(hinge, theirs)

    found = loss(batch(), noise=generator())
    found.objective.mean().backward()
    for parameter, gradient in zip([*ours, *theirs], [*of_model, *of_discriminator], strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    recorded = {name: values.mean() for name, values in found.terms.items()}
    torch.testing.assert_close(recorded["adversarial"], fooled.detach())
    torch.testing.assert_close(recorded["adversarial_discriminator"], hinge.detach())
    torch.testing.assert_close(recorded["adversarial_weight"], weight)
    margin = (real.mean() - fake.mean()).detach()
    torch.testing.assert_close(recorded["adversarial_margin"], margin)
    for name, values in expected.terms.items():
        assert torch.equal(found.terms[name], values), "the loss has no part of the game"


def test_the_last_weights_are_those_of_the_decoders_last_layer() -> None:
    conv, mlp = model_of().decoder, model_of(PERCEPTRON).decoder
    assert conv.last_weights is conv.blocks[-1].conv.weight  # type: ignore[union-attr, index]
    assert mlp.last_weights.shape == (8 * 7, 8)


def test_the_weight_has_a_bound() -> None:
    """Where the discriminator cannot tell anything, its gradient is 0."""
    model = model_of()
    loss, term = game(model)
    with torch.no_grad():
        for parameter in term.parameters():
            parameter.zero_()
    found = loss(batch(), noise=generator()).terms["adversarial_weight"]
    assert found[0].item() == pytest.approx(WEIGHT * MOST_WEIGHT * 8 * 7)


def test_before_its_start_nothing_is_computed() -> None:
    model = model_of()
    loss, term = game(model, start=0.25)
    assert loss.waiting(0.2) == {"adversarial"}
    assert loss.waiting(0.25) == set()
    term.discriminator.register_forward_hook(lambda *_: pytest.fail("it was computed"))
    plain = Loss(model, Elbo())(batch(), noise=generator())
    found = loss(batch(), Phase(waiting=loss.waiting(0.2)), generator())
    assert torch.equal(found.objective, plain.objective)
    names = [name for name in found.terms if name.startswith("adversarial")]
    assert len(names) == 4
    assert all((found.terms[name] == 0).all() for name in names)
    assert mean_losses(loss, pictures(5))["adversarial_margin"] == 0


def test_evaluation_has_the_weight_of_the_last_step_and_changes_nothing() -> None:
    model = model_of()
    loss, _ = game(model)
    last = loss(batch(), noise=generator()).terms["adversarial_weight"][0].item()
    before = {name: values.clone() for name, values in loss.state_dict().items()}
    found = mean_losses(loss, pictures(5))
    assert found["adversarial_weight"] == pytest.approx(last, rel=1e-6)
    assert found["adversarial_margin"] != 0
    assert found["loss_nats"] == pytest.approx(found["distortion_nats"] + found["rate_nats"])
    assert all(torch.equal(values, before[name]) for name, values in loss.state_dict().items())


@pytest.mark.parametrize(
    ("shape", "patches"),
    [
        ((8, 8, 1), (4, 4)),
        ((5, 9, 1), (3, 5)),
        ((28, 28, 1), (7, 7)),
        ((64, 48, 3), (8, 6)),
        ((3, 3, 3), (2, 2)),
    ],
)
def test_any_image_has_patches(shape: tuple[int, int, int], patches: tuple[int, int]) -> None:
    """And an image's scores do not depend on the others of its batch."""
    term = AdversarialOptions().build(model_of(PERCEPTRON, shape))
    x = torch.rand(3, shape[2], *shape[:2], generator=generator())
    scores = term.discriminator(x)
    assert scores.shape == (3, patches[0] * patches[1])
    torch.testing.assert_close(term.discriminator(x[1:2]), scores[1:2])


def test_its_parameters_train_by_their_own_optimiser() -> None:
    _, term = game(model_of())
    assert term.optimiser is not None
    assert (term.optimiser.learning_rate, term.optimiser.betas) == (2e-4, BETAS)


def test_the_guard_by_hand() -> None:
    guard = Guard()
    steps = [  # error, waiting; factor, kept, warnings
        (2.0, True, 1.0, True, ()),
        (1.0, True, 1.0, True, ()),
        (1.04, False, 1.0, True, ()),
        (1.07, False, 0.5, True, ("adversarial_lowered",)),
        (1.2, False, 0.0, False, ("adversarial_off",)),
        (1.06, False, 0.0, True, ()),  # not recovered yet
        (1.02, False, 0.25, True, ()),
        (0.9, False, 0.5, True, ()),
        (0.85, False, 1.0, True, ()),
        (1.0, False, 0.0, False, ("adversarial_off",)),  # of 0.85
    ]
    for error, waiting, factor, kept, warnings in steps:
        verdict = guard.after_epoch(error, waiting)
        assert guard.factor.item() == factor, error
        assert verdict.may_be_best == kept, error
        assert verdict.compares == waiting
        assert tuple(verdict.warnings) == warnings
        assert all("Fix: " in line for line in verdict.warnings.values())


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=20), st.integers(0, 5))
def test_what_is_kept_last_is_within_the_bound_of_the_lowest(errors: list[float], start: int):
    guard, kept = Guard(), errors[0]
    for epoch, error in enumerate(errors):
        verdict = guard.after_epoch(error, epoch < start)
        if verdict.may_be_best and (epoch >= start or error < kept):
            kept = error
        assert kept <= guard.LIMIT * min(errors[: epoch + 1]) * (1 + 1e-6)
        assert 0 <= guard.factor <= 1


def test_an_error_of_0_is_no_fault() -> None:
    guard = Guard()
    assert guard.after_epoch(0.0, True).may_be_best
    assert guard.after_epoch(0.0, False).may_be_best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 0.0}, "adversarial_weight must be above 0, got 0.0"),
        ({"learning_rate": float("nan")}, "adversarial_learning_rate must be above 0, got nan"),
        ({"start": 0.0}, "adversarial_start must be above 0 and below 1, got 0.0"),
        ({"start": 1.0}, "adversarial_start must be above 0 and below 1, got 1.0"),
        ({"channels": ()}, "adversarial_channels must list a layer or more, got none"),
        ({"channels": (8, 0)}, "adversarial_channels must be 1 or more, got 0"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdversarialOptions(**options)


def test_runs_that_cannot_work_are_refused() -> None:
    config = RunConfig(terms=(AdversarialOptions(start=0.5),))
    with pytest.raises(ConfigError, match="binarise must be none for term adversarial"):
        replace(config, inputs=InputConfig(binarise="threshold"))
    for training in (TrainingConfig(epochs=1), TrainingConfig(epochs=10, rate_warm_up=0.95)):
        with pytest.raises(ConfigError, match="must have an epoch before its start"):
            replace(config, training=training)
    replace(config, training=TrainingConfig(epochs=2, rate_warm_up=0.5))


@pytest.mark.parametrize(
    ("epochs", "rate_warm_up", "start", "begins"),
    [(10, 0.0, 0.5, 0.5), (10, 0.7, 0.5, 0.7), (10, 0.65, 0.5, 0.7), (3, 0.0, 0.1, 1 / 3)],
)
def test_it_begins_after_an_epoch_that_it_can_be_compared_with(
    epochs: int, rate_warm_up: float, start: float, begins: float
) -> None:
    loss, _ = game(model_of(), start=start)
    training = TrainingConfig(epochs=epochs, rate_warm_up=rate_warm_up)
    assert Plan.at(training, loss, begins - 1e-6).waiting == {"adversarial"}
    assert Plan.at(training, loss, begins).waiting == set()
    assert Plan.at(training, loss, begins).rate_weight == 1
    no_rate = Loss(loss.model, Reconstruction(), [AdversarialOptions(start=start)])
    assert Plan.at(training, no_rate, max(start, 1 / epochs)).waiting == set()


def test_corrupted_images_are_compared_with_clean_ones() -> None:
    model = model_of()
    torch.manual_seed(1)
    inputs = InputConfig(corrupt="masking", corrupt_amount=0.9)
    loss = Loss(model, Elbo(), [AdversarialOptions()], inputs)
    seen: list[torch.Tensor] = []
    term = loss.terms["adversarial"]
    assert isinstance(term, Adversarial)
    term.discriminator.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    clean: Batch = batch()
    loss(clean, noise=generator())
    assert torch.equal(seen[-1][: len(clean.images)], clean.images)
