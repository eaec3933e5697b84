"""The report in a real Chromium: nothing is cut, and nothing is missing."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from reparam.cli import main
from reparam.report import ReportChoices, write_report
from reparam.runs import Run
from reparam.types import Language

from .axe import violations
from .conftest import SIZE, Small
from .driver import BROKEN_WORDS

CUT = """() => [...document.querySelectorAll("main *")]
  .filter((e) => !e.closest("pre, .across, .spoken, svg svg, svg > *"))
  .filter((e) => {
    const scrolls = getComputedStyle(e).overflowX !== "visible";
    const box = e.getBoundingClientRect(), next = e.nextElementSibling?.getBoundingClientRect();
    const over = e.tagName === "TD" && next && next.top < box.bottom && next.top >= box.top
      && box.left + e.scrollWidth > next.left + 1;
    return over || box.right > innerWidth + 1 || (scrolls && e.scrollWidth > e.clientWidth + 1);
  }).map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`)"""
"""What is outside of the window, must be scrolled to, or lies on the next cell of its table. Wide
figures and commands may be scrolled."""


@pytest.fixture(scope="module", params=get_args(Language))
def report(
    request: pytest.FixtureRequest,
    runs: tuple[Path, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Of the demo's runs, with their scorecards."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    choices = ReportChoices(lang=request.param)
    return write_report([Run.open(path) for path in runs], out, command="", choices=choices)


@pytest.fixture(scope="module")
def page(chromium: Browser, report: Path) -> Iterator[Page]:
    """The report with its tables open, for all tests."""
    found = chromium.new_page(viewport=SIZE, locale="en-GB")
    found.goto(report.as_uri())
    found.evaluate(
        "document.querySelectorAll('details:has(table)').forEach((d) => (d.open = true))"
    )
    yield found
    found.close()


@pytest.mark.parametrize("width", [1280, 900, 820, 390])
def test_nothing_is_cut_and_no_word_is_broken(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.querySelectorAll('table.claims').length") == 1
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BROKEN_WORDS, "h1, h2, h3, .lead, figcaption") == []


def test_every_figure_and_formula_is_drawn(page: Page) -> None:
    page.set_viewport_size(SIZE)
    images = page.evaluate("[...document.images].map((i) => [i.complete, i.naturalWidth, i.width])")
    assert len(images) > 25
    assert all(complete and natural > 300 and shown > 200 for complete, natural, shown in images)
    formulas = page.evaluate(
        "[...document.querySelectorAll('.formula')].map((f) => {"
        "const d = f.querySelector('path').getBoundingClientRect(), b = f.getBoundingClientRect();"
        "return d.width > 80 && d.height > 10 && d.left >= b.left && d.right <= b.right; })"
    )
    assert len(formulas) >= 6
    assert all(formulas)
    shown = "[...document.querySelectorAll('.spoken')].every((m) => m.offsetWidth <= 1)"
    assert page.evaluate(shown), "MathML is for screen readers"


SMALLEST_WORDS = """async () => {
  const sizes = [];
  for (const image of document.images) {
    const text = await (await fetch(image.src)).text();
    const svg = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
    const scale = image.width / svg.getAttribute('viewBox').split(' ')[2];
    for (const word of svg.querySelectorAll('text'))
      sizes.push([scale * word.getAttribute('font-size'), image.alt]);
  }
  return sizes.sort((a, b) => a[0] - b[0]);
}"""
"""Of the words in figures: their sizes on the screen in CSS pixels, and where they are."""


@pytest.mark.parametrize(("width", "least"), [(1280, 8.5), (390, 6.0)])
def test_words_in_figures_are_large_enough_to_read(page: Page, width: int, least: float) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    sizes = page.evaluate(SMALLEST_WORDS)
    assert len(sizes) > 300
    assert sizes[0][0] >= least, sizes[0]


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    shut = "[...document.querySelectorAll('details:not([open])')]"
    page.evaluate(f"(window.shut = {shut}).forEach((d) => (d.open = true))")
    found = violations(page)
    page.evaluate("shut.forEach((d) => (d.open = false))")
    assert found == []


@pytest.fixture(scope="module")
def detector(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is calibrated: a small one, and a copy."""
    copy = tmp_path_factory.mktemp("calibrated") / "run"
    shutil.copytree(small(count=240).path, copy)
    scores = ("--scores", "squared-error", "latent-distance")
    assert main.run(["anomaly", "calibrate", str(copy), *scores, "--quiet"]) == 0
    return copy


@pytest.mark.parametrize("lang", get_args(Language))
def test_axe_finds_nothing_in_the_page_of_anomalies(
    context: BrowserContext, detector: Path, tmp_path: Path, lang: Language
) -> None:
    source = Run.open(detector).config.data.source
    out = ("--out", str(tmp_path / "verdicts"), "--lang", lang, "--quiet")
    assert main.run(["anomaly", "score", str(detector), source, "--false-alarms", "0.1", *out]) == 0
    page = context.new_page()
    page.goto((tmp_path / "verdicts" / "report.html").as_uri())
    assert page.locator(".seen.bad img").count() > 2
    assert page.locator("td").count() > 10
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_panels_of_both_runs_align(page: Page) -> None:
    """Figure 7: the first panel of either run, the same size and at the same height."""
    page.set_viewport_size(SIZE)
    boxes = page.evaluate(
        "[...document.querySelectorAll('figure')].filter((f) => /(Fig.|그림) 7 /.test("
        "f.textContent)).map((f) => { const b = f.querySelector('img').getBoundingClientRect();"
        "return [b.top, b.width]; })"
    )
    assert len(boxes) == 2
    assert boxes[0] == pytest.approx(boxes[1], abs=0.5)


def test_the_korean_page_is_korean(report: Path, page: Page) -> None:
    """Outside of code, notes that are announced as English, and names, there is no English."""
    if page.evaluate("document.documentElement.lang") != "ko":
        pytest.skip("the English page")
    shown = page.evaluate(
        """() => {
          const hidden = document.querySelectorAll("main :is(code, pre, svg, .spoken, footer)");
          hidden.forEach((e) => (e.style.display = "none"));
          const words = document.querySelector("main").innerText;
          hidden.forEach((e) => (e.style.display = ""));
          return words;
        }"""
    )
    assert set(re.findall("[A-Za-z]{4,}", shown)) <= NAMES


NAMES = {
    "bfloat",
    "float",
    "Holm",
    "Keras",
    "Kingma",
    "Welling",
    "LeakyReLU",
    "PSNR",
    "SSIM",
    "ELBO",
    "VampPrior",
    "reparametrisation",
    "trustworthiness",
    "continuity",
    "auto",
    "Rybkin",
    "decode",
    "mean",
    "loss",
    "factor",
    "true",
    "rate",
}
