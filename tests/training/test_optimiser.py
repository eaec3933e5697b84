"""Adam against Keras' own, and the schedules against their formulas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reparam.model import ModelConfig, SameConv2d, build_autoencoder
from reparam.objective import AdversarialOptions, Elbo, Loss
from reparam.runs import TrainingConfig
from reparam.runs.config import OptimiserName
from reparam.training.optimiser import (
    Optimiser,
    build_optimiser,
    learning_rate_at,
)


@pytest.mark.parametrize("scale", [1.0, 1e-6], ids=["large gradients", "gradients near ε"])
def test_adam_is_keras_adam(scale: float) -> None:
    """Where gradients are as small as ε, the place of ε decides; PyTorch's own Adam fails here."""
    import keras

    rng = np.random.default_rng(0)
    start = rng.normal(size=(5, 3)).astype("float32")
    gradients = (scale * rng.normal(size=(20, 5, 3))).astype("float32")

    theirs = keras.Variable(start)
    adam = keras.optimizers.Adam(learning_rate=1e-2, epsilon=1e-7)
    adam.build([theirs])
    module = nn.Linear(3, 5, bias=False)
    module.weight.data.copy_(torch.from_numpy(start))
    optimiser = build_optimiser(module, 1e-2)
    for step, gradient in enumerate(gradients):
        adam.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
        module.weight.grad = torch.from_numpy(gradient)
        optimiser.set_step(step, 1e-2)
        optimiser.step()
    expected = keras.ops.convert_to_numpy(theirs)
    moved = np.abs(expected - start).max()
    np.testing.assert_allclose(module.weight.detach().numpy(), expected, atol=1e-4 * moved)


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_optimiser_state_round_trip_keeps_the_memory_layout(name: OptimiserName) -> None:
    module = SameConv2d(4, 6, 3, 1).to(memory_format=torch.channels_last)
    optimiser = build_optimiser(module, 1e-3, name)
    module(torch.randn(2, 4, 8, 8)).square().sum().backward()
    optimiser.set_step(0, 1e-3)
    optimiser.step()
    saved = {k: v.clone().contiguous() for k, v in optimiser.tensors().items()}
    fresh = build_optimiser(module, 1e-3, name)
    fresh.restore(saved)
    restored = fresh.tensors()
    assert restored.keys() == saved.keys()
    assert all(torch.equal(restored[k], saved[k]) for k in saved)
    momentum = "adam.0.exp_avg" if name == "adam" else "muon.0.momentum_buffer"
    assert restored[momentum].stride() == module.weight.stride()


def test_a_term_with_its_own_optimiser_follows_the_schedule_at_its_own_rate() -> None:
    model = build_autoencoder(ModelConfig(latent_dim=2), (8, 8, 1))
    loss = Loss(model, Elbo(), [AdversarialOptions(learning_rate=1e-4)])
    for name in ("adam", "muon"):
        optimiser = build_optimiser(loss, 2e-3, name)
        own = {
            p for group in optimiser.parts["term_adversarial"].param_groups for p in group["params"]
        }
        assert own == set(loss.terms.parameters())
        every = [
            p for part in optimiser.parts.values() for g in part.param_groups for p in g["params"]
        ]
        assert len(every) == len(set(every)) == len(list(loss.parameters()))
        optimiser.set_step(5, 1e-3)
        (group,) = optimiser.parts["term_adversarial"].param_groups
        assert group["lr"] == pytest.approx(0.5e-4)
        assert group["betas"] == (0.5, 0.9)


@given(
    decay=st.floats(0.1, 1),
    every=st.integers(1, 5),
    epoch=st.integers(0, 50),
    batch=st.integers(0, 9),
)
def test_step_decay_is_the_articles(decay: float, every: int, epoch: int, batch: int) -> None:
    config = TrainingConfig(learning_rate=0.5, decay=decay, decay_every=every)
    expected = 0.5 * decay ** (epoch // every)
    assert learning_rate_at(config, epoch * 10 + batch, 10) == pytest.approx(expected)


@given(epochs=st.integers(1, 30), per_epoch=st.integers(1, 30), warm_up=st.floats(0.01, 0.9))
def test_one_cycle_rises_to_the_peak_and_falls_to_nothing(
    epochs: int, per_epoch: int, warm_up: float
) -> None:
    config = TrainingConfig(learning_rate=1.0, schedule="one-cycle", epochs=epochs, warm_up=warm_up)
    total = epochs * per_epoch
    rates = [learning_rate_at(config, step, per_epoch) for step in range(total + 1)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) <= 1 + 1e-12
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    top = int(np.argmax(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_a_finished_one_cycle_stays_at_nothing() -> None:
    config = TrainingConfig(learning_rate=1.0, schedule="one-cycle", epochs=2)
    assert learning_rate_at(config, 1000, 10) == pytest.approx(0, abs=1e-12)


def left_of(optimiser: Optimiser, size: float) -> float:
    """The norm that is left of gradients of this norm, clipped at three times the usual one."""
    parameters = optimiser.parameters
    count = sum(p.numel() for p in parameters)
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, size / count**0.5)
    optimiser.clip(0.0, 3.0)
    return float(torch.cat([p.grad.flatten() for p in parameters]).norm())


def test_a_spike_is_scaled_down_to_the_usual() -> None:
    """To three times it; what is usual follows a lasting change, and hardly moves over a spike."""

    def about(*values: float) -> object:
        return pytest.approx(values, rel=1e-3)

    optimiser = build_optimiser(build_autoencoder(ModelConfig(), (8, 8, 1)), 1e-3)
    assert tuple(left_of(optimiser, size) for size in (10, 20, 5)) == about(10, 20, 5)
    usual = 0.98 * (0.98 * 10 + 0.02 * 20) + 0.02 * 5
    assert tuple(optimiser.usual.tolist()) == about(usual)
    assert (left_of(optimiser, 1e6),) == about(3 * usual)
    assert tuple(optimiser.usual.tolist()) == about((0.98 + 0.06) * usual)
    last = [left_of(optimiser, 1e3) for _ in range(200)][-1]
    assert (last,) == about(1e3)
    assert math.isnan(left_of(optimiser, math.inf))


def test_what_is_usual_is_restored() -> None:
    ours, theirs = (
        build_optimiser(build_autoencoder(ModelConfig(), (8, 8, 1)), 1e-3) for _ in range(2)
    )
    assert "usual_norms" not in ours.tensors()
    left_of(ours, 7.0)
    ours.step()
    theirs.restore(ours.tensors())
    assert torch.equal(theirs.usual, ours.usual)
    assert left_of(theirs, 1e3) == pytest.approx(21, rel=1e-3)


def test_the_gradients_of_two_players_are_clipped_apart() -> None:
    """A discriminator's large gradient takes nothing from the model's."""
    model = build_autoencoder(ModelConfig(), (8, 8, 1))
    loss = Loss(model, Elbo(), [AdversarialOptions()])
    optimiser = build_optimiser(loss, 1e-3)
    discriminator = list(loss.terms["adversarial"].parameters())
    for parameter in loss.parameters():
        parameter.grad = torch.full_like(parameter, 1e-4)
    for parameter in discriminator:
        parameter.grad = torch.full_like(parameter, 1e3)
    optimiser.clip(1.0)
    model_norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    own_norm = torch.cat([p.grad.flatten() for p in discriminator]).norm()
    count = sum(p.numel() for p in model.parameters())
    assert model_norm == pytest.approx(1e-4 * count**0.5, rel=1e-4)
    assert own_norm == pytest.approx(1.0, rel=1e-4)
