"""A batch in parts has the gradient of the whole, and the same losses; a clipped one its norm."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import ConfigError
from reparam.model import SharedNoise, normal, uniform
from reparam.runs import TrainingConfig
from reparam.training import train
from reparam.training.assembling import assemble_one
from reparam.training.loop import _Training

PRESETS = {
    "vae": {"shift": 1.0, "rotate": 10.0, "zoom": 0.2, "flip": True, "weight": "auto"},
    "dae": {"latent_dim": 3},
    "burda": {"latent_dim": 3},
    "exemplar": {"latent_dim": 3, "prior_components": 40, "prior_per_step": 20},
}


def after_a_step(new_run: Any, config: Any, blobs: Any, rows: int) -> tuple[Any, ...]:
    """Gradients, sums and random state after the first step, of so many images."""
    run = new_run(config, f"run-{config.training.accumulate}-{rows}")
    training = _Training(run, blobs, (), assemble_one(config.training))
    state = training.state
    state.loss.train()
    training.gradients(training.feed.batch(torch.arange(rows)), rows, training.plan(0))
    gradients = [p.grad for p in state.optimiser.parameters if p.grad is not None]
    return gradients, state.sums.values, state.noise.get_state()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rows", [16, 3, 1])
def test_the_gradient_is_that_of_the_whole_batch(preset, rows, new_run, small, blobs) -> None:
    """With the same noise: the images' own, whatever the parts. 5 parts of 3 images are 3."""
    whole, parts = (
        after_a_step(new_run, small(preset, accumulate=n, **PRESETS[preset]), blobs, rows)
        for n in (1, 5)
    )
    assert len(whole[0]) == len(parts[0]) > 0
    for a, b in zip(whole[0], parts[0], strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5 * a.abs().max().item())
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-5, atol=0)
    assert torch.equal(parts[2], whole[2]), "the noise of later steps is the same too"


def test_a_run_in_parts_has_the_losses_of_one_without(new_run, small, blobs) -> None:
    whole, parts = (
        new_run(small(epochs=2, accumulate=n, clip=5.0), name) for n, name in ((1, "a"), (3, "b"))
    )
    train(whole, blobs)
    train(parts, blobs)
    for a, b in zip(whole.metrics(), parts.metrics(), strict=True):
        assert b.step == a.step
        assert b.train == pytest.approx(a.train, rel=1e-4)
        assert b.valid == pytest.approx(a.valid, rel=1e-4)


@given(rows=st.integers(1, 30), parts=st.integers(1, 8), draws=st.integers(1, 3))
def test_parts_of_shared_noise_are_the_whole(rows: int, parts: int, draws: int) -> None:
    """Any rows, lost nowhere and drawn once."""
    team = assemble_one(TrainingConfig(device="cpu"))
    turns = team.rows_in_turn(rows, rows, parts)
    assert [n for turn in turns for n in range(rows)[turn]] == list(range(rows))
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    noises = team.noises(generators[0], rows, turns)
    kinds = [(normal, uniform)[n % 2] for n in range(draws)]
    found = [
        [draw(torch.Size((turn.stop - turn.start, 2)), noise, torch.zeros(())) for draw in kinds]
        for turn, noise in zip(turns, noises, strict=True)
    ]
    whole = SharedNoise(generators[1], 0, rows)
    for number, draw in enumerate(kinds):
        expected = draw(torch.Size((rows, 2)), whole, torch.zeros(()))
        assert torch.equal(torch.cat([part[number] for part in found]), expected)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


@pytest.mark.parametrize("options", [{}, {"accumulate": 4}, {"optimiser": "muon"}])
def test_the_norm_of_the_whole_gradient_is_clipped(options, new_run, small, blobs) -> None:
    """To the limit where it is larger, by one factor; a smaller one stays."""
    config = small(**options)
    training = _Training(new_run(config), blobs, (), assemble_one(config.training))
    training.gradients(training.feed.batch(torch.arange(16)), 16, training.plan(0))
    optimiser = training.state.optimiser

    def gradient() -> torch.Tensor:
        return torch.cat([p.grad.flatten() for p in optimiser.parameters if p.grad is not None])

    before = gradient().clone()
    norm = before.norm().item()
    for limit in (0.0, 2 * norm):
        optimiser.clip(limit)
        assert torch.equal(gradient(), before)
    optimiser.clip(norm / 10)
    torch.testing.assert_close(gradient(), before / 10, rtol=1e-4, atol=1e-7 * norm)


def test_a_clipped_run_is_another_and_every_step_is_clipped(new_run, small, blobs) -> None:
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    norms: list[float] = []

    def note(optimiser: torch.optim.Optimizer, *_: object) -> None:
        parts = [p.grad.norm() ** 2 for g in optimiser.param_groups for p in g["params"]]
        norms.append(torch.stack(parts).sum().sqrt().item())

    hook = register_optimizer_step_pre_hook(note)
    try:
        train(new_run(small(epochs=1, clip=0.25, accumulate=2)), blobs)
    finally:
        hook.remove()
    np.testing.assert_allclose(norms, 0.25, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accumulate": 0}, "accumulate must be 1 or more"),
        ({"accumulate": 5, "batch_size": 4}, "accumulate must be at most the batch_size, 4, got 5"),
        ({"clip": -1.0}, "clip must be 0 or more, got -1"),
        ({"clip": float("nan")}, "clip must be 0 or more, got nan"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds must be 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(options, said) -> None:
    with pytest.raises(ConfigError, match=said):
        TrainingConfig(**options)
