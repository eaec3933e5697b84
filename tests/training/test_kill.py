"""A training process that is killed outright loses nothing but the epoch under way."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from reparam.data import ImageSet
from reparam.training import Run, train

SCRIPT = """
import sys
from pathlib import Path
from reparam.training import Run, train
run = Run.open(Path(sys.argv[1]))
train(run, run.images())
"""


def train_and_kill(run: Run, moment: float) -> bool:
    """Trains in a process of its own, and kills it ``moment`` seconds after its first checkpoint.

    Whether the kill came before the end.
    """
    before = run.checkpoint.stat().st_mtime_ns if run.checkpoint.exists() else 0
    # The same number of threads as here: another one sums in another order.
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(run.path)])
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if run.checkpoint.exists() and run.checkpoint.stat().st_mtime_ns != before:
            break
        time.sleep(0.005)
    time.sleep(moment)
    process.kill()
    return process.wait() != 0


def kill_often(
    times: int, make: Callable[[str], Run], blobs: ImageSet, longest_wait: float
) -> None:
    whole, killed = make("whole"), make("killed")
    train(whole, blobs)
    rng = random.Random(0)
    cut = sum(train_and_kill(killed, rng.uniform(0, longest_wait)) for _ in range(times))
    assert cut >= times // 2, "the run was over before it could be killed"
    train(killed, blobs)
    a, b = load_file(whole.weights), load_file(killed.weights)
    assert all(torch.equal(a[k], b[k]) for k in a)
    epochs = [line["epoch"] for line in killed.metrics()]
    assert epochs == list(range(1, len(epochs) + 1))
    assert not list(killed.path.rglob(".*")), "what a killed write left behind is cleared away"


@pytest.fixture
def make(small, blobs: ImageSet, tmp_path: Path) -> Callable[[str], Run]:
    """Runs on images in a file, which another process can find."""
    from dataclasses import replace

    import numpy as np

    from reparam.data import load_images

    np.savez(tmp_path / "blobs.npz", images=blobs.images, labels=blobs.labels)

    def create(name: str, epochs: int = 400) -> Run:
        config = small(epochs=epochs, dropout=0.25)
        data = replace(config.data, source=str(tmp_path / "blobs.npz"))
        config = replace(config, data=data)
        images = load_images(data)
        return Run.create(tmp_path / name, config, images, command="test", overwrite=False)

    return create


def test_killed_and_resumed_is_bit_equal(make, tmp_path: Path) -> None:
    from reparam.data import DataConfig, load_images

    images = load_images(DataConfig(str(tmp_path / "blobs.npz")))
    kill_often(2, make, images, longest_wait=0.3)


@pytest.mark.slow
def test_killed_at_twenty_moments_and_resumed_is_bit_equal(make, tmp_path: Path) -> None:
    from reparam.data import DataConfig, load_images

    images = load_images(DataConfig(str(tmp_path / "blobs.npz")))
    kill_often(20, make, images, longest_wait=0.15)
