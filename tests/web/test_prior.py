"""Samples: their classes are the judge's, and one is chosen and seen beside training images."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch

from reparam.evaluation import Judge, decode, judge_for
from reparam.evaluation.judge import fit
from reparam.runs import Run
from reparam.training import fit_run_prior

from .driver import Explorer


@pytest.fixture
def run(small: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run, and an empty cache, so that no judge is known."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache")
    return Run.open(shutil.copytree(small().path, tmp_path / "run"))


@pytest.fixture
def judge(run: Run, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """That of the run's images, hardly trained, in the cache."""
    monkeypatch.setattr(fit, "FEWEST", 20)
    monkeypatch.setattr(fit, "MOST", 20)
    return judge_for(run.images())


def bars(page: Explorer) -> tuple[str, list[int]]:
    """What stands over the class bars, and their lengths."""
    page.until("document.querySelector('.samples .columns')")
    counts = page.page.locator(".samples .count").all_inner_texts()
    return page.page.locator(".counted p").inner_text(), list(map(int, counts))


def test_the_bars_are_the_judges_classes_of_the_draws_on_screen(
    run: Run, judge: Judge, opened: Callable[..., Explorer]
) -> None:
    page = opened(run, panel="samples", lang="en")
    words, counts = bars(page)
    right = f"{100 * judge.accuracy:.1f}"
    known = f"(the judge finds the class of {right} % of real images)"
    assert words == f"Predicted classes of 32 draws {known}"
    latents = np.array(page.read("reparam.samples('run')"), np.float32)
    assert len(np.unique(latents, axis=0)) == 32  # no draw stands there twice
    found = page.read("reparam.judged('run')")
    # In Python of the same decoded floats, as the page judges them.
    assert found == judge.labels(decode(run.load_model(), latents)).tolist()
    assert counts == np.bincount(found, minlength=5).tolist()


def test_a_chosen_draw_is_on_the_map_and_beside_training_images(
    run: Run, judge: Judge, opened: Callable[..., Explorer]
) -> None:
    page = opened(run, panel="samples", lang="en")
    bars(page)
    latents = page.read("reparam.samples('run')")
    draw = page.page.locator(".draw").nth(3)
    place = draw.bounding_box()
    draw.focus()
    page.page.keyboard.press("Enter")
    page.until("document.querySelectorAll('.samples figure').length === 3")
    assert draw.get_attribute("aria-pressed") == "true"
    assert page.page.locator(".draw[aria-pressed=true]").count() == 1
    np.testing.assert_allclose(page.z("run"), latents[3])
    captions = page.page.locator(".samples figcaption").all_inner_texts()
    train = run.images().images[run.images().splits["train"]]
    model = run.load_model()
    with torch.no_grad():
        means = model.encode(torch.from_numpy(train).permute(0, 3, 1, 2) / 255).numpy()
    far = np.linalg.norm(means - latents[3], axis=1).min()
    assert captions[1] == f"Nearest training image by latent, distance {far:.2f}"
    assert draw.bounding_box() == place  # the next draw is where it was
    assert "Predicted class: c" in page.page.locator(".samples").inner_text()


def test_draws_are_one_tab_stop_and_the_choice_stays(
    run: Run, opened: Callable[..., Explorer]
) -> None:
    page = opened(run, panel="samples", lang="en")
    page.until("document.querySelectorAll('.draw').length === 32")
    keys, draws = page.page.keyboard, page.page.locator(".draw")
    page.until("document.querySelectorAll('.draw[tabindex=\"0\"]').length === 1")
    page.page.get_by_role("button", name="Draw again").focus()
    keys.press("Tab")
    at = "[...document.querySelectorAll('.draw')].indexOf(document.activeElement)"
    assert page.read(at) == 0
    tops = [draws.nth(i).bounding_box()["y"] for i in range(32)]
    columns = tops.count(tops[0])
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowDown", 1 + columns),
        ("ArrowLeft", columns),
        ("ArrowUp", 0),
        ("ArrowUp", 0),
        ("End", 31),
        ("ArrowRight", 31),
    ):
        keys.press(key)
        assert page.read(at) == place
    keys.press("Enter")
    page.until("document.querySelector('.samples figure')")
    before = page.z("run")
    keys.press("Tab")
    assert page.read(at) == -1
    keys.press("Shift+Tab")
    assert page.read(at) == 31  # where it was left
    page.page.get_by_role("button", name="한국어").click()
    page.until("document.querySelector('.draw[aria-label=\"표본 32\"][aria-pressed=true]')")
    page.until("document.querySelector('.samples figcaption').textContent === '표본'")
    np.testing.assert_array_equal(page.z("run"), before)
    page.page.get_by_role("button", name="다시 뽑기").click()
    page.until("!document.querySelector('.draw[aria-pressed=true]')")


def test_without_a_judge_the_nearest_images_are_counted(
    run: Run, opened: Callable[..., Explorer]
) -> None:
    """Also after another prior was fitted: the bars are of its draws."""
    fit_run_prior(run, run.images(), "gaussian")
    page = opened(run, panel="samples", lang="en")
    words, counts = bars(page)
    assert words == "Classes of the images nearest to 32 draws"
    assert sum(counts) == 32
    assert "fitted" in page.page.locator(".samples h3").inner_text()
