"""The command itself: help, names, exit statuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reparam import __version__
from reparam.cli.anomaly_calibrate import CalibrateOptions
from reparam.cli.anomaly_fit import FitOptions
from reparam.cli.anomaly_score import AnomalyScoreOptions
from reparam.cli.anomaly_test import AnomalyTestOptions
from reparam.cli.cache import CacheOptions
from reparam.cli.compare import CompareOptions
from reparam.cli.decode import DecodeOptions
from reparam.cli.demo import DemoOptions
from reparam.cli.denoise import DenoiseOptions
from reparam.cli.encode import EncodeOptions
from reparam.cli.explore import ExploreOptions
from reparam.cli.export import ExportOptions
from reparam.cli.fit_prior import FitPriorOptions
from reparam.cli.flags import flags_of
from reparam.cli.info import InfoOptions
from reparam.cli.main import COMMANDS
from reparam.cli.neighbours import NeighboursOptions
from reparam.cli.pull import PullOptions
from reparam.cli.push import PushOptions
from reparam.cli.reconstruct import ReconstructOptions
from reparam.cli.relocate import RelocateOptions
from reparam.cli.report import ReportOptions
from reparam.cli.resume import ResumeOptions
from reparam.cli.sample import SampleOptions
from reparam.cli.score import ScoreOptions
from reparam.cli.sweep import SweepOptions
from reparam.cli.train import TrainOptions
from reparam.runs import options_of


def run_command(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "reparam.cli.main", *args]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, **more)


def test_overview_names_every_command(reparam) -> None:
    said = reparam("--help")
    assert said.status == 0
    assert all(name in said.out for name in COMMANDS)


def test_version(reparam) -> None:
    assert reparam("--version").out.strip() == f"reparam {__version__}"


OPTIONS = {
    "train": TrainOptions(),
    "demo": DemoOptions(),
    "resume": ResumeOptions(),
    "relocate": RelocateOptions(),
    "info": InfoOptions(),
    "score": ScoreOptions(),
    "compare": CompareOptions(),
    "sweep": SweepOptions(),
    "report": ReportOptions(),
    "reconstruct": ReconstructOptions(),
    "denoise": DenoiseOptions(),
    "encode": EncodeOptions(),
    "decode": DecodeOptions(),
    "neighbours": NeighboursOptions(),
    "sample": SampleOptions(),
    "fit-prior": FitPriorOptions(),
    "anomaly fit": FitOptions(),
    "anomaly calibrate": CalibrateOptions(),
    "anomaly score": AnomalyScoreOptions(),
    "anomaly test": AnomalyTestOptions(),
    "explore": ExploreOptions(),
    "export": ExportOptions(),
    "push": PushOptions(),
    "pull": PullOptions(),
    "cache": CacheOptions(),
}


def help_of(reparam, capsys, *words: str) -> str:
    """The help text, without its line breaks."""
    with pytest.raises(SystemExit) as stop:
        reparam(*words, "--help-all")
    assert not stop.value.code
    return " ".join(capsys.readouterr().out.split())


def test_every_command_is_here() -> None:
    assert {name.split()[0] for name in OPTIONS} == set(COMMANDS)


@pytest.mark.parametrize("name", OPTIONS)
def test_help_explains_every_option(name: str, reparam, capsys) -> None:
    said = help_of(reparam, capsys, *name.split())
    assert f"usage: reparam {name}" in said
    for option in options_of(OPTIONS[name]).values():
        assert option.doc, f"{option.name} has no explanation"
        words = " ".join(option.doc.split())
        assert words.replace("- ", "-") in said.replace("- ", "-"), option.name
        assert (option.positional or f"--{option.flag}") in said


# They compute nothing, or take every option of `reparam train`.
@pytest.mark.parametrize(
    "name", sorted(set(OPTIONS) - {"info", "pull", "cache", "relocate", "anomaly fit"})
)
def test_every_command_takes_a_device(name: str) -> None:
    assert "--device" in flags_of(OPTIONS[name])


def test_help_shows_the_options_of_the_chosen_parts(reparam, capsys) -> None:
    plain = help_of(reparam, capsys, "train")
    assert "options of --encoder convolutional" in plain
    assert "--encoder-filters" in plain
    assert "--encoder-widths" not in plain
    dense = help_of(reparam, capsys, "train", "--encoder", "mlp", "--model", "ae")
    assert "options of --encoder mlp" in dense
    assert "--encoder-widths [INT ...]" in dense
    assert "--encoder-filters" not in dense
    assert "--free-bits" not in dense
    assert "--free-bits" in plain


def test_help_shows_the_defaults_of_preset_and_recipe(reparam, capsys) -> None:
    said = help_of(reparam, capsys, "train", "--model", "ae-functional", "--recipe", "article")
    assert "(default: 200)" in said
    assert "(default: --encoder-batch-norm)" in said
    assert "--split-seed INT" in said
    assert "whatever the run's seed. (default: 0)" in said


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["trian"], "did you mean train?"),
        (["train", "--epochz", "3"], "unknown option '--epochz'; did you mean --epochs?"),
        (["train", "--latent-dims=3"], "did you mean --latent-dim?"),
        (["train", "--epochs", "many"], "--epochs"),
        (["train", "--epochs", "0"], "epochs must be 1 or more, got 0"),
        (["train", "--learning-rate", "-1"], "learning_rate must be above 0, got -1"),
        (["train", "--fit", "strech"], "strech"),
        (["train", "--model", "vea"], "unknown model 'vea'; did you mean vae?"),
        (["train", "--recipe", "quik"], "unknown recipe 'quik'; did you mean quick?"),
        (["train", "digits", "extra"], "unexpected argument 'extra'"),
        (["train", "digitz"], "digits"),
        (["train", "/no/such/folder"], "/no/such/folder"),
        (["train", "--device", "tpu"], "tpu"),
        (
            ["train", "--decoder-strides", "1", "1", "1", "1"],
            "decoder's strides must enlarge the encoder's maps of 7 × 7",
        ),
        (["train", "--posterior", "delta"], "no finite KL"),
        (["train", "--config", "missing.toml"], "missing.toml"),
        (["resume"], "RUN"),
        (["resume", "/no/such/run"], "/no/such/run: no such run folder"),
        (["report"], "RUN [RUN ...] must be given"),
        (["report", "/no/such/run"], "/no/such/run"),
        (["demo", "--recipe", "slow"], "slow"),
        (["demo", "--data", "digitz"], "digits"),
        (["demo", "--data", "--quiet"], "--data must have a value"),
        (["demo", "--axes", "1", "3"], "axes are two different dimensions from 1 to 2"),
        (
            ["train", "--image-size", "big"],
            "64, 64x48 or 64 48, got 'big'",
        ),
        (["train", "--image-size", "64"], "got it ((64, 64)) with the source 'digits'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_one_line(
    args: list[str], expected: str, refused: Callable[..., str], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(*args)
    assert not list(tmp_path.iterdir()), "something was half-written"


PLUGIN = """
from dataclasses import dataclass
import reparam

@reparam.TERMS.register("nothing")
@dataclass(frozen=True)
class Nothing(reparam.TermOptions):
    \"\"\"No term at all.\"\"\"

    amount: int = 3
    \"\"\"Of nothing.\"\"\"
"""

SHOW_COMMAND = """
import sys
from reparam.runs import command_line
from reparam.cli.main import run
run(sys.argv[1:])
print(command_line("resume", ["a run"]))
"""


def test_a_plug_in_is_part_of_the_command(tmp_path) -> None:
    """Before or after the command's name; and of the one to type again."""
    file = tmp_path / "my parts.py"
    file.write_text(PLUGIN)
    dry = ("train", "--terms", "nothing", "--nothing-amount", "5", "--dry-run")
    for words in (("--plugin", file, *dry), (*dry, f"--plugin={file}")):
        line = [sys.executable, "-c", SHOW_COMMAND, *map(str, words)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
        *config, command = done.stdout.splitlines()
        terms = json.loads("\n".join(config))["terms"]
        assert terms == [{"type": "nothing", "amount": 5, "weight": 1.0}]
        assert command == f"reparam resume 'a run' --plugin '{file}'"


def test_a_plug_in_that_cannot_be(refused, tmp_path) -> None:
    assert "--plugin must be a Python file, got nothing" in refused("train", "--plugin")
    assert "name a file that exists" in refused("train", "--plugin", tmp_path / "none.py")
    (tmp_path / "broken.py").write_text("1 / 0")
    said = refused("--plugin", tmp_path / "broken.py", "info")
    assert "ZeroDivisionError: division by zero" in said


def test_garbage_is_collected_while_a_command_works_but_not_among_what_it_imported(
    tmp_path: Path,
) -> None:
    at_exit = (
        "import atexit, gc; atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count()))"
    )
    (tmp_path / "told.py").write_text(at_exit)
    done = run_command("--plugin", str(tmp_path / "told.py"), "--version")
    collects, kept = done.stdout.splitlines()[-1].split()
    assert collects == "True"
    assert int(kept) > 0
    done = run_command("--plugin", str(tmp_path / "told.py"), "tarin")
    assert done.returncode == 2
    assert done.stdout.split() == ["True", "0"]


def test_a_mistake_in_a_real_process_has_status_2_and_no_traceback(tmp_path) -> None:
    done = run_command("train", "nowhere.npz", "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "nowhere.npz" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_reader_that_goes_away_is_no_success(vae_run: Path) -> None:
    """As of other programs: 128 and the number of SIGPIPE."""
    words = [sys.executable, "-m", "reparam", "info", str(vae_run), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == 141
