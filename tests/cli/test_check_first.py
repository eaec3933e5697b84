"""What can be refused at once is refused before images are read and anything is trained.

The runs' images are gone, so that a command which reads them first would speak of them.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from reparam.errors import ConfigError, RunError
from reparam.explorer import built
from reparam.runs import Run, check_writable, writing

from .conftest import train_tiny

Refused = Callable[..., str]

TARGETS = {
    "encode": ("encode", "{run}", "--out", "{place}/z.csv"),
    "decode": ("decode", "{run}", "{gone}.npy", "--out", "{place}/images"),
    "sample": ("sample", "{run}", "--out", "{place}/images.npz"),
    "reconstruct": ("reconstruct", "{run}", "--out", "{place}/images"),
    "denoise": ("denoise", "{run}", "--out", "{place}/images.npy"),
    "neighbours": ("neighbours", "{run}", "--out", "{place}/neighbours"),
    "verdicts": ("anomaly", "score", "{run}", "{gone}", "--out", "{place}/verdicts"),
    "report": ("report", "{run}", "--out", "{place}/report.html"),
    "figures": ("report", "{run}", "--out", "{here}/r.html", "--figures", "{place}/figures"),
    "compare": ("compare", "{run}", "--out", "{place}/comparison.html"),
    "seeds": ("compare", "{run}", "--seeds", "2", "--out", "{place}/comparison.html"),
    "sweep": ("sweep", "{gone}", "--latent-dim", "2", "3", "--out", "{place}/sweep"),
    "demo": ("demo", "{gone}", "--out", "{place}/demo"),
    "train": ("train", "{gone}", "--out", "{place}/run"),
    "onnx": ("export", "{run}", "--onnx", "{place}/onnx"),
    "site": ("export", "{run}", "--site", "{place}/site"),
    "push": ("push", "{run}", "a/b", "--reconstructions", "yes", "--folder", "{place}/look"),
    "pull": ("pull", "a/b", "--out", "{place}/run"),
    "single file": ("export", "{run}", "--single-file", "{place}/page.html"),
}


@pytest.fixture(scope="module")
def gone(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose images are gone; their place is beside it."""
    folder = tmp_path_factory.mktemp("gone")
    source = Path(shutil.copy(shapes_file, folder / "shapes.npz"))
    run = train_tiny(source, folder / "run", "vae")
    source.unlink()
    return run


@pytest.fixture
def unfinished(gone: Path, tmp_path: Path) -> Path:
    run = Path(shutil.copytree(gone, tmp_path / "unfinished"))
    Run.open(run).forget_result()
    return run


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that stands in for the built one, which takes npm."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "single.html").write_text("<!doctype html><!--BUNDLE-->")
    monkeypatch.setattr(built, "PAGE", folder)


def filled(words: tuple[str, ...], gone: Path, place: Path, here: Path) -> list[str]:
    names = {"run": gone, "gone": gone.parent / "shapes.npz", "place": place, "here": here}
    return [word.format(**names) for word in words]


@contextmanager
def no_room() -> Iterator[None]:
    """The system refuses files above 1,000 bytes, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_comes_first(refused: Refused, gone: Path, tmp_path: Path, name: str) -> None:
    """Below a file, on a full disk, and where the system lets nobody write."""
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where a folder is wanted")
    before = sorted(tmp_path.rglob("*"))
    said = refused(*filled(TARGETS[name], gone, blocker, tmp_path))
    assert "blocker must be a folder, got a file" in said
    with no_room():
        said = refused(*filled(TARGETS[name], gone, tmp_path / "full", tmp_path))
    assert "cannot be written (File too large)" in said
    if Path("/proc/self").exists():
        said = refused(*filled(TARGETS[name], gone, Path("/proc/nowhere"), tmp_path))
        assert "cannot be written (" in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="there are no such users")
def test_a_folder_that_one_may_not_write_to() -> None:
    """Root may write anywhere, so it is nobody for a moment."""
    folder, me = Path(tempfile.mkdtemp()), os.geteuid()
    folder.chmod(0o555)
    if me == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match=r"cannot be written \(Permission denied\)"):
            check_writable(folder / "latents.csv")
        with pytest.raises(RunError, match="that can be written to, got Perm"), writing(folder):
            pass
    finally:
        os.seteuid(me)
        folder.chmod(0o700)
        folder.rmdir()


@pytest.mark.parametrize(
    "words",
    [
        ("score", "{run}"),
        ("compare", "{run}", "--out", "{here}/c.html"),
        ("report", "{run}", "--out", "{here}/r.html"),
        ("fit-prior", "{run}"),
        ("export", "{run}", "--onnx", "{here}/onnx"),
        ("explore", "{run}", "--no-browser"),
        ("push", "{run}", "a/b", "--reconstructions", "yes"),
    ],
    ids=lambda words: words[0],
)
def test_the_state_of_the_run_comes_before_its_images(
    refused: Refused, gone: Path, unfinished: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = refused(*filled(words, unfinished, tmp_path, tmp_path))
    assert "finished run, got an unfinished one" in said
    damaged = Path(shutil.copytree(gone, tmp_path / "damaged"))
    (damaged / "model.safetensors").unlink()
    assert "model.safetensors" in refused(*filled(words, damaged, tmp_path, tmp_path))
    assert not any(tmp_path.glob("*.html"))


def test_scoring_looks_at_what_it_is_given(refused: Refused, gone: Path, tmp_path: Path) -> None:
    assert "must be a file, got a folder" in refused("score", gone, "--features", tmp_path)
    assert "no such file" in refused("compare", gone, "--features", tmp_path / "f.onnx")
    sweep = ("sweep", "nowhere.npz", "--latent-dim", "2", "3", "--out", tmp_path / "s")
    assert "no such file" in refused(*sweep, "--features", tmp_path / "f.onnx")


def test_no_judge_is_trained_for_too_few_images(refused: Refused, tmp_path: Path) -> None:
    """It would be announced on stderr, where one line is all."""
    images = np.random.default_rng(0).integers(0, 255, (30, 12, 12), np.uint8)
    np.save(tmp_path / "few.npy", images)
    run = train_tiny(tmp_path / "few.npy", tmp_path / "run", "vae")
    assert "a scorecard needs at least 10 test images, got 6" in refused("score", run)


def test_runs_of_others_are_found_before_anything_is_trained(
    refused: Refused, gone: Path, tmp_path: Path
) -> None:
    swept = ("sweep", "nowhere.npz", "--latent-dim", "2", "3", "--seeds", "1", "--recipe", "quick")
    shutil.copytree(gone, tmp_path / "sweep" / "latent-dim-3-seed-0")
    said = refused(*swept, "--out", tmp_path / "sweep")
    assert "latent-dim-3-seed-0: holds a run with other options (" in said
    assert re.search(r"options \(--[\w-]+ \S.*, now .*; and \d+ more\)", said)
    shutil.copytree(gone, tmp_path / "demo" / "vae")
    assert "holds a run with other options" in refused("demo", "--out", tmp_path / "demo")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("decode", "{run}", "{here}/z.csv"), "z.csv: must be a file, got a folder"),
        (("decode", "{run}", "{here}/no.csv"), "no.csv: no such file"),
        (("train", "--config", "{here}/z.csv"), "z.csv must be readable, got: it is a folder"),
        (("train", "--config", "{here}/no.toml"), "got: No such file"),
        (("train", "--plugin", "{here}/z.csv"), "z.csv, which is a folder"),
        (("train", "--plugin", "{here}/no.py"), "no.py, which is no file"),
        (("train", "{gone}", "--out", "{here}/file"), "must be a folder, got a file"),
        (("sweep", "{gone}", "--out", "{here}/file"), "must be a folder, got a file"),
        (("demo", "{gone}", "--out", "{here}/file"), "must be a folder, got a file"),
        (("export", "{run}", "--onnx", "{here}/file"), "must be a folder, got a file"),
        (("export", "{run}", "--site", "{here}/file"), "must be a folder, got a file"),
        (("export", "{run}", "--single-file", "{here}/x.html"), "must be a file, got a folder"),
        (("report", "{run}", "--out", "{here}/x.html"), "must be a file, got the folder"),
        (("report", "{run}", "--figures", "{here}/file"), "must be a folder, got the file"),
        (("encode", "{run}", "--out", "{here}/z.csv"), "must be a file, got a folder"),
        (("sample", "{run}", "--out", "{here}/file"), "must be a folder, got a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_folder_is_not_called_missing(
    refused: Refused,
    gone: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("z.csv", "x.html"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("a file")
    assert expected in refused(*filled(words, gone, tmp_path, tmp_path))
