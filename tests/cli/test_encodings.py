"""Terminals that lack letters: output is never what ends a command."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reparam.cli import main

from .conftest import shapes

ENCODINGS = ("cp1252", "cp949", "ascii")
NAMES = ("막대", "é ≤ σ²", "👩‍👩‍👧")
SMALL = "--encoder-filters 8 8 --encoder-kernels 3 3 --encoder-strides 2 2 --decoder-filters 8 "
SMALL += "--decoder-kernels 3 3 --decoder-strides 2 2 --epochs 1 --precision float32"
SCORE = "--draws 40 --likelihood-images 1 --likelihood-samples 10"
CASES = (
    *([name, "--help-all"] for name in main.COMMANDS),
    ["--help"],
    ["info", "{data}"],
    ["info", "{data}", "--json"],
    ["train", "{data}", "--dry-run", "--out", "{work}/σ"],
)
WORK = (
    ["train", "{data}", "--out", "{work}/실행 σ", *SMALL.split()],
    ["info", "{work}/실행 σ"],
    ["score", "{work}/실행 σ", *SCORE.split()],
    ["report", "{work}/실행 σ", "--out", "{work}/보고 σ.html"],
)

ONE_AFTER_ANOTHER = """
import sys
from itertools import groupby
from reparam.cli import main
for between, words in groupby(sys.argv[1:], ";".__eq__):
    if not between:
        sys.argv = ["reparam", *words]
        try:
            status = main.main()
        except SystemExit as stop:  # of --help
            status = stop.code or 0
        if status:
            sys.exit(f"{sys.argv[1:]!a}: {status}")
"""

Call = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encodings") / "그림 σ.npz"
    images, labels = shapes(60)
    np.savez(path, images=images, labels=labels, class_names=np.array(NAMES))
    return path


@pytest.fixture
def call(encoding: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The console script on strict streams of an encoding; what it wrote to stdout."""

    def call(words: list[str]) -> str:
        filled = [word.format(data=data, work=tmp_path) for word in words]
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        monkeypatch.setattr("sys.argv", ["reparam", *filled])
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        try:
            status = main.main()
        except SystemExit as stop:  # of --help
            status = stop.code or 0
        err.flush()
        assert status == 0, (filled, err.buffer.getvalue())
        out.flush()
        return out.buffer.getvalue().decode(encoding)

    return call


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_help_and_what_is_quick(call: Call) -> None:
    said = {tuple(words): call(words) for words in CASES}
    assert all(said.values())
    facts = json.loads(said["info", "{data}", "--json"])
    assert tuple(facts["counts"]["train"]["classes"]) == NAMES  # JSON is exact in every encoding


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_train_score_and_report(call: Call, tmp_path: Path) -> None:
    for words in WORK:
        call(words)
    assert NAMES[0] in (tmp_path / "실행 σ" / "config.json").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_in_a_process_of_its_own(encoding: str, data: Path, tmp_path: Path) -> None:
    """Where the locale has no letters beyond ASCII either."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    env |= {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    plain = shutil.copy(data, tmp_path / "shapes.npz")
    said = []
    for words in (*CASES, *WORK):
        named = [word.replace("실행 σ", "run").replace("보고 σ", "report") for word in words]
        said += [word.format(data=plain, work=tmp_path) for word in named] + [";"]
    done = subprocess.run(
        [sys.executable, "-c", ONE_AFTER_ANOTHER, *said], env=env, capture_output=True, timeout=900
    )
    assert done.returncode == 0, done.stderr.decode(encoding, "replace")
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "report.html").exists()
