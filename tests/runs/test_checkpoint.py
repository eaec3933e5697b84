"""A checkpoint that is damaged, foreign or not ours is refused by name."""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from reparam.data import ImageSet
from reparam.errors import ConfigError, RunError
from reparam.runs import Run, Tensors, load_tensors, save_tensors
from reparam.training import EpochDone, Event, Interrupted, StepDone, train


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


@pytest.fixture
def trained(new_run, small, blobs) -> Run:
    run = new_run(small(epochs=2), "trained")
    train(run, blobs)
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
        (
            {"latent_dim": 3},
            "different run than config.json: model.latent_dim differs, 3 there and 2 here",
        ),
        ({"seed": 1}, "different run than config.json: seed differs, 1 there and 0 here"),
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


def test_an_equal_runs_is_taken(begun: Run, blobs) -> None:
    """More epochs planned, no samples: the same run."""
    training = replace(begun.config.training, epochs=3, sample_every=0)
    train(replace(begun, config=replace(begun.config, training=training)), blobs)
    assert [epoch.epoch for epoch in begun.metrics()] == [1, 2, 3]


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


def edit_record(run: Run, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes config.json on purpose, as its error says one may."""
    file = run.path / "config.json"
    record = json.loads(file.read_text())
    del record["digest"]
    change(record)
    file.write_text(json.dumps(record))


@pytest.mark.parametrize("latent_dim", [10**12, 10**30])
def test_sizes_beyond_memory_are_refused(begun: Run, latent_dim: int) -> None:
    edit_record(begun, lambda record: record["model"].update(latent_dim=latent_dim))
    with pytest.raises(ConfigError, match="a model must fit into memory"):
        Run.open(begun.path).load_model()


@pytest.mark.parametrize(
    "change",
    [
        {"image_shape": [-1, 8, 1]},
        {"image_shape": [float("inf"), 8, 1]},
        {"image_shape": [8, 8, 1, 1]},
        {"image_shape": [8, 8, True]},
        {"class_names": ["a", 1]},
        {"versions": None},
        {"plugins": None},
    ],
)
def test_facts_of_another_kind_are_refused(begun: Run, change: dict[str, Any]) -> None:
    edit_record(begun, lambda record: record.update(change))
    with pytest.raises(RunError, match=r"config\.json must hold what reparam wrote"):
        Run.open(begun.path)


@pytest.mark.parametrize("text", [DEEP, '{"epochs": "x"}', "[1]", "{}"])
def test_a_result_of_another_kind_is_refused(begun: Run, text: str) -> None:
    (begun.path / "result.json").write_text(text)
    with pytest.raises(RunError, match=r"result\.json"):
        begun.result()


def test_a_configuration_that_was_changed_is_refused_unless_on_purpose(trained: Run) -> None:
    file = trained.path / "config.json"
    z = trained.load_model().decode(torch.zeros(1, 2))
    file.write_text(file.read_text().replace('"leaky_slope": 0.3', '"leaky_slope": 0.7'))
    with pytest.raises(RunError, match=r"changed since it was written\. Fix: .* its line \"digest"):
        Run.open(trained.path)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if '"digest"' not in line))
    edited = Run.open(trained.path)
    assert not torch.equal(edited.load_model().decode(torch.zeros(1, 2)), z)
    assert len(edited.metrics()) == edited.finished("").epochs == 2
    edited.extended(3)
    assert Run.open(trained.path).unchecked


def read_all_and_go_on(folder: Path, images: ImageSet) -> None:
    run = Run.open(folder)
    run.metrics()
    run.load_model()
    train(run.extended(3), images)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.safetensors", "belongs to a different run than config.json: seed differs, 1 there"),
        ("checkpoints/last.safetensors", "belongs to a different run than config.json: seed"),
        ("metrics.jsonl", "line 1 does not belong to the run's config.json"),
        ("result.json", "does not belong to the run's config.json"),
    ],
)
def test_a_file_of_another_run_is_refused(
    trained: Run, new_run, small, blobs, name: str, expected: str
) -> None:
    other = new_run(small(epochs=3, seed=1), "other")
    train(other, blobs)
    (trained.path / name).write_bytes((other.path / name).read_bytes())
    with pytest.raises(RunError, match=f"{name}.*{expected}"):
        read_all_and_go_on(trained.path, blobs)


def test_weights_of_another_epoch_than_the_result_are_refused(trained: Run) -> None:
    trained.save_model(trained.load_model(), epoch=7)
    with pytest.raises(RunError, match=r"must be of the best epoch, \d in result\.json, got 7"):
        trained.load_model()


def test_older_weights_are_replaced_by_the_checkpoints(new_run, small, blobs) -> None:
    """Also where it is of a later epoch than the best one."""
    run, whole = new_run(small(epochs=4)), new_run(small(epochs=4), "whole")
    train(whole, blobs)
    older: list[bytes] = []
    batches = iter((2, 3, 4))

    def stop(event: Event) -> None:
        if isinstance(event, EpochDone):
            older.append(run.weights.read_bytes())
        if isinstance(event, StepDone) and (event.epoch, event.batch) == (4, batch):
            os.kill(os.getpid(), signal.SIGINT)

    for damage in (lambda: None, lambda: run.weights.write_bytes(older[0]), run.weights.unlink):
        damage()
        batch = next(batches)
        with pytest.raises(Interrupted):
            train(run, blobs, [stop])
        assert run.weights.read_bytes() == older[2]
    train(run, blobs)
    assert run.weights.read_bytes() == whole.weights.read_bytes()


def test_weights_that_were_not_written_are_those_of_the_checkpoint(new_run, small, blobs) -> None:
    run, whole = new_run(small(epochs=2)), new_run(small(epochs=2), "whole")
    train(whole, blobs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save_weights", power_cut_in_epoch_2(Run.save_weights))
        with pytest.raises(RuntimeError, match="power cut"):
            train(run, blobs)
    assert (run.weights_epoch(), len(run.metrics())) == (1, 2)
    train(run, blobs)
    assert run.weights.read_bytes() == whole.weights.read_bytes()


def power_cut_in_epoch_2(save: Callable[..., None]) -> Callable[..., None]:
    def cut(run: Run, weights: Tensors, *, epoch: int) -> None:
        if epoch == 2:
            raise RuntimeError("power cut")
        save(run, weights, epoch=epoch)

    return cut


@pytest.mark.parametrize("name", ["config.json", "result.json", "metrics.jsonl"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_regular_file_is_refused(trained: Run, name: str, kind: str) -> None:
    """A pipe would be waited for."""
    file = trained.path / name
    file.unlink()
    os.mkfifo(file) if kind == "pipe" else file.mkdir()
    with pytest.raises(RunError, match=rf"{name}: must be a (regular )?file, got a {kind}"):
        Run.open(trained.path).metrics()


@pytest.mark.parametrize("name", ["config.json", "result.json", "metrics.jsonl"])
def test_nesting_of_any_depth_is_refused(trained: Run, name: str) -> None:
    """Also where Python can still read it, and not write it again."""
    limit = sys.getrecursionlimit()
    for depth in range(limit - 200, limit, 3):
        (trained.path / name).write_text(
            f'{{"digest": "", "format": 2, "x": {"[" * depth}{"]" * depth}}}\n'
        )
        with pytest.raises(RunError, match=name):
            Run.open(trained.path).metrics()


def test_a_run_without_metrics_still_gives_its_model(trained: Run, blobs) -> None:
    trained.metrics_file.unlink()
    assert trained.metrics() == []
    trained.load_model()
    with pytest.raises(RunError, match="must have a line for each of 2 epochs, got none"):
        train(trained.extended(3), blobs)


def test_weights_that_name_no_run_are_refused(trained: Run) -> None:
    """As a run of an earlier version has them: nothing says that they are of this one."""
    saved = load_tensors(trained.weights, "model")
    save_tensors(trained.weights, saved.tensors, "model", {"epoch": saved.state["epoch"]})
    with pytest.raises(RunError, match="does not say of which run it is"):
        trained.load_model()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_of_any_layout_are_saved(tmp_path: Path, dtype: torch.dtype) -> None:
    table = torch.arange(12).reshape(4, 3).to(dtype)
    several = {"column": table[:, 1], "one": table[:1, 1], "scalar": table[2, 1], "none": table[:0]}
    save_tensors(tmp_path / "t.safetensors", several, "scorecard", {})
    found = load_tensors(tmp_path / "t.safetensors", "scorecard").tensors
    assert all(torch.equal(found[name], tensor) for name, tensor in several.items())
