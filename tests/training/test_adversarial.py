"""The adversarial term in a run: late start, resume, guard, several processes, every command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from reparam.cli import main
from reparam.data import DataConfig, image_set_from_arrays
from reparam.evaluation import run_facts
from reparam.objective import AdversarialOptions
from reparam.runs import Run, RunConfig
from reparam.training import Event, Warned, train

from .resuming import assert_resumes

NAMES = ("adversarial", "adversarial_discriminator", "adversarial_margin", "adversarial_weight")


def with_game(config: RunConfig, **options: float) -> RunConfig:
    return replace(config, terms=(AdversarialOptions(channels=(8, 16), **options),))  # type: ignore[arg-type]


@pytest.mark.parametrize("stop", [(3, 6), (5, 2)], ids=["at its start", "mid-epoch"])
def test_stopped_and_resumed_is_bit_equal(stop, new_run, small, blobs) -> None:
    whole, stopped = (new_run(with_game(small(dropout=0.25)), name) for name in ("a", "b"))
    assert_resumes(whole, stopped, blobs, stop)
    found = load_file(whole.checkpoint)
    assert (found["optimiser.term_adversarial.0.exp_avg"] != 0).any()
    assert found["terms.adversarial.guard.lowest"] > 0


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_up_to_its_start_the_run_is_the_one_without_it(optimiser, new_run, small, blobs) -> None:
    config = small(epochs=4, optimiser=optimiser)
    plain, game = new_run(config, "plain"), new_run(with_game(config), "game")
    train(plain, blobs)
    train(game, blobs)
    for before, after in zip(plain.metrics(), game.metrics(), strict=True):
        for split in ("train", "valid"):
            theirs, own = dict(getattr(before, split)), dict(getattr(after, split))
            recorded = [own.pop(name) for name in NAMES]
            if after.epoch <= 2:
                assert own == pytest.approx(theirs, rel=1e-6)  # sums of more terms round otherwise
                assert recorded == [0, 0, 0, 0]
            else:
                assert own["mse"] != pytest.approx(theirs["mse"], rel=1e-6)
                assert 0 not in recorded
    steps = load_file(game.checkpoint)["optimiser.term_adversarial.0.step"]
    assert steps == 2 * len(blobs.splits["train"]) // 16 + 2, "those of two epochs"
    assert game.finished("it is").best_epoch == 4, "the last one, also where its loss is higher"
    assert run_facts(game).best_epoch == 4


def test_the_guard_acts_and_the_result_is_within_its_bound(new_run, small, blobs) -> None:
    config = small(epochs=8, learning_rate=5e-3)
    run = new_run(with_game(config, weight=1e4, start=0.5))
    heard: list[Event] = []
    train(run, blobs, [heard.append])
    errors = [epoch.valid["mse"] for epoch in run.metrics()]
    assert max(errors[4:]) > 1.1 * min(errors), "the setting is a bad one"
    weights = [epoch.train["adversarial_weight"] for epoch in run.metrics()]
    assert weights[4] > 0
    assert weights[5] == 0
    said = [event for event in heard if isinstance(event, Warned)]
    (warning,) = [event for event in said if event.kind.startswith("adversarial")]
    assert (warning.epoch, warning.kind) == (5, "adversarial_off")
    assert "Fix: a smaller --adversarial-weight" in str(warning)
    assert "adversarial_off" in run.metrics()[4].warnings
    result = run.finished("it is")
    assert result.splits["valid"]["mse"] <= 1.1 * min(errors)
    assert result.splits["valid"]["mse"] == pytest.approx(errors[result.best_epoch - 1], rel=1e-5)


def test_it_never_ends_early(new_run, small, blobs) -> None:
    """While its guard waits for the error to fall again, no epoch is the best."""
    config = small(epochs=8, learning_rate=5e-3, early_stop=1)
    run = new_run(with_game(config, weight=1e4, start=0.5))
    train(run, blobs)
    result = run.finished("it is")
    assert result.epochs == 8
    errors = [epoch.valid["mse"] for epoch in run.metrics()]
    assert errors[4] > 1.1 * min(errors[:4]), "the case is worth a test"


def test_without_held_out_images_it_goes_by_those_of_training(small, blobs, tmp_path) -> None:
    """And a likelihood that has no squared error in it has it measured."""
    images = image_set_from_arrays(
        blobs.images, blobs.labels, name="blobs", config=DataConfig(valid_fraction=0.0)
    )
    config = with_game(small(epochs=3, likelihood="bernoulli", valid_fraction=0.0))
    run = Run.create(tmp_path / "run", config, images, command="", overwrite=False)
    train(run, images)
    lowest = load_file(run.checkpoint)["terms.adversarial.guard.lowest"].item()
    assert lowest == pytest.approx(min(epoch.train["mse"] for epoch in run.metrics()), rel=1e-6)


@pytest.mark.slow
def test_every_command_that_reads_a_run_takes_it(tmp_path: Path) -> None:
    """Small pictures in colour."""
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "images.npz",
        images=rng.integers(0, 256, (80, 12, 9, 3), np.uint8),
        labels=np.arange(80) % 4,
    )
    run, images = str(tmp_path / "run"), str(tmp_path / "images.npz")
    small = ["--batch-size", "16", "--epochs", "4", "--device", "cpu", "--quiet"]
    network = ["--encoder", "mlp", "--decoder", "mlp", "--latent-dim", "3"]
    game = ["--terms", "adversarial", "--adversarial-channels", "8", "16"]
    score = ["--draws", "40", "--likelihood-images", "2", "--likelihood-samples", "10", "--quiet"]
    for words in (
        ["train", images, *small, *network, *game, "--out", run],
        ["resume", run, "--epochs", "5", "--quiet"],
        ["info", run],
        ["score", run, *score],
        ["encode", run, "--scores", "--out", str(tmp_path / "latents.csv")],
        ["report", run, "--out", str(tmp_path / "report.html")],
    ):
        assert main.run(words) == 0, words
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["valid_adversarial_margin"] != 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["test"]["adversarial"] != 0
    assert "adversarial" in (tmp_path / "report.html").read_text()
