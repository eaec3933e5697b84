"""Checkpoints that are not written after every epoch: a run that is killed anywhere between them
ends as one that is not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from reparam.errors import NotFiniteError, RunError
from reparam.runs import Run, load_tensors, save_tensors
from reparam.training import Interrupted, fit_run_prior, result, saving, start, train
from reparam.training.feed import HostFeed
from reparam.training.state import State

from .resuming import assert_equal_runs, ctrl_c_after
from .test_not_finite import strike

WRITES = ((Run, "add_metrics"), (State, "save"), (Run, "save_weights"))


@contextmanager
def writes(cut_at: int = 0) -> Iterator[Counter[str]]:
    """Counts what is written of a run, by name; number ``cut_at`` (from 1) is not: a power cut."""
    done: Counter[str] = Counter()

    def counted(name: str, write: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **options: Any) -> None:
            if done.total() + 1 == cut_at:
                raise RuntimeError("power cut")
            done[name] += 1
            write(*args, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        yield done


def checkpoint_epoch(run: Run) -> int:
    return load_tensors(run.checkpoint, "checkpoint").state["epoch"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes between two looks at the clock, of which there is one an epoch."""
    seconds = count()
    monkeypatch.setattr(saving, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))


FEW = (5, 8, 13)
"""Writes that do not come: best weights of an earlier epoch than their checkpoint's; a checkpoint
after two lines; the last weights.
"""


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "cuts", [FEW, pytest.param(sorted({*range(1, 15)} - {*FEW}), marks=pytest.mark.slow)]
)
def test_cut_before_any_write_and_resumed_is_bit_equal(cuts, new_run, small, blobs) -> None:
    """The learning rate is so high that the best epoch is not always the checkpoint's."""
    options = {"epochs": 6, "learning_rate": 0.1, "batch_size": 32, "dropout": 0.25}
    options |= {"ema": 0.3, "clip": 20.0, "checkpoint_seconds": 2}
    options |= {"kernels": "pytorch"}  # whose dropout makes these epochs the best
    whole = new_run(small(**options), "whole")
    with writes() as done:
        train(whole, blobs)
    assert done == {"add_metrics": 6, "save": 4, "save_weights": 4}
    losses = [epoch.valid["loss_nats"] for epoch in whole.metrics()]
    assert [losses.index(min(losses[:n])) + 1 for n in (2, 4, 6)] == [1, 3, 5], "not the last ones"
    for number in cuts:
        cut = new_run(small(**options), f"cut-{number}")
        with writes(number), pytest.raises(RuntimeError, match="power cut"):
            train(cut, blobs)
        if cut.weights.exists():
            cut.load_model()
        cut.metrics()
        train(cut, blobs)
        assert_equal_runs(whole, cut)


def test_a_short_run_writes_at_its_beginning_and_end(new_run, small, blobs) -> None:
    run = new_run(small(epochs=5, checkpoint_seconds=60))
    with writes() as done:
        train(run, blobs)
    assert (done["add_metrics"], done["save"]) == (5, 2)
    assert done["save_weights"] == 2, "the best ones, and the same with what is fitted afterwards"
    assert checkpoint_epoch(run) == 5
    every = new_run(small(epochs=5), "every")
    train(every, blobs)
    assert_equal_runs(every, run)


def test_early_stopping_writes_the_end(new_run, small, blobs) -> None:
    options = {"epochs": 50, "early_stop": 1, "learning_rate": 0.05, "checkpoint_seconds": 60}
    run = new_run(small("ae", **options))
    train(run, blobs)
    assert len(run.metrics()) < 50
    state = load_tensors(run.checkpoint, "checkpoint").state
    assert (state["finished"], state["epoch"]) == (True, len(run.metrics()))


def test_ctrl_c_writes_the_checkpoint_and_the_best_weights(new_run, small, blobs) -> None:
    run, whole = (new_run(small(epochs=4, checkpoint_seconds=60), n) for n in ("run", "whole"))
    train(whole, blobs)
    with pytest.raises(Interrupted):
        train(run, blobs, [ctrl_c_after(3, 2)])
    state = load_tensors(run.checkpoint, "checkpoint").state
    assert (state["epoch"], state["batch"]) == (2, 2)
    assert run.weights_epoch() == state["best_epoch"] > 0
    train(run, blobs)
    assert_equal_runs(whole, run)


def test_a_nan_loss_leaves_the_best_weights(new_run, small, blobs) -> None:
    """They are newer than the checkpoint. Resumed from there, the run ends as without the NaN."""
    run, whole = (new_run(small(epochs=4, checkpoint_seconds=60), n) for n in ("run", "whole"))
    train(whole, blobs)
    with pytest.raises(NotFiniteError, match="The good weights of epoch 2 are in "):
        train(run, blobs, [strike(3, 2)])
    assert (run.weights_epoch(), checkpoint_epoch(run), len(run.metrics())) == (2, 0, 2)
    assert run.load_model() is not None
    train(run, blobs)
    assert_equal_runs(whole, run)


def test_a_run_that_backs_off_has_a_checkpoint_of_every_epoch(new_run, small, blobs) -> None:
    """Or the time that its steps took would decide where it continues."""
    run = new_run(small(epochs=4, checkpoint_seconds=60, on_nan="backoff"))
    train(run, blobs, [strike(3, 2)])
    assert [line.backoffs for line in run.metrics()] == [0, 0, 1, 1]


def as_before(run: Run, options: tuple[str, ...]) -> None:
    """The checkpoint as a version wrote it that had neither these options nor best weights."""
    saved = load_tensors(run.checkpoint, "checkpoint")
    for name in options:
        del saved.state["of"]["training"][name]
    kept = {name: t for name, t in saved.tensors.items() if not name.startswith("best.")}
    save_tensors(run.checkpoint, kept, "checkpoint", saved.state)


def test_a_checkpoint_of_an_earlier_version_resumes(new_run, small, blobs) -> None:
    run, whole = (new_run(small(epochs=4), name) for name in ("run", "whole"))
    train(whole, blobs)
    with pytest.raises(Interrupted):
        train(run, blobs, [ctrl_c_after(3, 2)])
    as_before(run, ("ema", "clip"))
    good = run.weights.read_bytes()
    run.weights.unlink()
    with pytest.raises(RunError, match=r"must be of the best epoch so far, 2, got no file\. Fix: "):
        train(run, blobs)
    run.weights.write_bytes(good)
    train(run, blobs)
    assert_equal_runs(whole, run)


def test_a_configuration_of_an_earlier_version_has_the_defaults(new_run, small, blobs) -> None:
    import json

    run = new_run(small(epochs=1))
    train(run, blobs)
    file = run.path / "config.json"
    record = json.loads(file.read_text())
    new = ("ema", "clip", "clip_spikes", "accumulate", "checkpoint_seconds")
    record["training"] = {k: v for k, v in record["training"].items() if k not in new}
    del record["digest"]
    file.write_text(json.dumps(record))
    opened = Run.open(run.path)
    assert opened.config.training == replace(run.config.training, checkpoint_seconds=60.0)
    assert all(torch.isfinite(t).all() for t in opened.load_model().parameters())


def test_the_result_is_written_last(small, new_run, blobs, monkeypatch) -> None:
    """A run that is stopped while its prior is fitted is not finished, and fits it when resumed."""
    run = new_run(small("ae", epochs=1, fitted_prior="gaussian"))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(result, "fit_run_prior", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(run, blobs)
    assert not run.is_finished
    train(run, blobs)
    assert run.is_finished
    assert run.load_model().prior.kind == "gaussian"


def test_a_prior_chosen_afterwards_is_kept_when_a_run_is_measured_again(
    small, new_run, blobs
) -> None:
    run = new_run(small("ae", epochs=1, fitted_prior="gaussian"))
    train(run, blobs)
    fit_run_prior(run, blobs, "mixture")
    train(run, blobs)
    assert run.load_model().prior.kind == "mixture"
    longer = run.extended(2)
    train(longer, blobs)
    assert longer.load_model().prior.kind == "gaussian"


def test_what_exports_write_at_the_same_time_is_left_alone(small, new_run, blobs) -> None:
    """They have no lock. What a killed process left of the run's own files goes."""
    run = new_run(small(epochs=1))
    writing = run.path / "export" / ".unfinished-samples.abcdefgh"
    writing.mkdir(parents=True)
    (writing / "0.png").write_bytes(b"half")
    left = run.path / ".unfinished-metrics.jsonl.abc"
    left.write_bytes(b"half")
    train(run, blobs)
    assert (writing / "0.png").exists()
    assert not left.exists()


def test_the_mean_image_is_taken_in_parts(blobs, monkeypatch) -> None:
    seen = []

    class Watched(HostFeed):
        def batch(self, numbers):
            seen.append(len(numbers))
            return super().batch(numbers)

    split = blobs.splits["train"]
    feed = Watched(blobs, split, torch.device("cpu"), ahead=False)
    monkeypatch.setattr(start, "AT_ONCE", 7)
    found = start._mean_image(feed, len(split))
    mean = blobs.split_images("train").astype(float).mean(0) / 255
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), mean, atol=1e-6)
    assert max(seen) == 7
