"""Runs whose losses have other units than the article's, through train, info, score and report."""

import json
from pathlib import Path

import pytest

from reparam.runs import Run

from .conftest import Command
from .test_burda import TRAINING, WIDTHS
from .test_score import SMALL, TINY

OPTIONS = {
    "burda": ("--model", "burda", *WIDTHS, *TRAINING),
    "auto": ("--model", "vae", "--weight", "auto", *TINY),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_command_knows_the_units_of_a_run(
    kind: str, shapes_file: Path, tmp_path: Path, reparam: Command
) -> None:
    out, page = tmp_path / "run", tmp_path / "report.html"
    said = reparam("train", shapes_file, "--out", out, *OPTIONS[kind])
    assert said.status == 0, said.err
    assert "the negative ELBO" in said.err
    last = Run.open(out).metrics()[-1].to_mapping()
    assert ("σ" in said.err, "sigma" in last, "train_mse" in last) == (kind == "auto",) * 3
    assert last["train_loss_nats"] == pytest.approx(
        last["train_distortion_nats"] + last["train_rate_nats"]
    )

    said = reparam("info", out, "--json")
    assert said.status == 0, said.err
    weight = json.loads(said.out)["weight"]
    assert weight["moves"] == (kind == "auto")
    assert ("σ" in weight["in_words"]) == (kind == "auto")
    result = Run.open(out).result().to_mapping()
    if kind == "auto":
        assert weight["beta"] == pytest.approx(result["weight"]["beta"])
        assert weight["beta"] == pytest.approx(result["train"]["mse"], rel=1e-4)
    else:
        assert weight["sigma"] is None

    said = reparam("score", out, *SMALL, "--json")
    assert said.status == 0, said.err
    measures = json.loads(said.out)[0]["measures"]
    assert measures["elbo"]["value"] == pytest.approx(-result["test"]["loss_nats"], rel=0.2)

    said = reparam("report", out, "--out", page)
    assert said.status == 0, said.err
    found = (
        "σ² is the mean squared error of the training images"
        if kind == "auto"
        else "no weight to choose"
    )
    assert found in page.read_text()
