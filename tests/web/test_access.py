"""Access: axe-core finds nothing in any state of the page, and keys do what a mouse does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reparam.runs import Run

from .axe import violations
from .bundles import Files, manifest, with_manifest
from .driver import Explorer
from .small import site_of

KINDS: dict[str, dict[str, Any]] = {
    "VAE": {},
    "AE": {"preset": "ae"},
    "six dimensions": {"latent_dim": 6},
    "colour, no labels": {"shape": (12, 28, 3), "labelled": False},
    "many classes": {"classes": 40, "count": 480},
    "conditional": {"preset": "cvae", "shape": (16, 12, 3), "latent_dim": 3},
    "latents that are maps": {"shape": (16, 24, 1), "latent_channels": 2},
    "a flow": {"preset": "iaf", "latent_dim": 2},
}

TABS = (
    "look",
    "mechanism",
    "filter",
    "draw",
    "path",
    "gallery",
    "samples",
    "dimensions",
    "direction",
)

LOOKS = (("light", 1280, "en"), ("dark", 390, "ko"))
"""Theme, width, language."""


@pytest.fixture(scope="module")
def kinds(small: Callable[..., Run]) -> Files:
    """One page with a run of each kind."""
    return site_of([small(**options) for options in KINDS.values()])


@pytest.fixture(scope="module")
def two(small: Callable[..., Run]) -> Files:
    return site_of([small(), small(preset="ae")])


def dress(page: Explorer, theme: str, width: int) -> None:
    page.page.emulate_media(color_scheme=theme)
    page.page.set_viewport_size({"width": width, "height": 860})


def test_every_tab_of_every_kind_of_run(
    explorer: Explorer, serve: Callable[[Files], str], kinds: Files
) -> None:
    """Each kind in one of the looks, by turns."""
    page = explorer.open(serve(kinds), lang="en", pin="1")
    found = {}
    for k, kind in enumerate(KINDS):
        theme, width, language = LOOKS[k % 2]
        dress(page, theme, width)
        if page.state["language"] != language:
            page.page.click('[data-action="language"]')
        page.page.locator(".masthead .segmented [data-run]").nth(k).click()
        page.until("reparam.state().run === argument", "run" if k == 0 else f"run-{k + 1}")
        for tab in TABS:
            page.page.click(f"#tab-{tab}")
            # Outside of it nothing changes from tab to tab.
            found[kind, tab] = violations(page.page, None if tab == "look" else ".side")
    assert {key: value for key, value in found.items() if value} == {}


Act = Callable[[Explorer], object]


def keys(*pressed: str) -> Act:
    return lambda page: [page.page.keyboard.press(key) for key in pressed]


def focus(selector: str) -> Act:
    return lambda page: page.page.locator(selector).first.focus()


def click(selector: str) -> Act:
    return lambda page: page.page.locator(selector).first.click()


def choose(selector: str, value: str) -> Act:
    return lambda page: page.page.locator(selector).first.select_option(value)


def fill(selector: str, text: str) -> Act:
    return lambda page: page.page.locator(selector).first.fill(text)


STEPS = ("ArrowRight",) * 6

STATES: dict[str, tuple[Act, ...]] = {
    "as it opens": (),
    "a figure's width": (click('[data-action="figure"]'),),
    "the link over the page": (focus(".skip"),),
    "a class hidden": (click(".legend-class"),),
    "pictures over tiles": (click('[data-value="pictures"]'), click('[data-value="window"]')),
    "coloured by numbers": (choose("[name=colour]", "latent_norm"),),
    "an image found": (click("#tab-filter"), fill("[name=find]", "7")),
    "no image found": (fill("[name=find]", "no such"),),
    "a range kept": (focus("#panel-filter .range input"), keys(*STEPS)),
    "a lasso half drawn": (click('[data-tool="lasso"]'), focus(".map"), keys("Enter", *STEPS)),
    "points caught": (keys("Enter", *(("ArrowDown",) * 9), "Enter", " "),),
    "a direction": (
        click("#tab-direction"),
        choose("[name=groupA]", "c1"),
        choose("[name=groupB]", "c2"),
    ),
    "a path": (
        click('[data-tool="path"]'),
        focus(".map"),
        keys("Enter", *STEPS, "Enter"),
    ),
    "a digit drawn": (click("#tab-draw"), focus(".pad"), keys(" ", *STEPS)),
    "the steps of an image": (click("#tab-mechanism"), click(".step-below button")),
    "side by side": (click(".compare"),),
}


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: " ".join(map(str, look)))
def test_every_state_of_the_page(
    explorer: Explorer, serve: Callable[[Files], str], two: Files, look: tuple[str, int, str]
) -> None:
    theme, width, language = look
    dress(explorer, theme, width)
    page = explorer.open(serve(two), lang=language, pin="1")
    page.until("reparam.column('run', 'latent_norm')")
    found = {}
    for state, acts in STATES.items():
        for act in acts:
            act(page)
        found[state] = violations(page.page)
    # A page of another site: with a message at its top, and nothing but a message.
    changed = manifest(two)
    changed["runs"][0]["golden"]["latents"][0][0] += 9.0
    page.open(serve(with_manifest(two, changed)), lang=language)
    page.when(lambda: page.page.locator(".banner").count() == 1)
    found["a banner"] = violations(page.page)
    page.page.goto("about:blank")
    page.page.goto(f"{serve({**two, 'data/manifest.json': b''})}#lang={language}")
    page.when(lambda: page.page.locator(".banner").count() == 1)
    found["a banner alone"] = violations(page.page)
    assert {state: value for state, value in found.items() if value} == {}


@pytest.fixture
def page(explorer: Explorer, serve: Callable[[Files], str], two: Files) -> Explorer:
    return explorer.open(serve(two), lang="en", run="run", z="run:0,0")


def press(page: Explorer, *pressed: str) -> None:
    for key in pressed:
        page.page.keyboard.press(key)


def tab_to(page: Explorer, selector: str) -> None:
    """By the Tab key alone, from where the focus is."""
    for _ in range(200):
        if page.page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
        page.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never comes to {selector}")


def test_the_focus_is_seen_on_every_control(page: Explorer) -> None:
    """Tab comes to each that can be used, and round again."""
    seen: list[str] = []
    for _ in range(200):
        page.page.keyboard.press("Tab")
        where, shown = page.read(
            """((e) => {
              const outlined = (one, part) => {
                const { outlineStyle, outlineWidth } = getComputedStyle(one, part);
                return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
              };
              const parts = [[e], [e.closest("label") ?? e], [e, "::-webkit-slider-thumb"]];
              return [e.outerHTML.slice(0, 120), parts.some((part) => outlined(...part))];
            })(document.activeElement)"""
        )
        if where.startswith("<body") or where in seen[:1]:
            break
        seen.append(where)
        assert shown, where
    assert len(seen) > 25


def test_a_lasso_by_keys(page: Explorer) -> None:
    """Four corners around the point: what lies inside is caught, and the line was seen."""
    tab_to(page, '[data-tool="lasso"]')
    press(page, "Enter")
    tab_to(page, ".map")
    before = page.screen("run").astype(int)
    press(page, "Enter", *["ArrowRight"] * 12, " ")
    assert page.state["lasso"] == []  # a line is no area
    press(page, "Enter", *["ArrowDown"] * 12, "Enter", *["ArrowLeft"] * 6, "Enter", "Backspace")
    press(page, *["ArrowLeft"] * 6, "Enter")
    said = page.page.locator("[aria-live=polite]").first.inner_text()
    assert said == "lasso, corners: 4"
    page.page.wait_for_timeout(200)
    assert (np.abs(page.screen("run") - before).max(-1) > 20).sum() > 300
    press(page, " ")
    corners = np.array(page.state["lasso"])
    side = 96 / page.read("reparam.view('run').scale")
    square = np.array([[0, 0], [side, 0], [side, -side], [0, -side]])
    np.testing.assert_allclose(corners, square, atol=1e-6 + 1e-4 * side)
    caught = page.read("reparam.caught().indices")
    means = np.array(
        [page.read("reparam.mean('run', argument)", i) for i in page.read("reparam.shown('run')")]
    )
    inside = ((means > square.min(0)) & (means < square.max(0))).all(1)
    assert caught == np.flatnonzero(inside).tolist()
    assert len(caught) > 0
    press(page, "Escape")
    assert page.state["lasso"] == []


def test_escape_and_another_tool_drop_a_line(page: Explorer) -> None:
    tab_to(page, '[data-tool="lasso"]')
    press(page, "Enter")
    for drop in ("Escape", "tool"):
        tab_to(page, ".map")
        press(page, "Enter", "ArrowRight", "Enter", "ArrowDown", "Enter")
        if drop == "tool":
            page.page.locator('[data-tool="move"]').press("Enter")
            page.page.locator('[data-tool="lasso"]').press("Enter")
            tab_to(page, ".map")
        else:
            press(page, drop)
        press(page, " ")
        assert page.state["lasso"] == []
        assert page.page.locator("[aria-live=polite]").first.inner_text().startswith("A lasso")


def test_a_path_by_keys(page: Explorer) -> None:
    tab_to(page, '[data-tool="path"]')
    press(page, "Enter")
    tab_to(page, ".map")
    press(page, "Enter", "ArrowRight", "Enter", "ArrowRight", "Enter", "Backspace")
    step = 8 / page.read("reparam.view('run').scale")
    np.testing.assert_allclose(page.state["path"], [[0, 0], [step, 0]], atol=1e-4 * step + 1e-9)
    page.until("reparam.path().length === 13")


def test_a_digit_by_keys(page: Explorer) -> None:
    """An L: what is encoded has ink where the pen went, and none where it only moved."""
    tab_to(page, "#tab-look")
    press(page, *["ArrowRight"] * 3)
    assert page.state["panel"] == "draw"
    tab_to(page, ".pad")
    assert page.page.locator(".pad-pen").is_visible()
    press(page, *["ArrowLeft"] * 5, *["ArrowUp"] * 8, " ", *["ArrowDown"] * 16)
    press(page, *["ArrowRight"] * 9, " ", *["ArrowUp"] * 9)
    sheet = page.pixels(".pad")[:, :, 3] > 0
    rows, columns = np.nonzero(sheet)
    # 140 − 50 and 140 − 80 to 140 + 80 and 90 + 90, and half a brush around.
    assert (columns.min(), columns.max() + 1) == pytest.approx((90 - 13, 180 + 13), abs=1)
    assert (rows.min(), rows.max() + 1) == pytest.approx((60 - 13, 220 + 13), abs=1)
    assert sheet[130, 90]
    assert sheet[220, 140]
    assert not sheet[130, 180]
    drawn = np.array(page.until("reparam.drawn()")["pixels"])
    assert drawn.max() > 200
    page.when(lambda: np.allclose(page.read("reparam.drawn().mu"), page.z("run"), atol=1e-4))


def test_the_map_by_keys(page: Explorer) -> None:
    tab_to(page, ".map")
    before = page.read("reparam.view('run')")
    press(page, "Shift+ArrowRight", "Shift+ArrowUp")
    moved = page.read("reparam.view('run')")
    step = 40 / before["scale"]
    assert (moved["x"] - before["x"], moved["y"] - before["y"]) == pytest.approx((step, step))
    press(page, "+")
    assert page.read("reparam.view('run').scale") == pytest.approx(1.25 * before["scale"])
    press(page, "Home")
    page.until("reparam.state().view.run === null")


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Latent space explorer"), ("ko", "잠재 공간 탐색기")]
)
def test_the_title_names_the_runs(
    explorer: Explorer, serve: Callable[[Files], str], two: Files, language: str, words: str
) -> None:
    changed = manifest(two)
    for run, title in zip(changed["runs"], ("First", "Second"), strict=True):
        run["title"] = title
    page = explorer.open(serve(with_manifest(two, changed)), lang=language, run="run")
    source = changed["source"]
    assert page.page.title() == f"First · {source} · {words}"
    page.page.locator(".masthead .segmented [data-run]").nth(1).click()
    page.when(lambda: page.page.title() == f"Second · {source} · {words}")
    page.page.click(".compare")
    page.when(lambda: page.page.title() == f"Second, First · {source} · {words}")
    page.page.click('[data-action="language"]')
    assert words not in page.page.title()
