"""A recorded step is the step: its twin on the CPU, which replays by doing it again."""

from collections.abc import Callable

import pytest
import torch

from reparam.data import Batch
from reparam.runs import load_tensors
from reparam.training import train
from reparam.training.loop import _Training
from reparam.training.step import ReplayedGradients
from reparam.training.team import assemble_one


def twin(training: _Training) -> Callable[..., Callable[[], None]]:
    """Records like a CUDA graph: the same memory is read, and written, at every replay."""
    parameters = list(training.state.loss.parameters())

    def record(function: Callable[[], None], noise: torch.Generator) -> Callable[[], None]:
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


@pytest.mark.parametrize("options", [{}, {"weight": "auto", "free_bits": 0.1}, {"target_rate": 3}])
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
