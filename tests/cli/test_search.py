"""reparam sweep --search: Optuna chooses the values."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reparam.cli.search_space import Axis, axes_of_search
from reparam.errors import ConfigError
from reparam.runs import Run

TINY = "--encoder mlp --decoder mlp --encoder-widths 8 --decoder-widths 8 --precision float32"
SHARED = f"{TINY} --batch-size 16 --sample-every 0 --epochs 2".split()
RATES = "learning_rate=1e-6..1e-2 log"
"""Of which, on so few steps, a higher one is better: the known best is at the upper end."""


def trials(out: Path) -> list[dict]:
    return json.loads((out / "search.json").read_text())["trials"]


def test_spaces_as_written() -> None:
    found = axes_of_search(["latent_dim=2..64 log", "ema=0..0.9", "--encoder=mlp,residual"])
    assert found == [
        Axis("--latent-dim", 2, 64, True, True),
        Axis("--ema", 0, 0.9),
        Axis("--encoder", choices=("mlp", "residual")),
    ]
    assert [axis.ends for axis in found] == [("2", "64"), ("0.0", "0.9"), ("mlp", "residual")]


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("latent_dim", "must be OPTION=VALUES"),
        ("latent_dims=2..4", "unknown option '--latent-dims'"),
        ("latent_dim=4..2", "from a low to a higher value"),
        ("ema=0..0.9 log", "above 0 with log"),
        ("latent_dim=2", "two or more different values"),
        ("latent_dim=2,2", "two or more different values"),
        ("latent_dim=2..x", "two or more different values"),
    ],
)
def test_spaces_that_cannot_be(word: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        axes_of_search([word])


def test_losses_of_other_scales_are_refused(refused, shapes_file, tmp_path) -> None:
    words = ("sweep", shapes_file, *SHARED, "--out", tmp_path / "out", "--search")
    for space in ("weight=10..1000 log", "likelihood=gaussian,bernoulli", "free_bits=0..1"):
        said = refused(*words, space)
        assert "losses of others cannot be compared" in said
        assert "--search-for" in said
    assert "valid_fraction 0" in refused(*words, RATES, "--valid-fraction", "0")
    assert "must have one value" in refused(*words, RATES, "--latent-dim", "2", "3")
    assert "seeds must not be given" in refused(*words, RATES, "--seeds", "2")
    assert "unknown measure" in refused(*words, RATES, "--search-for", "nonsense")
    plain = ("sweep", shapes_file, *SHARED, "--out", tmp_path / "out")
    for alone in ("--trials=5", "--no-prune", "--search-for=mse"):
        assert "must be given with --search" in refused(*plain, alone)
    assert not (tmp_path / "out").exists()


def test_a_search_finds_the_best_and_continues_after_a_kill(
    reparam, shapes_file, tmp_path, refused, monkeypatch
) -> None:
    """The study of a process that was killed in a trial: no trial is made twice, the one that was
    cut short ends, and the values are those of a search that was not stopped."""
    # This process may have run tests with plug-ins; a new one has none, and is another search.
    monkeypatch.setattr("reparam.registry._loaded", {})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = ["sweep", str(shapes_file), *SHARED, "--search", RATES, "--no-prune", "--quiet"]
    said = reparam(*words, "--trials", "6", "--out", whole)
    assert said.status == 0, said.err
    found = trials(whole)
    assert [row["trial"] for row in found] == list(range(6))
    assert {row["state"] for row in found} == {"complete"}
    best = min(found, key=lambda row: row["value"])
    assert best["options"]["learning-rate"] == max(r["options"]["learning-rate"] for r in found)
    run = Run.open(whole / f"trial-{best['trial']:04d}")
    assert best["value"] == min(epoch.compared_loss() for epoch in run.metrics())
    assert run.config.training.learning_rate == best["options"]["learning-rate"]
    assert "best" in said.out
    assert (whole / "search.svg").read_text().lstrip().startswith("<?xml")

    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "reparam", *words, "--trials", "6", "--out", str(killed)]
    process = subprocess.Popen(command, env=env)
    deadline = time.monotonic() + 400
    while not (killed / "trial-0002" / "metrics.jsonl").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = {path.name: path.stat().st_ino for path in killed.glob("trial-000[01]/result.json")}
    assert reparam(*words, "--trials", "6", "--out", killed).status == 0
    assert trials(killed) == found
    after = {path.name: path.stat().st_ino for path in killed.glob("trial-000[01]/result.json")}
    assert after == begun

    more = reparam(*words, "--trials", "7", "--out", killed)
    assert more.status == 0
    assert trials(killed)[:6] == found
    assert len(trials(killed)) == 7
    other = ["sweep", shapes_file, *SHARED, "--search", "ema=0..0.9", "--out", killed]
    assert "holds another search" in refused(*other)


def test_bad_trials_are_pruned_and_shown_as_such(reparam, shapes_file, tmp_path) -> None:
    out = tmp_path / "out"
    words = ("sweep", shapes_file, *SHARED, "--search", RATES, "--trials", "9", "--quiet")
    said = reparam(*words, "--epochs", "3", "--out", out)
    assert said.status == 0, said.err
    rows = trials(out)
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert pruned
    shown = [line for line in said.out.splitlines() if line.rstrip().endswith("pruned")]
    assert len(shown) == len(pruned)
    for row in pruned:
        run = Run.open(out / f"trial-{row['trial']:04d}")
        assert row["value"] is None
        assert len(run.metrics()) == row["epochs"] < 4
        assert not run.is_finished
    best = min(row["value"] for row in rows if row["value"] is not None)
    assert not [
        r
        for r in pruned
        if min(e.compared_loss() for e in Run.open(out / f"trial-{r['trial']:04d}").metrics())
        < best
    ]


def test_a_row_of_the_scorecard_may_be_searched_for(reparam, shapes_file, tmp_path) -> None:
    """Of weights, whose losses do not compare."""
    out = tmp_path / "out"
    space = ("--search", "weight=10,1000", "--search-for", "mse", "--trials", "1")
    score = ("--draws", "40", "--likelihood-images", "1", "--likelihood-samples", "10")
    said = reparam("sweep", shapes_file, *SHARED, *space, *score, "--out", out, "--quiet")
    assert said.status == 0, said.err
    (row,) = trials(out)
    card = json.loads((out / "trial-0000/scorecard.json").read_text())
    assert row["value"] == card["measures"]["mse"]["value"]


def test_the_same_values_are_not_trained_again(reparam, shapes_file, tmp_path) -> None:
    """Two values, four trials: two runs."""
    words = ("--search", "ema=0,0.5", "--trials", "4", "--no-prune", "--out", tmp_path / "out")
    said = reparam("sweep", shapes_file, *SHARED, *words)
    assert said.status == 0, said.err
    found = trials(tmp_path / "out")
    assert [trial["state"] for trial in found] == ["complete"] * 4
    by_option = {str(trial["options"]): trial["value"] for trial in found}
    assert all(trial["value"] == by_option[str(trial["options"])] for trial in found)
    runs = {path.name for path in (tmp_path / "out").glob("trial-*")}
    assert len(runs) == len(by_option) == 4 - said.err.count(" has the values of trial ")


def test_trials_are_compared_by_the_rate_as_their_epochs_are(
    reparam, shapes_file, tmp_path
) -> None:
    """A trial's value is that of the weights that it keeps, by what they were chosen by."""
    out = tmp_path / "out"
    words = ["sweep", shapes_file, *SHARED, "--rate-weight", "50", "--search", RATES, "--quiet"]
    said = reparam(*words, "--trials", "1", "--out", out)
    assert said.status == 0, said.err
    epochs = Run.open(out / "trial-0000").metrics()
    (row,) = trials(out)
    assert row["value"] == min(epoch.compared_loss(50) for epoch in epochs)
    assert row["value"] > min(epoch.compared_loss() for epoch in epochs)
