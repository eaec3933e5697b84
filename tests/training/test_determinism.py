"""The same seed gives the same run, and what was set for that is put back."""

import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from reparam.errors import ConfigError
from reparam.training import train
from reparam.training.determinism import WORKSPACE, deterministic_algorithms, what_held

KINDS = {
    "vae": ("vae", {"dropout": 0.25, "batch_norm": True}),
    "dae": ("dae", {"dropout": 0.25, "corrupt": "salt-and-pepper"}),
    "gaussian": ("dae", {"corrupt": "gaussian", "precision": "bfloat16"}),
    "burda": ("burda", {"encoder_widths": [9], "optimiser": "muon"}),
    "asked for": ("vae", {"dropout": 0.25, "deterministic": True}),
}


def settings() -> tuple[object, ...]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        os.environ.get(WORKSPACE),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_same_command_is_twice_the_same_run(kind, new_run, small, blobs) -> None:
    """Every tensor of the checkpoint: weights, optimiser, random streams; and every loss."""
    preset, options = KINDS[kind]
    runs = [new_run(small(preset, epochs=2, **options), name) for name in ("a", "b")]
    before = settings()
    for i, run in enumerate(runs):
        torch.manual_seed(i)  # whatever else happened in this process
        train(run, blobs)
    assert settings() == before
    a, b = (load_file(run.checkpoint) for run in runs)
    assert all(a[k].numpy().tobytes() == b[k].numpy().tobytes() for k in a)
    lines = [[replace(epoch, seconds=0.0) for epoch in run.metrics()] for run in runs]
    assert lines[0] == lines[1]
    results = [run.finished("compared") for run in runs]
    assert results[0].splits["test"] == results[1].splits["test"]
    assert results[0].deterministic is True
    assert results[0].deterministic_reason.startswith("one process on a CPU, with ")


def test_asking_changes_no_number_on_a_cpu(new_run, small, blobs) -> None:
    runs = [new_run(small(epochs=1, dropout=0.25, deterministic=d), str(d)) for d in (True, False)]
    for run in runs:
        train(run, blobs)
    a, b = (load_file(run.weights) for run in runs)
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_it_is_on_inside_and_off_again_after_an_error() -> None:
    before = settings()
    inside = []

    def fail() -> None:
        with deterministic_algorithms(True):
            inside.append(settings())
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert inside == [(True, False, False, True, ":4096:8")]
    assert settings() == before
    with deterministic_algorithms(False):
        assert not torch.are_deterministic_algorithms_enabled()
    assert settings() == before


def test_a_part_without_a_deterministic_form_is_named() -> None:
    """A real one: put_ without accumulation."""
    place = torch.zeros(1, dtype=torch.int64)
    with (
        pytest.raises(ConfigError, match=r"--deterministic .*put_.* Fix: omit it"),
        deterministic_algorithms(True),
    ):
        torch.zeros(3).put_(place, torch.ones(1))


@pytest.mark.parametrize(
    ("asked", "device", "processes", "held"),
    [
        (False, "cpu", 1, True),
        (True, "cuda", 1, True),
        (False, "cuda", 1, False),
        (True, "cuda", 2, False),
        (False, "cpu", 2, False),
    ],
)
def test_what_held(asked: bool, device: str, processes: int, held: bool) -> None:
    assert what_held(asked, device, processes, "float32, own kernels")[0] is held
