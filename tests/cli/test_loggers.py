"""Loggers get what the run folder gets, and read back as their own packages read."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from reparam.arguments import config_of
from reparam.errors import ConfigError
from reparam.loggers import TensorBoardOptions
from reparam.runs import Run, TrainingConfig

Logged = dict[int, dict[str, float]]
"""Step → the numbers of the epoch that ended there."""

TINY = "--encoder mlp --decoder mlp --encoder-widths 8 --decoder-widths 8 --precision float32"
EPOCHS = f"{TINY} --latent-dim 2 --batch-size 16 --epochs 2".split()


def of_folder(run: Path) -> Logged:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = {
        line["step"]: {
            name: value
            for name, value in line.items()
            if name not in ("step", "warnings", "digest")
        }
        for line in lines
    }
    assert all(isinstance(v, int | float) for values in kept.values() for v in values.values())
    return kept


def pictures(run: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file)) for file in sorted((run / "samples").iterdir())]


def assert_logged(found: Logged, expected: Logged, tolerance: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for step, values in expected.items():
        assert found[step].keys() == values.keys()
        for name, value in values.items():
            assert found[step][name] == pytest.approx(value, rel=tolerance, abs=1e-30), name


def assert_same_pictures(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(found) == len(expected) > 0
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a.reshape(b.shape), b)


def by_step(series: Mapping[str, list[tuple[int, float]]]) -> Logged:
    logged: Logged = {}
    for name, values in series.items():
        for step, value in values:
            assert name not in logged.setdefault(step, {}), f"{name} twice at step {step}"
            logged[step][name] = value
    return logged


@pytest.fixture(scope="module")
def logged_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs with every logger in a process of its own, and a third in a resumed one. What they
    connect to is in connects.txt beside the run, where strace can tell.
    """
    folder = tmp_path_factory.mktemp("logged")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "MLFLOW"))}
    env |= {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    trace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-e",
        "trace=connect",
        "-o",
        str(folder / "connects.txt"),
    ]
    words = [*EPOCHS, "--sample-every", "2", "--logger", "tensorboard", "wandb", "mlflow"]
    for prefix, args in (
        (trace if shutil.which("strace") else [], ["train", str(shapes_file), "--out", *words]),
        ([], ["resume", "--epochs", "3"]),
    ):
        place = args.index("--out") + 1 if "--out" in args else 1
        args = [*args[:place], str(folder / "run"), *args[place:], "--quiet"]
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "reparam", *args],
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=580,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert not done.stdout
    return folder / "run"


@pytest.mark.slow
def test_tensorboard_has_all(logged_run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logged_run / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    series = {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }
    assert_logged(by_step(series), of_folder(logged_run), tolerance=1e-6)  # it keeps float32
    images = [
        np.asarray(Image.open(BytesIO(event.encoded_image_string)).convert("L"))
        for event in events.Images("sample")
    ]
    assert_same_pictures(images, pictures(logged_run))
    hparams = events.SummaryMetadata("_hparams_/session_start_info")
    assert b"learning_rate" in hparams.plugin_data.content


def wandb_records(file: Path) -> Iterator[Any]:
    """W&B's messages in one of its files, which is a log as LevelDB writes it: W&B has no reader in
    Python since 0.20. https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, message = file.read_bytes(), 7, b""
    assert content[:4] == b":W&B"
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        message += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole one, or the last part of one
            record = Record()
            record.ParseFromString(message)
            yield record
            message = b""


@pytest.mark.slow
def test_wandb_has_all(logged_run: Path) -> None:
    series: dict[str, list[tuple[int, float]]] = {}
    found, ids, config = [], set(), {}
    sessions = sorted((logged_run / "wandb").glob("offline-run-*"))
    assert len(sessions) == 2
    for session in sessions:
        (file,) = session.glob("*.wandb")
        for record in wandb_records(file):
            if record.HasField("run"):
                ids.add(record.run.run_id)
                updates = record.run.config.update
                config |= {item.key: json.loads(item.value_json) for item in updates}
            for item in record.history.item:
                name, step = list(item.nested_key) or [item.key], record.history.step.num
                value = json.loads(item.value_json)
                if name == ["sample", "path"]:
                    found.append(np.asarray(Image.open(session / "files" / value)))
                elif len(name) == 1 and not name[0].startswith("_"):
                    series.setdefault(name[0], []).append((step, value))
    assert ids == {Run.open(logged_run).facts.id}
    assert_logged(by_step(series), of_folder(logged_run))
    assert_same_pictures(found, pictures(logged_run))
    training = Run.open(logged_run).config.training
    assert config["learning_rate"] == training.learning_rate
    assert config["encoder"] == "mlp"
    assert config["epochs"] == training.epochs == 3


@pytest.mark.slow
def test_mlflow_has_all(logged_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    client = MlflowClient((logged_run / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("reparam")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["encoder_widths"] == "8"
    assert run.data.params["learning_rate"] == str(
        Run.open(logged_run).config.training.learning_rate
    )
    series = {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
    }
    assert_logged(by_step(series), of_folder(logged_run))
    files = client.list_artifacts(run.info.run_id, "samples")
    images = [
        np.asarray(Image.open(client.download_artifacts(run.info.run_id, file.path)))
        for file in files
    ]
    assert_same_pictures(images, pictures(logged_run))


@pytest.mark.slow
def test_nothing_is_sent(logged_run: Path) -> None:
    """Also by W&B's own process, which Python cannot watch."""
    trace = logged_run.parent / "connects.txt"
    if not trace.exists():
        pytest.skip("strace is not installed")
    families = [line for line in trace.read_text().splitlines() if "sa_family=" in line]
    assert families, "W&B talks to its process through a socket"
    assert not [line for line in families if "sa_family=AF_UNIX" not in line]


@pytest.mark.slow
def test_what_loggers_wrote_is_the_runs_own(reparam, logged_run, shapes_file, tmp_path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(logged_run, copy, symlinks=True)
    words = ("train", shapes_file, "--out", copy, *EPOCHS, "--sample-every", "0", "--quiet")
    assert reparam(*words, "--overwrite").status == 0
    assert not {"tensorboard", "wandb", "mlflow"} & {entry.name for entry in copy.iterdir()}


def test_the_old_spelling(reparam, shapes_file, tmp_path) -> None:
    out = tmp_path / "run"
    words = ("train", shapes_file, "--out", out, *EPOCHS, "--sample-every", "0", "--tensorboard")
    said = reparam(*words, "--quiet")
    assert said.status == 0
    assert said.err.count("option tensorboard is deprecated") == 1
    assert "reparam train: option tensorboard is deprecated" in said.err
    assert list((out / "tensorboard").glob("events.*"))
    with pytest.warns(FutureWarning, match="VAE: option tensorboard is deprecated"):
        config_of("vae", "VAE", {"tensorboard": True})
    both = TrainingConfig(tensorboard=True, logger=(TensorBoardOptions(),))
    assert both.loggers == TrainingConfig(tensorboard=True).loggers == (TensorBoardOptions(),)
    with pytest.raises(ConfigError, match="logger must be different ones"):
        TrainingConfig(logger=(TensorBoardOptions(), TensorBoardOptions()))


@pytest.mark.parametrize("section", ["", "[training]\n"])
def test_the_old_spelling_in_a_file(section, reparam, shapes_file, tmp_path) -> None:
    """It is said once; the config.json of a run, which lists every option, says nothing."""
    file, out = tmp_path / "options.toml", tmp_path / "run"
    file.write_text(f"{section}tensorboard = true\n")
    words = ("train", shapes_file, *EPOCHS, "--sample-every", "0", "--quiet")
    said = reparam(*words, "--out", out, "--config", file)
    assert said.status == 0
    assert said.err.count("option tensorboard is deprecated") == 1
    assert f"config file {file}: option tensorboard is deprecated" in said.err
    assert list((out / "tensorboard").glob("events.*"))
    again = reparam("train", "--config", out / "config.json", "--dry-run")
    assert again.status == 0
    assert "deprecated" not in again.err


PLUGIN = '''
from dataclasses import dataclass
import reparam as rp

@rp.LOGGERS.register("{name}")
@dataclass(frozen=True)
class Options(rp.LoggerOptions):
    """Lines in a file."""

    {package}

    fails: str = ""
    """When it fails."""

    def build(self, run):
        if self.fails == "build":
            raise OSError(28, "No space left on device")
        return Lines(run, self.fails)

class Lines(rp.Logger):
    def __init__(self, run, fails):
        run.folder.mkdir(exist_ok=True)
        self.file, self.fails = run.folder / "lines", fails
        self.write(f"begin {{run.first_step}} {{run.options['latent_dim']}}")

    def write(self, line):
        with self.file.open("a") as file:
            file.write(line + "\\n")

    def metrics(self, values, step):
        if self.fails == "metrics":
            raise RuntimeError("no\\nmore")
        self.write(f"metrics {{step}} {{values['epoch']}}")

    def picture(self, file, step):
        self.write(f"picture {{step}} {{file.name}}")

    def close(self):
        self.write("close")
'''


def plugin(folder: Path, name: str, package: str = "") -> Path:
    file = folder / f"{name.replace('-', '_')}.py"
    file.write_text(PLUGIN.format(name=name, package=f"package = {package!r}" if package else ""))
    return file


def test_a_logger_of_a_plugin_and_one_that_fails(reparam, shapes_file, tmp_path) -> None:
    """The second is told no more after its failure, the first of everything; the run's weights are
    those without loggers."""
    words = ("train", shapes_file, *EPOCHS, "--sample-every", "2")
    assert reparam(*words, "--out", tmp_path / "plain", "--quiet").status == 0
    plugins = ("--plugin", plugin(tmp_path, "lines"), "--plugin", plugin(tmp_path, "broken"))
    named = (*plugins, "--logger", "broken", "lines", "--broken-fails", "metrics")
    said = reparam(*words, "--out", tmp_path / "run", *named, "--quiet")
    assert said.status == 0
    assert said.err.count("logger broken gets no more") == 1
    assert "RuntimeError: no" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert (tmp_path / "run/lines/lines").read_text().splitlines() == [
        "begin 0 2",
        "picture 1 epoch_0001_batch_00001.png",
        "picture 3 epoch_0001_batch_00003.png",
        "metrics 3 1",
        "picture 4 epoch_0002_batch_00001.png",
        "picture 6 epoch_0002_batch_00003.png",
        "metrics 6 2",
        "close",
    ]
    lines = (tmp_path / "run/broken/lines").read_text().splitlines()
    assert lines[-1] == "close"
    assert not [line for line in lines if line.startswith("metrics")]
    a, b = (load_file(tmp_path / run / "model.safetensors") for run in ("plain", "run"))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_logger_that_cannot_begin(reparam, shapes_file, tmp_path) -> None:
    out = tmp_path / "run"
    plugins = ("--plugin", plugin(tmp_path, "first"), "--plugin", plugin(tmp_path, "full"))
    named = (*plugins, "--logger", "first", "full", "--full-fails", "build")
    words = ("train", shapes_file, *EPOCHS, "--out", out, "--sample-every", "0", "--quiet")
    said = reparam(*words, *named)
    assert said.status == 2
    assert len(said.err.strip().splitlines()) == 1
    assert "logger full must be able to begin" in said.err
    assert "No space left on device" in said.err
    assert "reparam resume" in said.err
    assert (out / "first/lines").read_text().splitlines() == ["begin 0 2", "close"]
    assert not (out / "metrics.jsonl").exists()


def test_a_missing_package_is_said_first(reparam, tmp_path, monkeypatch) -> None:
    """Before images are read; a folder that only has the package's name is none."""
    (tmp_path / "folder_of_that_name").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name, package in (("missing", "no_such_package"), ("empty", "folder_of_that_name")):
        file = plugin(tmp_path, f"logger-{name}", package)
        words = ("train", tmp_path / "no-images", "--out", tmp_path / "run", "--plugin", file)
        said = reparam(*words, "--logger", f"logger-{name}")
        assert said.status == 2
        assert f"must have the package {package}" in said.err
        assert "pip install 'reparam[" in said.err
        assert not (tmp_path / "run").exists()
    said = reparam("train", "digits", "--wandb-project", "mine")
    assert said.status == 2
    assert "belongs to logger wandb" in said.err
    assert "take --logger wandb" in said.err


def test_a_resumed_session_hides_what_comes_again(shapes_file, tmp_path) -> None:
    """As after a kill: the epochs behind the last checkpoint were logged already."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from reparam.loggers import LoggedRun

    folder = tmp_path / "tensorboard"
    for first, values in ((0, {3: 1.0, 6: 2.0, 9: 3.0}), (3, {6: 2.5, 9: 3.5})):
        logger = TensorBoardOptions().build(LoggedRun(folder, "run", "id", {"a": 1}, first))
        for step, value in values.items():
            logger.metrics({"mse": value}, step)
        logger.close()
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("mse")] == [(3, 1.0), (6, 2.5), (9, 3.5)]


def test_estimators_log_too(shapes_file: Path, tmp_path: Path) -> None:
    import reparam

    images = np.load(shapes_file)["images"]
    options = {"encoder": {"type": "mlp", "widths": [8]}, "decoder": {"type": "mlp", "widths": [8]}}
    vae = reparam.VAE(epochs=1, logger="tensorboard", out=tmp_path / "run", **options)
    vae.fit(images)
    assert list((tmp_path / "run/tensorboard").glob("events.*"))
