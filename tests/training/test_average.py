"""The average of the weights is what a run keeps; the optimiser continues from the weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from reparam.errors import ConfigError
from reparam.runs import TrainingConfig
from reparam.training import Event, StepDone, train
from reparam.training.average import Average


@given(decay=st.floats(0.01, 0.9999), steps=st.integers(1, 40))
def test_it_is_the_formula(decay: float, steps: int) -> None:
    """a ← δa + (1 − δ)w with δ = min(decay, (1 + t)/(10 + t)); the weights come back."""
    weights = np.random.default_rng(0).normal(size=(steps + 1, 3))
    parameter = nn.Parameter(torch.from_numpy(weights[0].copy()))
    average = Average({"w": parameter}, decay)
    expected = weights[0]
    for step in range(steps):
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(weights[step + 1]))
        average.update(step)
        share = min(decay, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * weights[step + 1]
    place = parameter.data_ptr()
    with average.in_place():
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12)
        assert parameter.data_ptr() == place, "what was recorded for a GPU reads it there"
    assert np.array_equal(parameter.detach().numpy(), weights[-1])
    np.testing.assert_allclose(average.values["w"].numpy(), expected, rtol=1e-12)


def test_saved_and_validated_weights_are_the_average(new_run, small, blobs) -> None:
    """And what batch norm counts is the newest. The weights themselves are those without it."""
    options = {"epochs": 2, "batch_norm": True, "dropout": 0.25}
    run, plain = new_run(small(ema=0.95, **options)), new_run(small(**options), "plain")
    state: dict[str, torch.Tensor] = {}
    expected: dict[str, torch.Tensor] = {}
    steps = [0]

    def follow(event: Event) -> None:
        if not isinstance(event, StepDone):
            return
        step = steps[0]
        steps[0] += 1
        share = min(0.95, (1 + step) / (10 + step))
        state.update({k: v.detach().clone() for k, v in event.model.state_dict().items()})
        for name, parameter in event.model.named_parameters():
            before = expected.get(name, initial[f"model.{name}"])
            expected[name] = share * before + (1 - share) * parameter.detach()

    train(plain, blobs)
    with pytest.raises(RuntimeError, match="enough"):
        train(run, blobs, [enough])
    initial = load_file(run.checkpoint)
    train(run, blobs, [follow])
    saved, last = load_file(run.weights), load_file(run.checkpoint)
    assert run.metrics()[-1].epoch == run.weights_epoch() == 2
    for name, value in saved.items():
        expectation = expected.get(name, state[name])
        torch.testing.assert_close(value, expectation, rtol=1e-5, atol=1e-6)
    without = load_file(plain.checkpoint)
    assert all(torch.equal(last[name], without[name]) for name in without if "model." in name)
    moved = [name for name in expected if not torch.equal(saved[name], last[f"model.{name}"])]
    assert moved == list(expected)
    losses = [each.result().splits["valid"]["loss_nats"] for each in (run, plain)]
    assert run.metrics()[-1].valid["loss_nats"] == pytest.approx(losses[0], rel=1e-5)
    assert losses[0] != losses[1]
    assert not [name for name in without if name.startswith("average.")]


def enough(event: Event) -> None:
    if isinstance(event, StepDone):
        raise RuntimeError("enough")


@pytest.mark.parametrize("ema", [-0.1, 1.0, float("nan")])
def test_a_decay_that_cannot_be_is_refused(ema: float) -> None:
    with pytest.raises(ConfigError, match="ema must be 0 or more and below 1"):
        TrainingConfig(ema=ema)
