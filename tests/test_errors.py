"""What a message says of a name that there is not."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reparam.errors import (
    SHORT_LIST,
    ConfigError,
    DataError,
    RunError,
    ShapeError,
    check_bytes,
    check_positive,
    either,
    near_names,
    unknown_name,
)
from reparam.runs import Run

MANY = tuple(f"option-number-{i}" for i in range(70))


@given(st.text(max_size=20), st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=80))
def test_names_are_three_at_most_unless_they_are_few(found: str, known: list[str]) -> None:
    said = unknown_name("option", found, known, see="x --help")
    rest = said.removeprefix(f"unknown option {found!r}")
    hint, _, listed = rest.partition(" (known: ")
    assert bool(listed) == (len(known) <= SHORT_LIST)
    assert len(hint.split(",")) <= 2
    assert ("see x --help" in rest) == (not listed and not hint.startswith("; did you mean"))


def test_near_names_come_nearest_first() -> None:
    near = "unknown option 'option-number-7'; did you mean option-number-7"
    assert unknown_name("option", "option-number-7", MANY).startswith(near)
    assert unknown_name("option", "zzz", MANY, "x --help") == "unknown option 'zzz'; see x --help"
    assert unknown_name("model", "vea", ["vae", "ae"]).endswith("vae? (known: ae, vae)")


def test_dashes_make_no_flags_alike() -> None:
    assert near_names("--out", ["--fit", "--runs"]) == []
    assert near_names("--epoch", ["--epochs", "--fit"]) == ["--epochs"]
    assert near_names("--outt", ["--fit", "--out"]) == ["--out"]


def test_one_of_several() -> None:
    assert [either("abc"[:n]) for n in (1, 2, 3)] == ["a", "a or b", "a, b or c"]


@pytest.mark.parametrize("wrong", ["runs/photos", "runs/photo-vae", "runs"])
def test_a_folder_that_is_no_run_has_the_runs_that_may_be_meant(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/photos-vae").mkdir(parents=True)
    Path("runs/photos-vae/config.json").write_text('{"versions": {"reparam": "0"}}')
    Path("runs/photo").mkdir()
    with pytest.raises(RunError, match=r"; did you mean runs/photos-vae\? Fix: "):
        Run.open(Path(wrong))


def test_a_run_with_no_other_near_it(tmp_path: Path) -> None:
    for place, rule in ((tmp_path, "not a run folder"), (tmp_path / "x" / "y", "no such run")):
        with pytest.raises(RunError, match=rf"{rule}[^?]*\. Fix: "):
            Run.open(place)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"count": 0}, "count must be 1 or more, got 0. Fix: raise it"),
        ({"fine": 1, "widths": (3, -2, 0)}, "widths must be 1 or more, got -2. Fix: raise it"),
        ({"count": 1, "none": None, "widths": (), "more": (1, 2)}, None),
    ],
)
def test_options_of_one_or_more(options: dict, says: str | None) -> None:
    if says is None:
        check_positive(**options)
        return
    with pytest.raises(ConfigError) as error:
        check_positive(**options)
    assert str(error.value) == says


FLOATS = """
import numpy as np
import torch
import reparam
from reparam.data import Batch, from_bytes
from reparam.evaluation import encode
from reparam.training import fit_prior

x = np.random.default_rng(0).random((40, 8, 8, 1))
every = {"train": np.arange(40), "valid": np.arange(0), "test": np.arange(0)}
mlp = {"encoder": {"type": "mlp", "widths": [4]}, "decoder": {"type": "mlp", "widths": [4]}}
model = reparam.VAE(**mlp, epochs=1, pixel_range=(0, 1)).fit(x).model_
for ask in (
    lambda: reparam.ImageSet("x", x, None, (), every),
    lambda: encode(model, x.astype(np.float32)),
    lambda: fit_prior(model, x.astype(np.float32), "gaussian"),
    lambda: from_bytes(torch.from_numpy(x)),
    lambda: Batch.of_bytes(torch.from_numpy(x), None, torch.arange(40)),
    lambda: reparam.ImageSet("x", x.astype(np.uint8)[..., 0], None, (), every),
    lambda: reparam.ImageSet("x", x.astype(np.uint8), None, (), {**every, "test": [1]}),
    lambda: reparam.ImageSet("x", x.astype(np.uint8), None, (), {"train": np.arange(40)}),
):
    try:
        print("taken", ask())
    except reparam.ReparamError as error:
        print(error)
"""


def test_pixels_in_01_are_not_taken_for_bytes() -> None:
    """They would be divided by 255 once more. In a process of its own, which checks no types."""
    words = [sys.executable, "-c", FLOATS]
    said = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    assert len(lines) == 8
    for line in lines[:5]:
        assert line.startswith("images must be bytes (uint8, 0 to 255), got float"), line
    assert lines[5].startswith("images must be an array (N, H, W, C), got one of shape (40, 8, 8)")
    for line, kind in zip(lines[6:], ("list", "NoneType"), strict=True):
        assert line.startswith("x: splits must have an array of indices for "), line
        assert f"got {kind}. Fix: " in line
    check_bytes(np.zeros((1, 2, 2, 1), np.uint8))
    with pytest.raises(DataError, match="got list"):
        check_bytes([1])
    with pytest.raises(ShapeError):
        check_bytes(np.zeros((2, 2), np.uint8))
