"""A recorded step is the step: its twin on the CPU, which replays by doing it again."""

from collections.abc import Callable

import pytest
import torch

from reparam.data import Batch
from reparam.runs import load_tensors
from reparam.training import Event, StepDone, train
from reparam.training.assembling import assemble_one
from reparam.training.loop import _Training
from reparam.training.step import ReplayedGradients

from .test_not_finite import strike


def twin(training: _Training) -> Callable[..., Callable[[], None]]:
    """Records like a CUDA graph: the same memory is read, and written, at every replay."""
    loss = training.state.loss

    def record(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
        waiting = set(loss.waiting_parameters(training.gradients.gradients.waiting))  # type: ignore[union-attr]
        parameters = [p for p in loss.parameters() if p not in waiting]
        for parameter in parameters:
            parameter.grad = torch.full_like(parameter, float("nan"))
        written = [parameter.grad for parameter in parameters]

        def replay() -> None:
            for parameter in parameters:
                parameter.grad = None
            function()
            for parameter, memory in zip(parameters, written, strict=True):
                assert memory is not None
                assert parameter.grad is not None
                memory.copy_(parameter.grad)
                parameter.grad = None  # a graph does not know of this name

        return replay

    return record


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": "auto", "free_bits": 0.1},
        {"target_rate": 3},
        {"ema": 0.9, "clip": 1.0, "clip_spikes": 1.5, "accumulate": 3},
        {"terms": ["adversarial"], "adversarial_channels": [8]},
    ],
)
def test_replayed_steps_are_the_usual_steps(options, new_run, small, blobs, monkeypatch) -> None:
    plain = new_run(small(epochs=3, batch_size=7, **options))
    train(plain, blobs)
    usual = _Training.__init__
    replays = []

    def replaying(self: _Training, *args: object) -> None:
        usual(self, *args)  # type: ignore[arg-type]
        gradients = ReplayedGradients(self.gradients, 7, twin(self))  # type: ignore[arg-type]
        self.gradients = gradients
        replays.append(gradients)

    monkeypatch.setattr(_Training, "__init__", replaying)
    replayed = new_run(small(epochs=3, batch_size=7, **options), "replayed")
    train(replayed, blobs)
    assert replays[0].replay is not None
    assert replays[0].taken > 3  # the short batches at the epochs' ends went the usual way
    expected = load_tensors(plain.weights, "model").tensors
    found = load_tensors(replayed.weights, "model").tensors
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("epoch", [1, 2], ids=["the initial weights", "an epoch's end"])
def test_replayed_steps_survive_going_back(epoch, new_run, small, blobs, monkeypatch) -> None:
    """What was recorded still writes to the sums, weights and averages that the loop reads."""
    usual = _Training.__init__
    sums: list[tuple[int, int]] = []

    def replaying(self: _Training, *args: object) -> None:
        usual(self, *args)  # type: ignore[arg-type]
        self.gradients = ReplayedGradients(self.gradients, 7, twin(self))  # type: ignore[arg-type]

        def note(event: Event) -> None:
            if isinstance(event, StepDone):
                values = self.state.sums
                sums.append((values.values.data_ptr(), values.good.data_ptr()))

        self.listeners = [*self.listeners, note]

    options = {"epochs": 3, "batch_size": 7, "on_nan": "backoff", "target_rate": 3.0}
    plain, replayed = (new_run(small(**options), name) for name in ("plain", "replayed"))
    train(plain, blobs, [strike(epoch, 6)])
    monkeypatch.setattr(_Training, "__init__", replaying)
    train(replayed, blobs, [strike(epoch, 6)])
    assert replayed.finished("it is").backoffs == 1
    assert len(set(sums)) == 1
    expected, found = (load_tensors(run.checkpoint, "checkpoint") for run in (plain, replayed))
    assert all(torch.equal(found.tensors[n], expected.tensors[n]) for n in expected.tensors)


def test_a_step_that_cannot_be_recorded_is_taken_the_usual_way(
    new_run, small, blobs, monkeypatch
) -> None:
    plain = new_run(small(epochs=1, batch_size=7))
    train(plain, blobs)
    usual = _Training.__init__

    def refuse(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    def refused(self: _Training, *args: object) -> None:
        usual(self, *args)  # type: ignore[arg-type]
        self.gradients = ReplayedGradients(self.gradients, 7, refuse)  # type: ignore[arg-type]

    monkeypatch.setattr(_Training, "__init__", refused)
    run = new_run(small(epochs=1, batch_size=7), "refused")
    with pytest.warns(UserWarning, match=r"\(operation .* capturing\); training continues"):
        train(run, blobs)
    expected = load_tensors(plain.weights, "model").tensors
    found = load_tensors(run.weights, "model").tensors
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_images_reach_the_loss_as_they_are(precision, new_run, small, blobs) -> None:
    """Networks may compute in bfloat16; what a decoding is compared with has 256 grey levels."""
    run = new_run(small(precision=precision))
    training = _Training(run, blobs, (), assemble_one(run.config.training))
    seen: list[Batch] = []
    training.state.loss.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    numbers = torch.arange(7)
    training.gradients(training.feed.batch(numbers), 7, training.plan(0))
    (batch,) = seen
    index = blobs.splits["train"][:7]
    expected = torch.from_numpy(blobs.images[index]).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(batch.images, expected)
    assert batch.labels is not None
    assert batch.labels.tolist() == blobs.labels[index].tolist()
    assert batch.index.tolist() == index.tolist()
