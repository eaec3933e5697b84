"""A training process that is killed outright loses nothing but the epoch under way."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reparam.data import ImageSet
from reparam.runs import Run, load_tensors
from reparam.training import train

from .killed import go_on, go_on_until, start
from .resuming import assert_equal_runs


def train_and_kill(run: Run, moment: float) -> bool:
    """Trains in a process of its own, and kills it ``moment`` seconds after its first checkpoint.

    Whether the kill came before the end.
    """
    before = run.checkpoint.stat().st_mtime_ns if run.checkpoint.exists() else 0
    process = start(go_on, run.path)
    deadline = time.monotonic() + 60
    while process.is_alive() and time.monotonic() < deadline:
        if run.checkpoint.exists() and run.checkpoint.stat().st_mtime_ns != before:
            break
        time.sleep(0.005)
    time.sleep(moment)
    process.kill()
    process.join()
    return process.exitcode != 0


def kill_often(
    times: int,
    make: Callable[[str, int], Run],
    blobs: ImageSet,
    longest_wait: float,
    epochs: int,
) -> None:
    whole, killed = make("whole", epochs), make("killed", epochs)
    train(whole, blobs)
    rng = random.Random(0)
    cut = sum(train_and_kill(killed, rng.uniform(0, longest_wait)) for _ in range(times))
    assert cut >= times // 2, "the run was over before it could be killed"
    train(killed, blobs)
    assert_equal_runs(whole, killed)


FAULTS = {
    "no line": ("open", "metrics.jsonl", 0),
    "half a line": ("open", "metrics.jsonl", 100),
    "line there, no checkpoint": ("tempfile.mkstemp", "last.safetensors", 0),
    "half a checkpoint": ("tempfile.mkstemp", "last.safetensors", 0.5),
    "checkpoint whole, not renamed": ("os.rename", "/last.safetensors", 0),
    "weights whole, not renamed": ("os.rename", "/model.safetensors", 0),
}
"""Where a process is killed: when Python does something (an audit event) to a file; at once, or as
soon as it has written so much more of it (in bytes, or as a share)."""


def train_until(run: Run, fault: str, skipped: int) -> None:
    """Trains in a process of its own, which dies at a fault, after so many that it survived."""
    event, name, room = FAULTS[fault]
    file = run.metrics_file if "metrics" in name else run.checkpoint
    size = file.stat().st_size if file.exists() else 0
    if isinstance(room, float):
        room = int(room * (size or run.weights.stat().st_size))
    elif room:
        line = len(file.read_bytes().splitlines(keepends=True)[-1])
        room = size + skipped * line + room
    process = start(go_on_until, run.path, event, name, skipped, room)
    process.join()
    assert process.exitcode == -(signal.SIGXFSZ if room else signal.SIGKILL)
    left = [path for path in run.path.rglob(".unfinished-*") if "last" in path.name]
    match fault:
        case "half a line":
            assert not run.metrics_file.read_text().endswith("\n")
        case "half a checkpoint":
            assert [path.stat().st_size for path in left] == [room]
        case "checkpoint whole, not renamed":
            assert load_tensors(left[0], "checkpoint").state["epoch"] == len(run.metrics())


def kill_in_writing(make: Callable[[str, int], Run], skipped: int, blobs: ImageSet) -> None:
    """One run that dies before its first epoch's checkpoint, and then at every fault in turn."""
    epochs = len(FAULTS) * skipped + 2
    whole, killed = make("whole", epochs), make("killed", epochs)
    train(whole, blobs)
    train_until(killed, "no line", 0)
    assert load_tensors(killed.checkpoint, "checkpoint").state["epoch"] == 0
    for fault in FAULTS:
        train_until(killed, fault, skipped)
    assert killed.result() is None
    train(killed, blobs)
    assert_equal_runs(whole, killed)


@pytest.fixture
def make(small, blobs: ImageSet, tmp_path: Path) -> Callable[[str, int], Run]:
    """Runs on images in a file, which another process can find."""
    import numpy as np

    from reparam.data import load_images

    np.savez(tmp_path / "blobs.npz", images=blobs.images, labels=blobs.labels)

    def create(name: str, epochs: int) -> Run:
        config = small(epochs=epochs, dropout=0.25)
        data = replace(config.data, source=str(tmp_path / "blobs.npz"))
        config = replace(config, data=data)
        images = load_images(data)
        return Run.create(tmp_path / name, config, images, command="test", overwrite=False)

    return create


def test_killed_and_resumed_is_bit_equal(make, tmp_path: Path) -> None:
    from reparam.data import DataConfig, load_images

    images = load_images(DataConfig(str(tmp_path / "blobs.npz")))
    kill_often(2, make, images, longest_wait=0.3, epochs=100)


@pytest.mark.slow
def test_killed_at_twenty_moments_and_resumed_is_bit_equal(make, tmp_path: Path) -> None:
    from reparam.data import DataConfig, load_images

    images = load_images(DataConfig(str(tmp_path / "blobs.npz")))
    kill_often(20, make, images, longest_wait=0.15, epochs=400)


@pytest.mark.parametrize("skipped", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_killed_while_writing_is_bit_equal(make, skipped: int, tmp_path: Path) -> None:
    """Half a checkpoint, a whole one that has no name yet, weights without it, half a line, ..."""
    pytest.importorskip("resource", reason="limits of file sizes are Unix's")
    from reparam.data import DataConfig, load_images

    images = load_images(DataConfig(str(tmp_path / "blobs.npz")))
    kill_in_writing(make, skipped, images)
