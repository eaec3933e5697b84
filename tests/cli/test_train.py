"""reparam train, resume and report, as a person types them."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from reparam.cli.demo import DemoOptions, _check_room, _program
from reparam.errors import RunError
from reparam.runs import Run, check_free, to_mapping, write_mapping

from .conftest import shapes, train_tiny

SMALL = [
    *("--encoder-filters", "4", "4", "--encoder-kernels", "3", "3", "--encoder-strides", "2", "2"),
    *("--decoder-filters", "4", "--decoder-kernels", "3", "3", "--decoder-strides", "2", "2"),
]


def test_dry_run_prints_the_configuration_and_writes_nothing(
    reparam, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = reparam("train", "digits", "--latent-dim", "5", "--dry-run")
    config = json.loads(said.out)
    assert config["model"]["latent_dim"] == 5
    assert config["data"]["source"] == "digits"
    assert not list(tmp_path.iterdir())


def test_presets_and_recipes_are_defaults_and_flags_win(reparam) -> None:
    said = reparam("train", "--model", "ae", "--recipe", "quick", "--epochs", "7", "--dry-run")
    config = json.loads(said.out)
    assert config["preset"] == "ae"
    assert config["model"]["posterior"] == {"type": "delta"}
    assert config["objective"] == {"type": "reconstruction"}
    assert config["training"]["schedule"] == "one-cycle"
    assert config["training"]["epochs"] == 7


@pytest.mark.parametrize("sections", [True, False])
@pytest.mark.parametrize("kind", ["toml", "json"])
def test_config_files_give_the_same_options(reparam, tmp_path, kind, sections) -> None:
    if kind == "json":
        options = {"training": {"epochs": 9}, "model": {"latent_dim": 4}, "seed": 3}
        flat = {"epochs": 9, "latent_dim": 4, "seed": 3}
        text = json.dumps(options if sections else flat)
    else:
        text = "seed = 3\nepochs = 9\nlatent_dim = 4\n"
        if sections:
            text = "seed = 3\n[training]\nepochs = 9\n[model]\nlatent_dim = 4\n"
    file = tmp_path / f"options.{kind}"
    file.write_text(text)
    config = json.loads(reparam("train", "--config", file, "--seed", "8", "--dry-run").out)
    assert config["training"]["epochs"] == 9
    assert config["model"]["latent_dim"] == 4
    assert config["seed"] == 8, "the flag wins"


def test_the_config_of_a_run_is_a_config_file(reparam, ae_run: Path) -> None:
    said = reparam("train", "--config", ae_run / "config.json", "--dry-run")
    config, record = json.loads(said.out), json.loads((ae_run / "config.json").read_text())
    assert {key: record[key] for key in config} == config


@pytest.mark.parametrize("name", ["ae", "vae", "dae", "burda", "ae-functional", "vae-mixture"])
def test_the_config_of_a_run_of_the_first_format_is_one_too(reparam, name: str) -> None:
    run = Path(__file__).parents[1] / "data" / "runs" / "format-1" / name
    said = reparam("train", "--config", run / "config.json", "--dry-run")
    assert said.status == 0, said.err
    assert json.loads(said.out) == json.loads(json.dumps(to_mapping(Run.open(run).config)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch = 3\n", "unknown option 'epoch'; did you mean epochs?"),
        ("[training]\nepochz = 3\n", "unknown option 'epochz'; did you mean epochs?"),
        ("[trainin]\nepochs = 3\n", "unknown option 'trainin'; did you mean training?"),
        ("epochs = 'three'\n", "epochs must be int, got 'three'"),
        ("epochs = true\n", "epochs must be int, got True"),
        ("schedule = 'twice'\n", "schedule must be"),
        ("epochs = 0\n", "epochs must be 1 or more, got 0"),
        ("epochs = = 3\n", "must be valid TOML"),
        ("training = 3\n", "training must be a section"),
    ],
)
def test_mistakes_in_config_files_name_file_and_fix(refused, tmp_path, text, expected) -> None:
    file = tmp_path / "options.toml"
    file.write_text(text)
    line = refused("train", "--config", file, "--dry-run")
    assert expected in line
    assert "options.toml" in line


def test_without_data_the_first_line_says_which_images(reparam, shapes_file, tmp_path) -> None:
    words = ("train", *SMALL, "--epochs", "1", "--train-size", "40", "--sample-every", "0")
    said = reparam(*words, "--out", tmp_path / "digits")
    assert said.status == 0
    assert said.err.splitlines()[0] == (
        "reparam train: no DATA is named, so this trains on digits. Fix: for your own pictures, "
        "`reparam train FOLDER`"
    )
    file = tmp_path / "options.toml"
    file.write_text(f"source = {json.dumps(str(shapes_file))}\n")
    for number, named in enumerate(([shapes_file], ["--config", file])):
        said = reparam("train", *named, *words[1:], "--out", tmp_path / str(number))
        assert said.status == 0
        assert "no DATA" not in said.err


def test_a_run_is_not_overwritten_unless_asked(refused, reparam, shapes_file, tmp_path) -> None:
    out = train_tiny(shapes_file, tmp_path / "run", "ae")
    first = (out / "config.json").read_text()
    assert "holds a run already" in refused("train", shapes_file, "--out", out)
    assert (out / "config.json").read_text() == first
    words = ("train", shapes_file, "--out", out, "--overwrite", "--epochs", "1", *SMALL)
    assert reparam(*words, "--quiet").status == 0
    assert json.loads((out / "config.json").read_text())["training"]["epochs"] == 1


def test_a_folder_of_other_things_is_never_overwritten(refused, shapes_file, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("two years of work")
    line = refused("train", shapes_file, "--out", tmp_path, "--overwrite")
    assert "holds other files" in line
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("name", [".git/precious", "figures/mine.psd", "notes.txt"])
def test_foreign_files_inside_a_run_are_never_deleted(refused, ae_run, tmp_path, name) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(ae_run, run)
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text("mine")
    line = refused("train", "digits", "--out", run, "--overwrite")
    assert name in line
    assert (run / name).read_text() == "mine"


def test_a_report_replaces_reports_and_nothing_else(refused, reparam, ae_run, tmp_path) -> None:
    out = tmp_path / "page.html"
    assert reparam("report", ae_run, "--out", out).status == 0
    assert reparam("report", ae_run, "--out", out).status == 0
    assert "must end in .html" in refused("report", ae_run, "--out", tmp_path / "data.npz")
    out.write_text("<html>my homepage</html>")
    assert "no report of reparam's" in refused("report", ae_run, "--out", out)
    assert out.read_text() == "<html>my homepage</html>"


def test_batch_norm_can_be_put_on_and_off(reparam) -> None:
    for words, expected in (
        (["--model", "ae-functional"], True),
        (["--model", "ae-functional", "--no-batch-norm"], False),
        (["--model", "ae-functional", "--batch-norm"], True),
        (["--model", "ae", "--no-batch-norm"], False),
        (["--model", "ae", "--batch-norm"], True),
    ):
        config = json.loads(reparam("train", *words, "--dry-run").out)
        assert config["model"]["encoder"]["batch_norm"] is expected
        assert config["model"]["decoder"]["batch_norm"] is expected


@pytest.mark.parametrize("beside", [[], ["src.py"]], ids=["alone", "with code"])
def test_a_config_json_of_another_program_is_never_overwritten(
    refused, shapes_file, tmp_path, beside
) -> None:
    for name in beside:
        (tmp_path / name).write_text("code")
    (tmp_path / "config.json").write_text('{"format": 1, "name": "somebody else\'s"}')
    assert "holds other files" in refused("train", shapes_file, "--out", tmp_path, "--overwrite")
    assert (tmp_path / "config.json").exists()


def test_a_folder_that_cannot_be_written_ends_in_one_line(refused, shapes_file, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refused("train", shapes_file, "--out", tmp_path / "file" / "run", *SMALL)


def test_an_unfinished_run_has_no_report_yet(refused, vae_run, tmp_path) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(vae_run, run)
    (run / "result.json").unlink()
    line = refused("report", run, "--out", tmp_path / "report.html")
    assert "of a finished run, got an unfinished one" in line
    assert f"reparam resume {run}" in line


def test_a_config_file_of_another_model_is_not_mixed(refused, vae_run) -> None:
    line = refused("train", "--config", vae_run / "config.json", "--model", "ae", "--dry-run")
    assert "'vae', got 'ae'" in line


def test_flags_win_over_files_also_for_recipes(reparam, vae_run) -> None:
    words = ("train", "--config", vae_run / "config.json", "--recipe", "quick", "--dry-run")
    assert json.loads(reparam(*words).out)["training"]["schedule"] == "one-cycle"


def test_config_files_take_the_commands_own_options(reparam, shapes_file, tmp_path) -> None:
    file = tmp_path / "options.toml"
    text = f"data = '{shapes_file}'\nmodel = 'ae'\nout = '{tmp_path / 'here'}'\nquiet = true\n"
    file.write_text(text + "epochs = 1\n")
    said = reparam("train", "--config", file, *SMALL)
    assert (said.status, said.err) == (0, "")
    assert json.loads((tmp_path / "here" / "config.json").read_text())["preset"] == "ae"


def test_home_is_a_tilde_in_config_files_too(
    reparam, shapes_file, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(here)
    text = f"data = '{shapes_file}'\nout = '~/run'\nepochs = 1\n"
    (home / "options.toml").write_text(text)
    said = reparam("train", "--config=~/options.toml", "--quiet", *SMALL)
    assert said.status == 0, said.err
    assert (home / "run" / "config.json").exists()
    assert not list(here.iterdir())


def test_a_tilde_before_a_name_that_is_no_users_is_part_of_it(
    reparam, refused, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = tmp_path / "~nobody_photos"
    pictures.mkdir()
    for i, pixels in enumerate(shapes(20)[0]):
        Image.fromarray(pixels).save(pictures / f"{i:02}.png")
    words = ("--out=~nobody_run", "--epochs", "1", "--recipe", "quick", "--quiet")
    said = reparam("train", "~nobody_photos", *words)
    assert said.status == 0, said.err
    assert reparam("encode", "~nobody_run", "~nobody_photos", "--out", "~z.csv").status == 0
    assert reparam("decode", "~nobody_run", "~z.csv").status == 0
    assert "~nobody_else/run: no such run folder" in refused("score", "~nobody_else/run")


def test_a_run_folder_tells_how_it_was_made(ae_run: Path, vae_run: Path) -> None:
    record = json.loads((vae_run / "config.json").read_text())
    assert record["command"].startswith("reparam train ")
    assert record["versions"]["torch"] == torch.__version__
    lines = [json.loads(line) for line in (vae_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    factor = record["model"]["likelihood"]["weight"]
    for line in lines:
        for part in ("train", "valid"):
            mse, kl = line[f"{part}_mse"], line[f"{part}_rate_nats"]
            assert line[f"{part}_loss_article"] == pytest.approx(factor * mse + kl)
    assert (
        json.loads((ae_run / "metrics.jsonl").read_text().splitlines()[0])["train_rate_nats"] == 0
    )


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda run: (run / "config.json").unlink(), "config.json is missing"),
        (lambda run: cut(run / "config.json"), "cut short or damaged"),
        (
            lambda run: newer(run / "config.json"),
            "its format must be at most 2, got 99: written by a newer reparam",
        ),
        (lambda run: cut(run / "model.safetensors"), "model.safetensors: damaged"),
        (lambda run: (run / "model.safetensors").unlink(), "model.safetensors: no such file"),
        (
            lambda run: cut(run / "metrics.jsonl"),
            "metrics.jsonl: must have a line for each of 2 epochs, got ",
        ),
        (
            lambda run: (run / "result.json").write_text("{}"),
            "result.json does not belong to the run's config.json: it was changed",
        ),
        (lambda run: (run / "model.safetensors").write_bytes(b"hello"), "damaged or not a safe"),
    ],
    ids=range(8),
)
def test_damaged_runs_are_refused_by_name(damage, expected, refused, vae_run, tmp_path) -> None:
    import shutil

    run = tmp_path / "run"
    shutil.copytree(vae_run, run)
    damage(run)
    line = refused("report", run, "--out", tmp_path / "report.html")
    assert expected in line
    assert not (tmp_path / "report.html").exists()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def newer(path: Path) -> None:
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))


def test_ctrl_c_saves_says_how_to_go_on_and_the_rest_is_bit_equal(
    reparam, shapes_file, tmp_path
) -> None:
    """A real process, a real SIGINT."""
    words = ["train", str(shapes_file), *SMALL, "--epochs", "60", "--batch-size", "4"]
    words += ["--precision", "float32", "--sample-every", "0"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    process = subprocess.Popen(
        [sys.executable, "-m", "reparam.cli.main", *words, "--out", str(stopped)],
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    deadline = time.monotonic() + 60
    while not (stopped / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"reparam resume {stopped}" in said.splitlines()[-1]
    assert "Traceback" not in said
    done = len((stopped / "metrics.jsonl").read_text().splitlines())
    assert 1 <= done < 60

    assert reparam("resume", stopped, "--quiet").status == 0
    assert reparam(*words, "--out", whole, "--quiet").status == 0
    a, b = load_file(whole / "model.safetensors"), load_file(stopped / "model.safetensors")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_plain_progress_names_terms_and_time(reparam, shapes_file, tmp_path) -> None:
    words = ("train", shapes_file, "--out", tmp_path / "run", *SMALL, "--epochs", "2")
    plan, start, first, *_, last, title, report, explore, _, _ = reparam(*words).err.splitlines()
    assert title == "next:"
    assert report.startswith(f"  reparam report {tmp_path / 'run'}  ")
    assert explore.startswith(f"  reparam explore {tmp_path / 'run'} ")
    assert all(part in plan for part in ("43 train", "5 valid", "12 test", "r_loss_factor", "β"))
    assert "43 images, 2 epochs" in start
    parts = ("epoch 1/2", "mse", "per pixel", "rate", "nats", "images/s", "left")
    assert all(part in first for part in parts)
    assert "on 12 test images" in last


def test_what_comes_next_says_what_it_needs(reparam, shapes_file, tmp_path, monkeypatch) -> None:
    from reparam import extras

    there = extras.is_installed
    monkeypatch.setattr(extras, "is_installed", lambda name: name != "jinja2" and there(name))
    words = ("train", shapes_file, "--out", tmp_path / "run", *SMALL, "--epochs", "1")
    report, *others = reparam(*words).err.splitlines()[-4:]
    assert report.endswith("in pictures (first: pip install 'reparam[report]')")
    assert not any("pip install" in line for line in others)


def test_quiet_says_nothing(reparam, shapes_file, tmp_path) -> None:
    words = ("train", shapes_file, "--out", tmp_path / "run", *SMALL, "--epochs", "1", "--quiet")
    said = reparam(*words)
    assert (said.status, said.out, said.err) == (0, "", "")


def test_samples_and_tensorboard(reparam, shapes_file, tmp_path) -> None:
    out = tmp_path / "run"
    words = ("train", shapes_file, "--out", out, *SMALL, "--epochs", "2", "--batch-size", "4")
    assert reparam(*words, "--sample-every", "5", "--tensorboard", "--quiet").status == 0
    names = sorted(path.name for path in (out / "samples").iterdir())
    assert names[:3] == [f"epoch_0001_batch_{batch:05d}.png" for batch in (1, 6, 11)]
    assert len(names) == 2 * 3
    assert list((out / "tensorboard").glob("events.*"))


def test_watching_does_not_change_the_run(shapes_file, tmp_path) -> None:
    plain = train_tiny(shapes_file, tmp_path / "plain", "vae")
    watched = train_tiny(shapes_file, tmp_path / "watched", "vae", "--sample-every", "1")
    a, b = load_file(plain / "model.safetensors"), load_file(watched / "model.safetensors")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_early_stop(reparam, shapes_file, tmp_path) -> None:
    out = tmp_path / "run"
    words = ("train", shapes_file, "--out", out, *SMALL, "--epochs", "50", "--early-stop", "1")
    assert reparam(*words, "--learning-rate", "0.5", "--quiet").status == 0
    result = json.loads((out / "result.json").read_text())
    assert result["epochs"] < 50
    assert result["epochs"] - result["best_epoch"] == 1


def test_report_of_two_runs(reparam, ae_run: Path, vae_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report.html"
    said = reparam("report", ae_run, vae_run, "--out", out, "--figures", tmp_path / "figures")
    assert said.status == 0
    assert str(out) in said.out
    assert (tmp_path / "figures" / "vae" / "21-quantile-grid.png").exists()
    assert "AE" in out.read_text()


def test_demo_on_own_images(reparam, refused, shapes_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    own = ("--seed", "0", "--device", "cpu", "--valid-fraction", "0.2")
    said = reparam("demo", "--data", shapes_file, "--out", out, "--lang", "ko", "--quiet", *own)
    assert said.status == 0, said.err
    assert said.out.splitlines()[0] == str(out / "report.html")
    ae, vae = (json.loads((out / m / "config.json").read_text()) for m in ("ae", "vae"))
    assert ae["seed"] == vae["seed"]
    assert ae["data"] == vae["data"]
    assert 'lang="ko"' in (out / "report.html").read_text()
    alone = reparam(*shlex.split(ae["command"])[1:], "--dry-run")  # what makes the AE's run again
    assert {**ae, **json.loads(alone.out)} == ae
    words = ("demo", "--data", shapes_file, "--out", out, *own)
    assert "--overwrite" in refused(*words, "--seed", "5")


@pytest.mark.slow
def test_the_same_demo_continues_and_makes_its_report_anew(
    reparam, shapes_file: Path, tmp_path: Path
) -> None:
    words = ("demo", "--data", shapes_file, "--out", tmp_path / "demo", "--quiet")
    weights = tmp_path / "demo" / "vae" / "model.safetensors"
    assert reparam(*words, "--lang", "ko").status == 0
    stamp = weights.stat().st_mtime_ns
    assert reparam(*words).status == 0
    assert weights.stat().st_mtime_ns == stamp
    assert 'lang="en"' in (tmp_path / "demo" / "report.html").read_text()


def test_the_demos_last_line_starts_this_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the shell finds it: by its name, by its path, or as a module."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "reparam"
    script.write_text("#!/bin/sh")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), "demo"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert _program() == ["bin/reparam"]
    monkeypatch.setenv("PATH", str(folder))
    assert _program() == ["reparam"]
    monkeypatch.setattr(sys, "argv", ["/x/reparam/__main__.py", "demo"])
    assert _program() == [sys.executable, "-m", "reparam"]


def test_a_prior_that_the_loss_cannot_have_is_refused_before_training(
    refused, shapes_file: Path, tmp_path: Path
) -> None:
    vae = ("train", shapes_file, "--out", tmp_path / "run", "--prior", "box")
    assert "got box, which is known when training has ended" in refused(*vae)
    ae = ("train", shapes_file, "--out", tmp_path / "run", "--model", "ae", "--prior", "mixture")
    assert "objective must have a rate for prior mixture to learn from" in refused(*ae)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("fraction", ["0", "0.1"])
def test_a_demo_with_too_few_held_out_images_goes_without_a_scorecard(
    reparam, shapes_file: Path, tmp_path: Path, fraction: str
) -> None:
    few = ("--test-fraction", fraction, "--valid-fraction", "0")
    out = tmp_path / "demo"
    said = reparam("demo", "--data", shapes_file, "--out", out, *few, "--quiet")
    assert said.status == 0, said.err
    assert "the report goes without a scorecard" in said.err
    assert "raise --test-fraction" in said.err or "hold more of them out" in said.err
    assert (out / "report.html").exists()


def test_what_a_file_manager_leaves_in_a_demo_is_in_nobodys_way(tmp_path) -> None:
    options = DemoOptions(out=tmp_path / "demo")
    (options.out / "figures").mkdir(parents=True)
    for name in (".DS_Store", ".unfinished-report.html.x", "figures/Thumbs.db"):
        (options.out / name).write_bytes(b"x")
    _check_room(options)
    (options.out / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match=r"letter\.txt"):
        _check_room(options)


def test_a_mistyped_demo_keeps_the_old_one(refused, tmp_path) -> None:
    old = tmp_path / "demo" / "report.html"
    old.parent.mkdir()
    old.write_text("yesterday's")
    refused("demo", "--data", "digitz", "--out", old.parent, "--overwrite")
    assert old.read_text() == "yesterday's"


STUMBLING = """
from dataclasses import dataclass

import torch

import reparam as rp


@rp.ENCODERS.register("stumbling")
@dataclass(frozen=True)
class StumblingOptions(rp.EncoderOptions):
    \"\"\"Fails in its first step.\"\"\"

    def build(self, image_shape):
        return Stumbling(image_shape)


class Stumbling(rp.Encoder):
    def __init__(self, image_shape):
        super().__init__()
        self.image_shape, self.feature_shape = image_shape, (4,)

    def forward(self, x, labels=None):
        if self.training and torch.is_grad_enabled():  # not when parts are checked
            raise RuntimeError("not written yet")
        return x.flatten(1)[:, :4]
"""


def test_a_run_whose_first_step_failed_is_in_nobodys_way(shapes_file, vae_run, tmp_path) -> None:
    """One writes a plug-in by running it again and again. A run that has trained is kept."""
    plugin, out = tmp_path / "mine.py", tmp_path / "run"
    plugin.write_text(STUMBLING)
    words = ["train", shapes_file, "--plugin", plugin, "--encoder", "stumbling", "--out", out]
    words += ["--precision", "float32", "--kernels", "pytorch"]  # else it may fail while timed
    command = [sys.executable, "-m", "reparam", *map(str, words), "--quiet"]
    said = subprocess.run(command, capture_output=True, text=True)
    assert "RuntimeError: not written yet" in said.stderr
    assert (out / "checkpoints" / "last.safetensors").exists()
    check_free(out, overwrite=False)
    write_mapping(out / "arithmetic.json", {"precision": "float32"})  # what was timed before it
    check_free(out, overwrite=False)
    shutil.rmtree(out / "checkpoints")  # or it failed while timed
    check_free(out, overwrite=False)
    with pytest.raises(RunError, match="holds a run already"):
        check_free(vae_run, overwrite=False)
    shutil.copytree(vae_run / "checkpoints", out / "checkpoints")  # all that is left of a run
    with pytest.raises(RunError, match="holds a run already"):
        check_free(out, overwrite=False)


def test_a_decay_that_the_schedule_does_not_know_is_refused(refused, shapes_file, tmp_path) -> None:
    words = ("train", shapes_file, "--out", tmp_path / "run", "--schedule", "one-cycle")
    for option, value in (("--decay", 0.9), ("--decay-every", 2)):
        assert "must come with schedule step" in refused(*words, option, value)
    assert not (tmp_path / "run").exists()


def test_a_run_says_that_its_many_images_are_not_moved(reparam, shapes_file, tmp_path) -> None:
    words = ("train", shapes_file, "--flip", "--epochs", 1, "--sample-every", 0)
    for least, expected in ((10, True), (100_000, False)):
        out = tmp_path / str(least)
        said = reparam(*words, "--augment-below", least, "--out", out)
        assert said.status == 0, said.err
        assert (f"shown as they are, being many (--augment-below {least})" in said.err) is expected
