"""What the lines of a training say: figures that compare between weights, and what takes time."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reparam.cli import progress
from reparam.cli.progress import step_progress
from reparam.cli.reading import counted_progress
from reparam.runs import Run

from .conftest import shapes, train_tiny
from .test_train import SMALL


def test_lines_of_two_weights_compare(reparam, shapes_file, tmp_path) -> None:
    """PSNR and bits per dimension are those of the files, of training, validation and test."""
    for weight in ("100", "1000"):
        out = tmp_path / weight
        words = ("train", shapes_file, "--out", out, *SMALL, "--epochs", "2", "--weight", weight)
        said = reparam(*words).err.splitlines()
        result, epochs = Run.open(out).result(), Run.open(out).metrics()
        assert result is not None
        lines = [line for line in said if re.search(r"epoch \d/2, ", line)]
        for line, epoch in zip(lines, epochs, strict=True):
            (valid,) = re.findall(r"validation \S+ \(PSNR (\S+) dB\)", line)
            assert valid == f"{-10 * math.log10(epoch.valid['mse']):.2f}"
            train = -10 * math.log10(epoch.train["mse"])
            assert f"per pixel, PSNR {train:.2f} dB, rate" in line
            assert f"{epoch.train['loss_bits_per_dim']:.3f} bits/dim" in line
            assert len(line) < 190
            assert re.search(r" images/s, 0:0\d:\d\d left$", line)
        test = result.splits["test"]
        last = said[said.index("next:") - 1]
        assert f"(PSNR {-10 * math.log10(test['mse']):.2f} dB)" in last
        assert f"({test['loss_bits_per_dim']:.3f} bits/dim)" in last
        at = said.index(lines[-1])
        assert any(
            "measuring the best weights on 43 train, 5 valid, 12 test" in x for x in said[at:]
        )


def test_steps_are_said_now_and_then(capsys, monkeypatch) -> None:
    """The title with the first step; a step where there was silence for a while."""
    times = iter((0.0, 0.1, 2.5, 2.6, 9.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with step_progress("drawing", quiet=False) as tell:
        assert tell is not None
        for step in range(5):
            tell(f"figure {step}", step, 5)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "drawing ...",
        "drawing, step 3 of 5: figure 2 ...",
        "drawing, step 5 of 5: figure 4 ...",
    ]
    with step_progress("drawing", quiet=True) as tell:
        assert tell is None
    assert capsys.readouterr().err == ""


def test_a_log_of_long_work_stays_short(capsys, monkeypatch) -> None:
    """A step a second for a quarter of an hour: never more than half a minute of silence."""
    clock = iter(range(900))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with step_progress("refining", quiet=False) as tell:
        assert tell is not None
        for step in range(900):
            tell("image", step, 900)
    said = capsys.readouterr().err.splitlines()
    steps = [int(line.split()[2]) for line in said[1:]]
    assert len(said) < 60
    assert steps[:3] == [3, 5, 7]
    assert max(np.diff([*steps, 900])) <= 30


def test_counts_are_said_once_each(capsys) -> None:
    scoring = counted_progress("scoring", "images")
    with counted_progress("reading", "files") as outer, scoring as own:
        assert outer is not None
        assert own is not None
        for what in ("headers", "pictures", "headers"):
            for done in (0, 1000, 2000):
                outer(what, done, 2000)
        outer("in one go", 5, 5)
        own("anomalies", 0, 2000)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "reading headers of 2,000 files ...",
        "reading pictures of 2,000 files ...",
        "scoring anomalies of 2,000 images ...",
    ]


def test_a_bar_that_is_done_makes_way_for_another(capsys, monkeypatch) -> None:
    """A terminal has one at a time: the first gives the cursor back before the second takes it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    scoring = counted_progress("scoring", "images")
    with counted_progress("reading", "files") as outer, scoring as own:
        assert outer is not None
        assert own is not None
        outer("pictures", 0, 2)
        outer("pictures", 2, 2)
        own("anomalies", 0, 2)
    said = capsys.readouterr().err
    cursor = re.findall(r"\x1b\[\?25([lh])", said)
    assert cursor == ["l", "h", "l", "h"]
    assert "scoring anomalies" in said


@pytest.fixture
def photos_run(tmp_path, monkeypatch) -> Path:
    """Of a folder that takes several rounds to read."""
    monkeypatch.setattr("reparam.data.pictures.ROUND", 16)
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, image in enumerate(shapes(40)[0]):
        Image.fromarray(image).save(photos / f"{i}.png")
    return train_tiny(photos, tmp_path / "run", "vae")


@pytest.mark.parametrize(
    "words",
    [
        ("encode", "--refine", "0"),
        ("reconstruct",),
        ("denoise",),
        ("neighbours",),
        ("export", "--onnx", "OUT"),
        ("push", "me/run", "--reconstructions", "yes", "--folder", "OUT"),
        ("export", "--single-file", "OUT.html"),
        ("fit-prior", "--prior", "gaussian"),
    ],
    ids=" ".join,
)
def test_quiet_is_without_progress(words, photos_run, reparam, page, tmp_path) -> None:
    name, *more = (word.replace("OUT", str(tmp_path / "out")) for word in words)
    calm = reparam(name, photos_run, *more, "--quiet")
    assert calm.status == 0
    assert "..." not in calm.err
    said = reparam(name, photos_run, *more, "--overwrite")
    assert "reading headers of 40 files ..." in said.err
