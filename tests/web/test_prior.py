"""The class bars under a prior's name are of that prior."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reparam.evaluation import Judge, ScoreConfig, score_run
from reparam.evaluation.judge.network import JudgeNetwork
from reparam.runs import Run
from reparam.training import fit_run_prior

from .driver import Explorer


@pytest.fixture
def scored(small: Callable[..., Run], tmp_path: Path) -> Run:
    """A run with a scorecard of 40 draws, by a judge that has learned nothing."""
    run = Run.open(shutil.copytree(small().path, tmp_path / "run"))
    images = run.images()
    shape, names = images.image_shape, images.class_names
    network = JudgeNetwork(shape, len(names)).eval().requires_grad_(False)
    judge = Judge(network, shape, names, 0.2, None, "none", 0.0, from_cache=False)
    score_run(run, images, ScoreConfig(draws=40, likelihood_images=0), judge=judge)
    return run


def bars(page: Explorer) -> tuple[str, int]:
    """What stands over the class bars, and their sum."""
    page.until("document.querySelector('.samples .columns')")
    counts = page.page.locator(".samples .count").all_inner_texts()
    return page.page.locator(".counted p").inner_text(), sum(map(int, counts))


def test_a_prior_fitted_since_does_not_get_the_old_ones_bars(
    scored: Run, opened: Callable[..., Explorer]
) -> None:
    page = opened(scored, panel="samples", lang="en")
    assert bars(page) == ("Predicted classes of 40 draws", 40)
    fit_run_prior(scored, scored.images(), "gaussian")
    with pytest.warns(UserWarning, match="made with other prior"):
        page = opened(scored, panel="samples", lang="en")
    assert "fitted" in page.page.locator(".samples h3").inner_text()
    assert bars(page) == ("Classes of the test images nearest to 500 draws", 500)
