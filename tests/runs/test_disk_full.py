"""A disk that fills up: a clear error, the last checkpoint intact, nothing half-written."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from reparam.data import ImageSet, load_images
from reparam.errors import DiskFullError
from reparam.runs import Run, RunConfig, append_line, load_tensors, write_atomically
from reparam.training import EpochDone, Event, train

resource = pytest.importorskip("resource", reason="limits of file sizes are Unix's")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting a small file system is not allowed here ({error})")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, left: int) -> None:
    """Leaves ``left`` bytes free."""
    (disk / "ballast").write_bytes(bytes(shutil.disk_usage(disk).free - left))


def on_file(config: RunConfig, images: ImageSet, folder: Path) -> RunConfig:
    """The configuration for the same images in a file, which a command can find again."""
    np.savez(folder / "blobs.npz", images=images.images, labels=images.labels)
    return replace(config, data=replace(config.data, source=str(folder / "blobs.npz")))


@pytest.mark.parametrize("left", [0, 40_960])
def test_a_full_disc_keeps_the_checkpoint(left, small, blobs, small_disk, tmp_path) -> None:
    """No space at all, but in a file's last block; space for the metrics, not for the checkpoint.

    The weights need less than the checkpoint, which was written before them.
    """
    config = on_file(small(epochs=4, dropout=0.25), blobs, tmp_path)
    images = load_images(config.data)
    whole = Run.create(tmp_path / "whole", config, images, command="", overwrite=False)
    train(whole, images)

    run = Run.create(small_disk / "run", config, images, command="", overwrite=False)

    def fill_up(event: Event) -> None:
        if isinstance(event, EpochDone) and event.metrics.epoch == 2:
            fill(small_disk, left)

    with pytest.raises(DiskFullError, match=r"last\.safetensors: .* bytes are needed") as error:
        train(run, images, [fill_up])
    assert str(run.path) in str(error.value)
    assert f"reparam resume {run.path}" in str(error.value)
    assert not list(run.path.rglob(".*")), "nothing half-written stays"
    assert load_tensors(run.checkpoint, "checkpoint").state["epoch"] == 2

    (small_disk / "ballast").unlink()
    train(run, images)
    a, b = load_file(whole.weights), load_file(run.weights)
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert [epoch.epoch for epoch in run.metrics()] == [1, 2, 3, 4]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from reparam.cli.main import main
sys.argv[1:] = sys.argv[2:]
sys.exit(main())
"""


def test_a_limit_ends_the_command_in_one_line(small, blobs, tmp_path) -> None:
    """No root needed: files may grow to 60 % of the checkpoint in the command's process."""
    # The limit would also end a compiler of kernels, which is told of in a line of its own.
    config = on_file(small(epochs=2, kernels="pytorch"), blobs, tmp_path)
    images = load_images(config.data)
    run = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    train(run, images)
    run.extended(4)
    checkpoint = run.checkpoint.read_bytes()
    limit = str(int(0.6 * len(checkpoint)))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, limit, "resume", str(run.path), "--quiet"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    line = lines[0]
    assert line.startswith("reparam: error: ")
    assert "last.safetensors: the disk is full" in line
    found = re.search(r"([\d,]+) bytes are needed", line)
    assert found is not None
    needed = int(found[1].replace(",", ""))
    assert needed == pytest.approx(len(checkpoint), abs=64), "the time taken has other digits"
    assert run.checkpoint.read_bytes() == checkpoint
    assert not list(run.path.rglob(".*"))


def test_a_cut_write_leaves_the_old_file(small_disk: Path) -> None:
    file, log = small_disk / "file", small_disk / "log"
    write_atomically(file, b"old")
    append_line(log, "first")
    fill(small_disk, 0)
    log.write_bytes(b"x" * 4090)  # the page of the line is full but for six bytes
    with pytest.raises(
        DiskFullError, match=r"file: the disk is full .* 9,000 bytes are needed, 0 are free"
    ):
        write_atomically(file, bytes(9000))
    with pytest.raises(DiskFullError, match="log: the disk is full"):
        append_line(log, "a line that is longer")
    assert file.read_bytes() == b"old"
    assert log.read_bytes() == b"x" * 4090
    assert sorted(p.name for p in small_disk.iterdir()) == ["ballast", "file", "log"]
