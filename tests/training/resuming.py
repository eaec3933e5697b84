"""A run that is stopped and resumed, beside the one that never stopped."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from reparam.data import ImageSet
from reparam.runs import Run
from reparam.training import Event, Interrupted, StepDone, train


def ctrl_c_after(epoch: int, batch: int) -> Callable[[Event], None]:
    """A real SIGINT to this process after a given batch."""

    def listen(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.batch) == (epoch, batch):
            os.kill(os.getpid(), signal.SIGINT)

    return listen


def assert_resumes(whole: Run, stopped: Run, images: ImageSet, stop: tuple[int, int]) -> None:
    """Trains one at once, the other with a Ctrl-C after an epoch's batch; they end equal."""
    train(whole, images)
    with pytest.raises(Interrupted):
        train(stopped, images, [ctrl_c_after(*stop)])
    torch.manual_seed(999)  # whatever happens between the two sessions
    torch.rand(17)
    train(Run.open(stopped.path), images)
    assert_equal_runs(whole, stopped)


def assert_equal_runs(a: Run, b: Run) -> None:
    """Bit for bit: weights, checkpoint, every epoch's losses, those of the end."""
    for file in ("weights", "checkpoint"):
        one, other = (load_file(getattr(run, file)) for run in (a, b))
        assert one.keys() == other.keys()
        assert all(identical(one[name], other[name]) for name in one)
    lines = [[replace(epoch, seconds=0.0) for epoch in run.metrics()] for run in (a, b)]
    assert lines[0] == lines[1]
    assert [epoch.epoch for epoch in lines[0]] == list(range(1, len(lines[0]) + 1))
    assert a.finished("it is").splits == b.finished("it is").splits
    assert not list(b.path.rglob(".*")), "what a killed write left behind is cleared away"


def identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal bit for bit; the box of an unfinished AE is NaN in both."""
    return a.dtype == b.dtype and a.numpy().tobytes() == b.numpy().tobytes()
