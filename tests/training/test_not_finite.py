"""A NaN or infinite loss: named, never saved, and backed off from in the same way every time."""

from collections.abc import Callable

import pytest
import torch
from safetensors.torch import load_file

from reparam.data import ImageSet
from reparam.errors import NotFiniteError
from reparam.runs import Run, TrainingConfig, load_tensors
from reparam.training import BackedOff, EpochDone, Event, StepDone, train
from reparam.training.assembling import assemble_one
from reparam.training.loop import _Training
from reparam.training.optimiser import learning_rate_at
from reparam.training.sums import Sums

Listen = Callable[[Event], None]


def strike(
    epoch: int,
    batch: int,
    times: int = 1,
    value: float = float("nan"),
    name: str = "decoder.dense.weight",
) -> Listen:
    """A weight that becomes ``value`` after a step, so many times."""
    left = [times]

    def listen(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.batch) == (epoch, batch) and left[0]:
            left[0] -= 1
            with torch.no_grad():
                event.model.get_parameter(name).view(-1)[0] = value

    return listen


def power_cut(epoch: int, batch: int, after: type) -> Listen:
    """The end of the process within an epoch, after an event of a kind."""
    armed = [False]

    def listen(event: Event) -> None:
        armed[0] = armed[0] or isinstance(event, after)
        if (
            armed[0]
            and isinstance(event, StepDone)
            and (event.epoch, event.batch) == (epoch, batch)
        ):
            raise RuntimeError("power cut")

    return listen


def all_finite(run: Run) -> bool:
    files = [file for file in (run.weights, run.checkpoint) if file.exists()]
    tensors = [t for file in files for name, t in load_file(file).items() if "prior." not in name]
    return all(bool(torch.isfinite(t.double()).all()) for t in tensors)


@pytest.mark.parametrize("looks", [True, False], ids=["each step", "at the epoch's end"])
def test_the_step_and_the_term_are_named(
    looks, new_run, small, blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU looks at each step, a GPU at the end of an epoch: both name the same step."""
    init = _Training.__init__

    def as_on_a_gpu(self: _Training, *args: object) -> None:
        init(self, *args)  # type: ignore[arg-type]
        self.looks_each_step = looks

    monkeypatch.setattr(_Training, "__init__", as_on_a_gpu)
    run = new_run(small(epochs=4, dropout=0.25))
    with pytest.raises(NotFiniteError) as error:
        train(run, blobs, [strike(3, 2)])
    said = str(error.value)
    assert said.startswith(
        "the distortion is nan in step 3 of epoch 3, at a learning rate of 0.001"
    )
    assert f"The good weights of epoch 2 are in {run.weights}" in said
    assert "--learning-rate" in said
    assert "--on-nan backoff" in said
    assert [epoch.epoch for epoch in run.metrics()] == [1, 2]
    assert load_tensors(run.checkpoint, "checkpoint").state["epoch"] == 2
    assert all_finite(run)
    assert run.load_model() is not None


def test_weights_of_the_last_step_are_looked_at_too(new_run, small, blobs) -> None:
    """No loss has seen them yet, and nothing may be written."""
    run = new_run(small(epochs=2))
    steps = _Training(run, blobs, (), assemble_one(run.config.training)).steps_per_epoch
    with pytest.raises(NotFiniteError, match=r"decoder\.dense\.weight has NaN or infinite"):
        train(run, blobs, [strike(2, steps, value=float("inf"))])
    assert [epoch.epoch for epoch in run.metrics()] == [1]
    assert all_finite(run)


def test_a_rate_that_is_far_too_high_stops_by_itself(new_run, small, blobs) -> None:
    run = new_run(small(epochs=2, learning_rate=1e4))
    with pytest.raises(NotFiniteError, match=r"in step \d+ of epoch 1, .* no good weights yet"):
        train(run, blobs)
    assert not run.weights.exists()
    assert run.result() is None


def step(**terms: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor([value]) for name, value in terms.items()}


def test_the_sums_tell_the_terms_apart() -> None:
    sums = Sums(torch.device("cpu"))
    sums.begin(10)
    inf, nan = float("inf"), float("nan")
    for rate in (1.0, inf, -inf, 0.0):
        sums.add(step(distortion=1.0, rate=rate, loss=1.0 + rate, objective=1.0 + rate))
    with pytest.raises(NotFiniteError, match=r"the rate is nan in step 12 of epoch 5, .*encoder's"):
        sums.check(5, 14, 1e-3)
    sums.check(5, 11, 1e-3)  # so far all was well
    sums.zero()
    sums.begin(0)
    sums.add(step(distortion=nan, rate=nan, loss=nan, objective=nan))
    with pytest.raises(NotFiniteError, match="the distortion and the rate are nan in step 1 "):
        sums.check(1, 1, 1e-3)


def test_a_loss_that_is_not_finite_alone_is_named() -> None:
    """The terms are finite, their weighted sum is not: a term's weight, or float32's range."""
    sums = Sums(torch.device("cpu"))
    sums.begin(0)
    sums.add(step(distortion=1.0, squared_error=2.0, rate=1.0, loss=2.0, objective=float("inf")))
    with pytest.raises(NotFiniteError, match=r"the objective is inf in step 1 of .* of the term"):
        sums.check(1, 1, 1e-3)


def test_the_memory_of_the_sums_stays() -> None:
    """A step that was recorded writes where the sums were: going back must not move them."""
    sums = Sums(torch.device("cpu"))
    sums.begin(0)
    assert sums.add(step(distortion=1.0, rate=2.0)).tolist() == [1.0, 2.0]
    places = sums.values.data_ptr(), sums.good.data_ptr()
    sums.restore(("distortion", "rate"), torch.tensor([5.0, 6.0]))
    sums.begin(3)
    sums.add(step(rate=1.0, distortion=2.0))
    assert (sums.values.data_ptr(), sums.good.data_ptr()) == places
    assert sums.values.tolist() == [7.0, 7.0]
    assert sums.good.tolist() == [4, 4]
    assert sums.means(2) == {"distortion": 3.5, "rate": 3.5}
    sums.restore((), torch.zeros(0))  # the initial weights' checkpoint
    assert sums.names == ("distortion", "rate")
    assert sums.values.data_ptr() == places[0]
    assert sums.values.tolist() == [0.0, 0.0]


def test_backoff_continues_from_the_checkpoint_with_half_the_rate(new_run, small, blobs) -> None:
    run = new_run(small(epochs=5, on_nan="backoff", dropout=0.25))
    seen: list[BackedOff] = []

    def keep(event: Event) -> None:
        if isinstance(event, BackedOff):
            seen.append(event)

    train(run, blobs, [strike(3, 2), strike(5, 1), keep])
    assert [(e.epoch, e.backoffs, e.rate_factor) for e in seen] == [(2, 1, 0.5), (4, 2, 0.25)]
    assert "back to the end of epoch 2, with 0.5 of the learning rate" in str(seen[0])
    lines = run.metrics()
    assert [line.epoch for line in lines] == [1, 2, 3, 4, 5]
    assert [line.backoffs for line in lines] == [0, 0, 1, 1, 2]
    assert [line.learning_rate for line in lines] == [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4]
    assert run.finished("it is").backoffs == 2
    assert all_finite(run)


def test_without_a_checkpoint_it_starts_again(new_run, small, blobs) -> None:
    """From the initial weights, as a run with that rate from the beginning."""
    struck = new_run(small(epochs=2, on_nan="backoff", dropout=0.25), "struck")
    train(struck, blobs, [strike(1, 3)])
    slower = new_run(small(epochs=2, learning_rate=5e-4, dropout=0.25), "slower")
    train(slower, blobs)
    a, b = load_file(struck.weights), load_file(slower.weights)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_backoff_helps_against_a_rate_that_is_too_high(new_run, small, blobs) -> None:
    """A real divergence, and an eighth of the rate at most."""
    with pytest.raises(NotFiniteError):
        train(new_run(small(epochs=3, learning_rate=1.0), "stops"), blobs)
    run = new_run(small(epochs=3, learning_rate=1.0, on_nan="backoff"), "continues")
    train(run, blobs)
    assert 1 <= run.finished("it is").backoffs <= 3
    assert all_finite(run)


def test_three_times_at_most(new_run, small, blobs) -> None:
    run = new_run(small(epochs=3, on_nan="backoff"))
    with pytest.raises(NotFiniteError, match=r"0\.125 of the learning rate did not help"):
        train(run, blobs, [strike(2, 1, times=4)])
    assert load_tensors(run.checkpoint, "checkpoint").state["backoffs"] == 3
    assert all_finite(run)


def test_a_run_that_is_cut_after_a_backoff_ends_as_the_one_that_is_not(
    new_run, small, blobs: ImageSet
) -> None:
    options = {"epochs": 5, "on_nan": "backoff", "dropout": 0.25, "schedule": "one-cycle"}
    options["ema"] = 0.9
    whole, cut = new_run(small(**options), "whole"), new_run(small(**options), "cut")
    train(whole, blobs, [strike(3, 2)])
    with pytest.raises(RuntimeError, match="power cut"):
        train(cut, blobs, [strike(3, 2), power_cut(3, 1, after=BackedOff)])
    train(cut, blobs)
    a, b = load_file(whole.checkpoint), load_file(cut.checkpoint)
    assert all(torch.equal(a[k], b[k]) for k in a if "prior." not in k)
    both = [[epoch.learning_rate for epoch in run.metrics()] for run in (whole, cut)]
    assert both[0] == both[1]
    config = TrainingConfig(epochs=5, schedule="one-cycle", learning_rate=1e-3)
    steps = whole.metrics()[0].step
    planned = [learning_rate_at(config, steps * (e + 1) - 1, steps) for e in range(5)]
    assert both[0] == [planned[0], planned[1], *(rate / 2 for rate in planned[2:])]


def test_a_validation_loss_that_is_not_finite(new_run, small, blobs) -> None:
    """Finite weights, whose variance e^1000 is not, and no training step left to see it."""
    run = new_run(small(epochs=3))
    steps = _Training(run, blobs, (), assemble_one(run.config.training)).steps_per_epoch
    with pytest.raises(NotFiniteError, match=r"validation loss is (nan|inf) after epoch 2"):
        train(run, blobs, [strike(2, steps, value=1000.0, name="posterior.heads.log_var.bias")])
    assert [epoch.epoch for epoch in run.metrics()] == [1]


def test_an_interrupt_saves_no_bad_weights(new_run, small, blobs) -> None:
    """Ctrl-C right after the weights went bad."""
    import os
    import signal

    run = new_run(small(epochs=3))
    bad = strike(2, 2)

    def both(event: Event) -> None:
        bad(event)
        if isinstance(event, StepDone) and (event.epoch, event.batch) == (2, 2):
            os.kill(os.getpid(), signal.SIGINT)
        assert not (isinstance(event, EpochDone) and event.metrics.epoch == 2)

    with pytest.raises(NotFiniteError):
        train(run, blobs, [both])
    assert all_finite(run)
