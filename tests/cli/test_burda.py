"""A run of dense layers with a Bernoulli likelihood, through every command: nats, and no weight."""

import json
from pathlib import Path

import numpy as np
import pytest

from reparam.cli.main import run
from reparam.report.page import chapter, render
from reparam.runs import Run, look_at

WIDTHS = ("--encoder-widths", "16", "--decoder-widths", "16", "--latent-dim", "3")
TRAINING = ("--epochs", "2", "--precision", "float32", "--sample-every", "2", "--batch-size", "16")


@pytest.fixture(scope="module")
def burda_run(shapes_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "burda"
    args = [str(shapes_file), "--model", "burda", "--out", str(out), *WIDTHS, *TRAINING, "--quiet"]
    assert run(["train", *args]) == 0
    return out


def test_training_tells_nats(shapes_file: Path, tmp_path: Path, reparam) -> None:
    out = tmp_path / "run"
    said = reparam("train", shapes_file, "--model", "burda", "--out", out, *WIDTHS, *TRAINING)
    assert said.status == 0
    assert "bernoulli likelihood: losses in nats, no weight" in said.err
    assert "weight 1" not in said.err
    assert "article's units), " not in said.err
    assert "nats" in said.err.splitlines()[-1]


def test_info_shows_what_there_is(burda_run: Path, reparam) -> None:
    said = reparam("info", burda_run)
    assert said.status == 0
    assert "dense, tanh" in said.out
    assert "training curve: loss in nats" in said.out
    assert "factor" not in said.out
    facts = json.loads(reparam("info", burda_run, "--json").out)
    assert facts["weight"] == {
        "r_loss_factor": None,
        "sigma": None,
        "beta": None,
        "in_words": "bernoulli likelihood: losses in nats, no weight",
        "moves": False,
    }
    assert facts["config"]["model"]["likelihood"] == {"type": "bernoulli"}
    result = facts["result"]["test"]
    assert result["loss_nats"] == pytest.approx(result["distortion_nats"] + result["rate_nats"])
    assert len(list((burda_run / "samples").iterdir())) > 0


@pytest.mark.parametrize(
    ("command", "files"), [("encode", "latents.csv"), ("reconstruct", "again"), ("sample", "drawn")]
)
def test_other_commands_take_it(command, files, burda_run, tmp_path, shapes_file, reparam) -> None:
    more = {"encode": [shapes_file], "reconstruct": [shapes_file], "sample": ["--count", "3"]}[
        command
    ]
    said = reparam(command, burda_run, *more, "--out", tmp_path / files)
    assert said.status == 0, said.err
    assert (tmp_path / files).exists()


def test_the_report_does_without_convolutions_and_weight(burda_run, vae_run):
    views = [look_at(run, run.images()) for run in map(Run.open, (burda_run, vae_run))]
    drawn = [chapter(view, None, "en") for view in views]
    assert "no weight to choose" in render(drawn, "en", "reparam report", None)
    alone = [chapter(views[0], None, "ko")]
    assert "따로 고를 가중치가 없습니다" in render(alone, "ko", "reparam report", None)


def test_an_ae_may_have_a_bernoulli_likelihood_too(shapes_file, tmp_path, reparam) -> None:
    out = tmp_path / "ae"
    parts = ("--encoder", "mlp", "--decoder", "mlp", "--likelihood", "bernoulli")
    said = reparam("train", shapes_file, "--model", "ae", "--out", out, *parts, *WIDTHS, *TRAINING)
    assert said.status == 0, said.err
    result = json.loads((out / "result.json").read_text())["test"]
    assert result["rate_nats"] == 0
    assert np.isfinite(result["loss_nats"])


def test_what_cannot_be_is_refused(shapes_file, tmp_path, refused) -> None:
    args = ("train", shapes_file, "--model", "burda", "--out", tmp_path / "run")
    assert "'--batch-norm' belongs to encoder convolutional" in refused(*args, "--batch-norm")
    tanh = refused(*args, "--output-activation", "tanh")
    assert "output_activation must be sigmoid for a likelihood that takes logits, got tanh" in tanh


@pytest.mark.parametrize("name", ["weight", "beta", "sigma", "target-mse", "target-rate"])
def test_a_weight_is_refused(name, shapes_file, tmp_path, refused) -> None:
    args = ("train", shapes_file, "--model", "burda", "--out", tmp_path / "run")
    assert f"'--{name}' belongs to likelihood gaussian" in refused(*args, f"--{name}", "3.0")
