"""Tiny runs for the commands, made once a session, and a way to call commands in process."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from manifests import ROOT

from reparam.cli.main import main, run
from reparam.explorer import built
from reparam.types import PixelArray

CLASSES = ("bar", "column", "square")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


def shapes(n: int, size: int = 12, seed: int = 0) -> tuple[PixelArray, np.ndarray]:
    """Bright bars, columns and squares at random places: images (n, size, size), labels (n)."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 30, (n, size, size)).astype(np.uint8)
    labels = np.arange(n) % 3
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(1, size - 5, 2)
        height, width = ((2, 5), (5, 2), (4, 4))[label]
        image[top : top + height, left : left + width] = 230
    return images, labels


def train_tiny(source: Path, out: Path, model: str, *more: str) -> Path:
    """One short training of a small network, through the command."""
    small = ["--encoder-filters", "8", "8", "--encoder-kernels", "3", "3"]
    small += ["--encoder-strides", "2", "2", "--decoder-filters", "8"]
    small += ["--decoder-kernels", "3", "3", "--decoder-strides", "2", "2"]
    training = ["--epochs", "2", "--precision", "float32", "--sample-every", "0", "--quiet"]
    args = [str(source), "--model", model, "--out", str(out), *small, *training, *more]
    assert run(["train", *args]) == 0
    return out


def train_kl(source: Path, out: Path) -> Path:
    """The same of networks for latents that are maps, two channels of 3 × 3."""
    networks = ["--encoder", "kl", "--decoder", "kl", "--latent-channels", "2"]
    for half in ("encoder", "decoder"):
        networks += [f"--{half}-filters", "8", "8", "8", f"--{half}-groups", "4"]
    training = ["--epochs", "2", "--precision", "float32", "--sample-every", "0", "--quiet"]
    assert run(["train", str(source), "--out", str(out), *networks, *training]) == 0
    return out


@pytest.fixture(scope="session")
def shapes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 labelled images of 12 × 12 in an .npz file: 12 of them become the test split."""
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    images, labels = shapes(60)
    np.savez(path, images=images, labels=labels, class_names=np.array(CLASSES))
    return path


@pytest.fixture(scope="session")
def vae_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(shapes_file, tmp_path_factory.mktemp("runs") / "vae", "vae")


@pytest.fixture(scope="session")
def ae_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(shapes_file, tmp_path_factory.mktemp("runs") / "ae", "ae")


@pytest.fixture(scope="session")
def dae_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "dae"
    return train_tiny(shapes_file, out, "dae", "--corrupt", "masking", "--corrupt-amount", "0.2")


@pytest.fixture
def reparam(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The console script, in process."""

    def call(*args: object) -> Said:
        monkeypatch.setattr("sys.argv", ["reparam", *map(str, args)])
        capsys.readouterr()
        status = main()
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return call


@pytest.fixture
def refused(reparam: Command) -> Callable[..., str]:
    """Calls a command that must end with status 2 and one line, which it returns."""

    def call(*args: object) -> str:
        said = reparam(*args)
        assert said.status == 2, said
        assert said.out == ""
        lines = said.err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("reparam: error: ")
        return lines[0]

    return call


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that stands in for the built one."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<script type="module" src="assets/a.js"></script>')
    (folder / "assets" / "a.js").write_text("1")
    shutil.copytree(ROOT / "web" / "public", folder, dirs_exist_ok=True)
    (folder / "single.html").write_text("<!doctype html><!--BUNDLE-->")
    monkeypatch.setattr(built, "PAGE", folder)
    return folder
