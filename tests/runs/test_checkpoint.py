"""A checkpoint that is damaged, foreign or not ours is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reparam.errors import ConfigError, RunError
from reparam.runs import Run, load_tensors, save_tensors
from reparam.training import EpochDone, Event, StepDone, train


@pytest.fixture
def begun(new_run, small, blobs) -> Run:
    """A run that a power cut ended after its first epoch."""
    run = new_run(small(epochs=2, dropout=0.25))

    def stop(event: Event) -> None:
        if isinstance(event, EpochDone):
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(run, blobs, [stop])
    return run


@pytest.mark.parametrize("kept", ["weights", "metrics"])
def test_a_lost_one_does_not_replace_what_was_trained(begun: Run, blobs, kept: str) -> None:
    files = {"weights": begun.weights, "metrics": begun.metrics_file}
    for name, file in files.items():
        if name != kept:
            file.unlink()
    begun.checkpoint.unlink()
    before = files[kept].read_bytes()
    with pytest.raises(RunError, match=rf"missing beside {files[kept].name}, .* Fix: restore"):
        train(begun, blobs)
    assert files[kept].read_bytes() == before


def test_training_begins_with_a_checkpoint(new_run, small, blobs) -> None:
    """So that one that is missing later has been lost, and a run killed early resumes."""

    def stop(event: Event) -> None:
        if isinstance(event, StepDone):
            raise RuntimeError("power cut")

    run, whole = new_run(small(epochs=2, dropout=0.25)), new_run(small(epochs=2, dropout=0.25), "w")
    train(whole, blobs)
    with pytest.raises(RuntimeError, match="power cut"):
        train(run, blobs, [stop])
    assert load_tensors(run.checkpoint, "checkpoint").state["epoch"] == 0
    train(run, blobs)
    assert run.weights.read_bytes() == whole.weights.read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_cut_short(begun: Run, blobs, share: float) -> None:
    data = begun.checkpoint.read_bytes()
    begun.checkpoint.write_bytes(data[: int(share * len(data))])
    with pytest.raises(RunError, match=r"last\.safetensors: damaged"):
        train(begun, blobs)


def test_one_bit_flipped_anywhere_is_noticed(begun: Run) -> None:
    """Every bit of the header's beginning and end, and 200 bits of the values."""
    data = bytearray(begun.checkpoint.read_bytes())
    values = 8 + int.from_bytes(data[:8], "little")
    rng = np.random.default_rng(0)
    places = [*range(80), *range(values - 80, values), *rng.integers(values, len(data), 200)]
    saved = load_tensors(begun.checkpoint, "checkpoint")
    for place in places:
        bit = 1 << int(rng.integers(8))
        data[place] ^= bit
        begun.checkpoint.write_bytes(data)
        data[place] ^= bit
        try:
            found = load_tensors(begun.checkpoint, "checkpoint")
        except RunError:
            continue
        assert found.state == saved.state, "a bit in the blanks that fill the header up"
        assert found.tensors.keys() == saved.tensors.keys()
        assert all(torch.equal(found.tensors[n], saved.tensors[n]) for n in saved.tensors)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"latent_dim": 3}, "different run: model.latent_dim differs, 3 there and 2 here"),
        ({"seed": 1}, "different run: seed differs, 1 there and 0 here"),
        (
            {"learning_rate": 0.002},
            "training.learning_rate differs, 0.002 there and 0.001 here",
        ),
    ],
    ids=["networks", "seed", "rate"],
)
def test_another_runs(begun: Run, new_run, small, blobs, options, expected) -> None:
    other = new_run(small(**{"epochs": 1, "dropout": 0.25} | options), "other")
    train(other, blobs)
    begun.checkpoint.write_bytes(other.checkpoint.read_bytes())
    with pytest.raises(RunError, match=rf"last\.safetensors: .*{expected}"):
        train(begun, blobs)


def test_an_equal_runs_is_taken(begun: Run, new_run, small, blobs) -> None:
    """Another folder, more epochs planned, another precision: the same run."""
    copy = new_run(small(epochs=3, dropout=0.25, sample_every=0), "copy")
    copy.checkpoint.parent.mkdir()
    copy.checkpoint.write_bytes(begun.checkpoint.read_bytes())
    train(copy, blobs)
    assert [epoch.epoch for epoch in copy.metrics()] == [2, 3]


def test_another_kind_or_another_programs(begun: Run, blobs) -> None:
    weights = begun.weights.read_bytes()
    begun.checkpoint.write_bytes(weights)
    with pytest.raises(
        RunError, match=r"last\.safetensors must be a reparam checkpoint, got model"
    ):
        train(begun, blobs)
    save_file({"x": torch.zeros(2)}, begun.checkpoint)
    with pytest.raises(RunError, match="got a file of another program"):
        train(begun, blobs)


def test_a_newer_format(begun: Run, blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = load_tensors(begun.checkpoint, "checkpoint")
    with monkeypatch.context() as patch:
        patch.setattr("reparam.runs.weights.FORMAT", 99)
        save_tensors(begun.checkpoint, saved.tensors, "checkpoint", saved.state)
    with pytest.raises(RunError, match=r"last\.safetensors: .* got 99: written by a newer"):
        train(begun, blobs)


def test_a_pickle_is_never_loaded(begun: Run, blobs, tmp_path) -> None:
    """A file that would run a command if anybody unpickled it."""
    victim = tmp_path / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (victim.write_text, ("boom",))

    torch.save(Bomb(), begun.checkpoint)
    with pytest.raises(RunError, match=r"last\.safetensors: damaged or not a safetensors file"):
        train(begun, blobs)
    assert not victim.exists()


DEEP = "[" * 100_000 + "]" * 100_000


def rewrite_header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The file with another JSON text beside its tensors."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    found = change(json.loads(header["__metadata__"]["reparam"]))
    header["__metadata__"]["reparam"] = found if isinstance(found, str) else json.dumps(found)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


@pytest.mark.parametrize(
    "change",
    [
        lambda header: DEEP,
        lambda header: [1],
        lambda header: {**header, "state": None},
        lambda header: {name: value for name, value in header.items() if name != "state"},
    ],
    ids=["deep", "list", "null", "without state"],
)
def test_a_header_of_another_kind_is_refused(begun: Run, change) -> None:
    rewrite_header(begun.weights, change)
    with pytest.raises(RunError, match=r"model\.safetensors: damaged"):
        begun.load_model()


@pytest.mark.parametrize("latent_dim", [10**12, 10**30])
def test_sizes_beyond_memory_are_refused(begun: Run, latent_dim: int) -> None:
    record = json.loads((begun.path / "config.json").read_text())
    record["model"]["latent_dim"] = latent_dim
    (begun.path / "config.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match="a model must fit into memory"):
        Run.open(begun.path).load_model()


@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": [-1, 8, 1]},
        {"image_shape": [float("inf"), 8, 1]},
        {"image_shape": [8, 8, 1, 1]},
        {"versions": None},
        {"plugins": None},
    ],
)
def test_facts_of_another_kind_are_refused(begun: Run, change: dict[str, Any]) -> None:
    record = json.loads((begun.path / "config.json").read_text())
    (begun.path / "config.json").write_text(json.dumps(record | change))
    with pytest.raises(RunError, match=r"config\.json must hold what reparam wrote"):
        Run.open(begun.path)


@pytest.mark.parametrize("text", [DEEP, '{"epochs": "x"}', "[1]", "{}"])
def test_a_result_of_another_kind_is_refused(begun: Run, text: str) -> None:
    (begun.path / "result.json").write_text(text)
    with pytest.raises(RunError, match=r"result\.json"):
        begun.result()
