"""The demo's last line, pasted into a shell, opens the page with the demo's models."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from .driver import Explorer

LAST_LINE = "to move through both latent spaces: "


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where somebody works: 60 images of 12 × 12 and nothing else."""
    folder = tmp_path / "a place"
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (60, 12, 12), dtype=np.uint8)
    labels = np.arange(60) % 2
    images[labels == 0, 2:5] = 230
    images[labels == 1, :, 7:9] = 230
    np.savez(folder / "images.npz", images=images, labels=labels)
    return folder


def environment() -> dict[str, str]:
    """With the system's programs on the PATH, and not this one: the venv is not active."""
    return {**os.environ, "PATH": os.defpath}


@contextmanager
def pasted(line: str, place: Path) -> Iterator[str]:
    """The command in a shell, without a browser of its own; gives the address that it prints."""
    process = subprocess.Popen(
        f"{line} --no-browser",
        shell=True,
        cwd=place,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the shell and what it started
        process.communicate()


def test_the_last_line_opens_the_page(explorer: Explorer, place: Path) -> None:
    script = Path(sys.executable).parent / "reparam"
    if not script.exists():
        pytest.skip("reparam is not installed as a command beside this Python")
    few = ("--test-fraction", "0.1", "--valid-fraction", "0")
    words = [os.path.relpath(script, place), "demo", "images.npz", "--out", "my demo", *few]
    demo = subprocess.run(words, cwd=place, env=environment(), capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    last = demo.stderr.splitlines()[-1]
    assert last.startswith(LAST_LINE)
    with pasted(last.removeprefix(LAST_LINE), place) as address:
        page = explorer.open(address, run="ae", pair="vae")
        page.until("reparam.runs().length === 2")
        for run in ("ae", "vae"):
            assert page.page.locator(f'.map[data-run="{run}"]').is_visible()
            image = np.array(page.until("reparam.decoded(argument)", run)["image"])
            assert image.size == 12 * 12
            assert np.ptp(image) > 0.2  # a picture, and no even grey
