"""The command itself: help, names, exit statuses."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from reparam import __version__
from reparam.cli.main import COMMANDS


def run_command(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "reparam.cli.main", *args]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)


def test_overview_names_every_command(reparam) -> None:
    said = reparam("--help")
    assert said.status == 0
    assert all(name in said.out for name in COMMANDS)


def test_version(reparam) -> None:
    assert reparam("--version").out.strip() == f"reparam {__version__}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str, reparam, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        reparam(name, "--help")
    assert not stop.value.code
    said = capsys.readouterr().out
    assert f"reparam {name}" in said
    assert "noqa" not in said
    assert "type: ignore" not in said


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["trian"], "did you mean train?"),
        (["train", "--epochz", "3"], "unknown option '--epochz'; did you mean --epochs?"),
        (["train", "--latent-dims=3"], "did you mean --latent-dim?"),
        (["train", "--epochs", "many"], "--epochs"),
        (["train", "--epochs", "0"], "epochs must be 1 or more, found 0"),
        (["train", "--learning-rate", "-1"], "learning_rate must be above 0, found -1"),
        (["train", "--fit", "strech"], "strech"),
        (["train", "--model", "vea"], "unknown model 'vea'; did you mean vae?"),
        (["train", "--recipe", "quik"], "unknown recipe 'quik'; did you mean quick?"),
        (["train", "digits", "extra"], "unexpected argument 'extra'"),
        (["train", "digitz"], "digits"),
        (["train", "/no/such/folder"], "/no/such/folder"),
        (["train", "--device", "tpu"], "device 'tpu' is not on this machine"),
        (["train", "--decoder-strides", "1", "1", "1", "1"], "cannot give 28 × 28"),
        (["train", "--posterior", "delta"], "no finite KL"),
        (["train", "--config", "missing.toml"], "missing.toml"),
        (["resume"], "RUN"),
        (["resume", "/no/such/run"], "/no/such/run: no such run folder"),
        (["report"], "run"),
        (["report", "/no/such/run"], "/no/such/run"),
        (["demo", "--recipe", "slow"], "slow"),
        (["demo", "--data", "digitz"], "digits"),
        (["demo", "--data", "--quiet"], "--data needs a value"),
        (["demo", "--axes", "1", "3"], "axes are two different dimensions from 1 to 2"),
        (["train", "--image-size", "64"], "--image-size: takes {None} {INT INT}, found ['64']"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_one_line(
    args: list[str], expected: str, refused: Callable[..., str], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(*args)
    assert not list(tmp_path.iterdir()), "something was half-written"


def test_a_mistake_in_a_real_process_has_status_2_and_no_traceback(tmp_path) -> None:
    done = run_command("train", "nowhere.npz", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "nowhere.npz" in done.stderr
    assert not (tmp_path / "run").exists()
