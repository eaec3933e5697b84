"""Which figures of a scorecard are valid for the run as it is now."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reparam.cli.scoring import scored
from reparam.data import DataConfig, ImageSet, load_images
from reparam.errors import RunError
from reparam.evaluation import (
    MEASURES,
    Judge,
    ScoreConfig,
    check_scorecard,
    current_scorecard,
    score_run,
)
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.runs import Run
from reparam.training import fit_run_prior, train

FORMAT_1 = Path(__file__).parents[1] / "data" / "runs" / "format-1"
FEW = ScoreConfig(draws=20, likelihood_images=1, likelihood_samples=5)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return load_images(DataConfig(source=str(FORMAT_1 / "images.npz")))


@pytest.fixture(scope="module")
def judge(images: ImageSet) -> Judge:
    """One that has learned nothing: no figure matters here."""
    network = JudgeNetwork(images.image_shape, 10).eval().requires_grad_(False)
    names = images.class_names
    return Judge(network, images.image_shape, names, 0.1, None, "none", 0.0, from_cache=False)


@pytest.fixture(scope="module")
def scored_once(images: ImageSet, judge: Judge, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(FORMAT_1 / "ae", tmp_path_factory.mktemp("stale") / "ae")
    score_run(Run.open(folder), images, FEW, judge=judge)
    return folder


@pytest.fixture
def run(scored_once: Path, tmp_path: Path) -> Run:
    """A run with a valid scorecard."""
    return Run.open(shutil.copytree(scored_once, tmp_path / "ae"))


Edit = Callable[[dict[str, Any]], object]


def edit(run: Run, change: Edit) -> None:
    """Changes the mapping in scorecard.json."""
    values = json.loads((run.path / "scorecard.json").read_text())
    change(values)
    run.write_json("scorecard.json", values)


def test_what_was_just_measured_is_valid(run: Run) -> None:
    found = check_scorecard(run, FEW)
    assert found.stale == ""
    assert found.card is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert current_scorecard(run) == found.card


def test_a_run_without_a_scorecard_has_nothing_stale(run: Run) -> None:
    (run.path / "scorecard.json").unlink()
    assert check_scorecard(run) == check_scorecard(run, FEW)
    assert check_scorecard(run).card is None
    assert check_scorecard(run).stale == ""


def test_other_weights(run: Run, images: ImageSet) -> None:
    train(run.extended(3), images)
    found = check_scorecard(run)
    assert found.card is None
    assert "other weights" in found.stale
    assert "other images" not in found.stale


def test_another_prior(run: Run, images: ImageSet) -> None:
    fit_run_prior(run, images, "gaussian")
    found = check_scorecard(run)
    assert (found.card, found.stale) == (None, "it was made with other prior")
    run.forget_prior()
    assert check_scorecard(run).stale == ""


def test_other_images(run: Run) -> None:
    edit(run, lambda values: values["subject"].update(images="0" * 64))
    assert check_scorecard(run).stale == "it was made with other images"


def test_other_options(run: Run) -> None:
    found = check_scorecard(run, ScoreConfig(draws=30, likelihood_images=1, likelihood_samples=5))
    assert found.stale == "it was made with draws 20, now 30"
    assert found.card is None
    assert check_scorecard(run).stale == "", "a report shows a scorecard of any options"


def test_another_version_of_a_measure_makes_that_measure_stale(run: Run) -> None:
    edit(run, lambda values: values["versions"].update(fid=0, ssim=0))
    found = check_scorecard(run)
    fid, ssim = (f"{name} (version 0, now {MEASURES[name].version})" for name in ("fid", "ssim"))
    assert found.stale == f"measures have changed: {fid}, {ssim}"
    assert found.card is not None
    assert not found.card.has("fid")
    assert not found.card.has("ssim")
    assert found.card.find("fid", "gaussian").value is None
    assert found.card.find("kid").value is not None
    assert found.card.find("psnr").value is not None
    with pytest.warns(UserWarning, match=r"part of its scorecard is omitted.*ssim .*reparam score"):
        current_scorecard(run)


def test_what_belongs_to_a_stale_measure_goes_with_it(run: Run) -> None:
    edit(run, lambda values: values["versions"].update(class_tv=0))
    card = check_scorecard(run).card
    assert card is not None
    assert [scores.class_counts for scores in card.priors] == [{}] * len(card.priors)


def test_a_measure_that_is_new_since_then_is_named(run: Run) -> None:
    edit(run, lambda values: values["versions"].pop("kid"))
    assert check_scorecard(run).stale == "measures have changed: kid (version none, now 2)"
    assert MEASURES["own_fid"].on_request  # which is no reason to measure anything again


def test_scorecards_from_before_versions_are_stale(tmp_path: Path) -> None:
    run = Run.open(shutil.copytree(FORMAT_1 / "vae", tmp_path / "vae"))
    found = check_scorecard(run)
    assert found.card is None
    assert "schema 1 has no versions of its measures" in found.stale
    with pytest.warns(UserWarning, match="its scorecard is omitted: it has schema 1"):
        assert current_scorecard(run) is None


def test_a_damaged_one_is_refused(run: Run) -> None:
    (run.path / "scorecard.json").write_text('{"schema": 2, "judge"')
    with pytest.raises(RunError, match=r"scorecard\.json: cut short or damaged"):
        check_scorecard(run)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: values["versions"].update(fid=0), "fid (version 0, now 3)"),
        (lambda values: values.update(schema=1), "schema 1 has no versions"),
        (lambda values: values.pop("priors"), "priors missing"),
        (lambda values: values["subject"].update(weights="0"), "other weights"),
    ],
)
def test_a_stale_one_is_made_again_and_the_reason_is_told(
    run: Run,
    images: ImageSet,
    judge: Judge,
    change: Edit,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = scored(run, images, FEW, judge=judge)
    assert capsys.readouterr().err == ""
    edit(run, change)
    again = scored(run, images, FEW, judge=judge)
    said = capsys.readouterr().err
    assert f"{run.path}: scored again: " in said
    assert reason in said
    assert {**again.to_mapping(), "seconds": 0} == {**whole.to_mapping(), "seconds": 0}
    assert check_scorecard(run, FEW).stale == ""
