"""A command that is killed at any moment of what it writes, and is given again, ends as if it had
not been: the same weights, the same scorecard, a whole export, the same cached pictures.

A first process counts the system calls that create, open for writing, rename or remove a file of
the command's, as Python audits them. Then others are killed at chosen ones: at once, or as soon as
a file that is written from there on grows beyond a chosen size.
"""

import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import reparam.data.folder
from reparam.cli import main
from reparam.explorer import built
from reparam.runs import Run

pytestmark = pytest.mark.slow

METHODS = multiprocessing.get_all_start_methods()
PROCESSES = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
PROCESSES.set_forkserver_preload(
    ["reparam.cli.main", "reparam.training", "reparam.evaluation", "reparam.export", "onnx"]
)

KILLS = 20
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"}


def is_write(event: str, details: tuple[Any, ...], folder: str) -> bool:
    """Whether an audit event changes something in the folder."""
    if event != "open" and event not in CHANGES:
        return False
    if not any(str(part).startswith(folder) for part in details[:2]):
        return False
    return event != "open" or bool(details[2] & WRITES)


def run_command(
    words: tuple[str, ...],
    folder: str,
    kill_at: int,
    room: int,
    counted: str,
    prepare: Callable[[], None],
) -> None:
    """Runs a command in this process, which dies at write number ``kill_at`` in the folder (from 1;
    0 for none), or, with ``room``, when a file that is written after that grows beyond so many
    bytes. How many writes there were is written to ``counted``.
    """
    import resource

    seen = 0

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal seen
        if not is_write(event, details, folder):
            return
        seen += 1
        if seen != kill_at:
            return
        if not room:
            os.kill(os.getpid(), signal.SIGKILL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    prepare()
    sys.argv = ["reparam", *words]
    sys.addaudithook(watch)
    status = main.main()
    if not kill_at:
        Path(counted).write_text(str(seen))
    os._exit(status)


def no_more() -> None:
    pass


def use_cache(folder: Path) -> None:
    """Decoded pictures go through a cache, however few there are."""
    os.environ["XDG_CACHE_HOME"] = str(folder)
    reparam.data.folder.MAPPED_FROM = 0


def use_page(folder: Path) -> None:
    """A page that stands in for the explorer's built one, which takes npm."""
    folder.mkdir(exist_ok=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "single.html").write_text("<!doctype html><!--BUNDLE-->")
    built.PAGE = folder


@dataclass(frozen=True)
class Job:
    """A command line, what a person gives after it was killed, and the folder that both write to.

    ``prepare`` is called in their processes.
    """

    words: tuple[object, ...]
    folder: Path
    again: Callable[[], tuple[object, ...]]
    prepare: Callable[[], None] = no_more

    def run(self, words: tuple[object, ...], kill_at: int = 0, room: int = 0) -> int:
        """Its exit status, in a process of its own, which may be killed."""
        plain = tuple(map(str, words))
        call = (plain, str(self.folder), kill_at, room, str(self.counted), self.prepare)
        process = PROCESSES.Process(target=run_command, args=call)
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    @property
    def counted(self) -> Path:
        return self.folder.parent / "counted"

    def kill_often(self, begin: Callable[[], None], check: Callable[[], None]) -> None:
        """``begin`` makes the place as it is before; ``check`` looks at what is there at last."""
        pytest.importorskip("resource", reason="limits of file sizes are Unix's")
        begin()
        assert self.run(self.words) == 0
        writes = int(self.counted.read_text())
        sizes = [file.stat().st_size for file in self.folder.rglob("*") if file.is_file()]
        rng = np.random.default_rng(0)
        killed = 0
        for number in np.linspace(1, writes, KILLS).round().astype(int):
            room = int(rng.integers(1, max(sizes))) if rng.random() < 0.5 else 0
            begin()
            ended = self.run(self.words, int(number), room)
            killed += ended in (-signal.SIGKILL, -signal.SIGXFSZ)
            assert self.run(self.again()) == 0, f"after write {number} of {writes}, {room} bytes"
            check()
        assert killed >= KILLS // 2, "it was over before it could be killed"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    digits = load_digits()
    pixels = np.rint(digits.images[:80] * (255 / 16)).astype(np.uint8)
    path = tmp_path / "digits.npz"
    np.savez(path, images=pixels, labels=digits.target[:80])
    return path


def nothing_unfinished(folder: Path) -> bool:
    return not list(folder.rglob(".unfinished-*"))


def training(source: object, out: Path) -> tuple[object, ...]:
    sizes = ("--latent-dim", 2, "--batch-size", 16, "--precision", "float32", "--epochs", 3)
    return ("train", source, "--model", "vae", "--out", out, *sizes, "--quiet")


@pytest.fixture
def trained(source: Path, tmp_path: Path) -> Path:
    out = tmp_path / "place" / "run"
    out.parent.mkdir()
    assert main.run([str(word) for word in training(source, out)]) == 0
    return out


def test_training(trained: Path, source: Path, tmp_path: Path) -> None:
    """Weights, checkpoints, metrics, samples, the result."""
    run = tmp_path / "killed" / "run"
    run.parent.mkdir()

    def again() -> tuple[object, ...]:
        begun = (run / "config.json").exists()
        return ("resume", run, "--quiet") if begun else training(source, run)

    def check() -> None:
        weights = (trained / "model.safetensors").read_bytes()
        assert (run / "model.safetensors").read_bytes() == weights
        assert Run.open(run).is_finished
        assert len(Run.open(run).metrics()) == 3
        assert nothing_unfinished(run)

    Job(training(source, run), run, again).kill_often(lambda: remove(run), check)


def remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def test_a_scorecard(trained: Path) -> None:
    card = trained / "scorecard.json"
    words = ("score", trained, "--draws", 20, "--likelihood-images", 1, "--quiet")
    found = []

    def check() -> None:
        values = json.loads(card.read_text())
        del values["seconds"], values["digest"]
        found.append(values)
        assert values == found[0]
        assert Run.open(trained).read_json("scorecard.json", "") is not None

    Job(words, trained, lambda: words).kill_often(lambda: card.unlink(missing_ok=True), check)


def test_a_fitted_prior(trained: Path) -> None:
    words = ("fit-prior", trained, "--prior", "mixture", "--quiet")
    found = []

    def check() -> None:
        found.append(trained.joinpath("prior.safetensors").read_bytes())
        assert found[-1] == found[0]

    def begin() -> None:
        trained.joinpath("prior.safetensors").unlink(missing_ok=True)

    Job(words, trained, lambda: (*words, "--overwrite")).kill_often(begin, check)


def test_an_export(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = ("--onnx", out / "onnx", "--site", out / "site", "--single-file", out / "one.html")
    words = ("export", trained, *places, "--overwrite")
    older, found = tmp_path / "older", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(built, "PAGE", built.PAGE)
        use_page(tmp_path / "page")
        assert main.run([str(word) for word in (*words, "--images", 6)]) == 0
    out.rename(older)

    def begin() -> None:
        """There is an older export, which is replaced."""
        remove(out)
        shutil.copytree(older, out)

    def check() -> None:
        found.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
        assert found[-1] == found[0]

    prepare = partial(use_page, tmp_path / "page")
    eight = (*words, "--images", 8)
    Job(eight, out, lambda: eight, prepare).kill_often(begin, check)


def test_the_cache_of_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        pixels = rng.integers(0, 256, (12, 12), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number:02}.png")
    cache, out = tmp_path / "cache", tmp_path / "run"
    words = ("encode", out, tmp_path / "pictures", "--out", tmp_path / "z.npy", "--overwrite")
    assert main.run([str(word) for word in training(tmp_path / "pictures", out)]) == 0
    found = []

    def check() -> None:
        found.append(np.load(tmp_path / "z.npy").tobytes())
        assert found[-1] == found[0]
        (pixels,) = cache.rglob("pixels.bin")
        assert len(pixels.read_bytes()) == 40 * 12 * 12
        assert nothing_unfinished(cache)

    Job(words, cache, lambda: words, partial(use_cache, cache)).kill_often(
        lambda: remove(cache), check
    )
