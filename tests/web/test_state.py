"""10: the address bar, day and night, two languages, small screens, screen readers."""

import re
from collections.abc import Callable

import pytest

from reparam.runs import Run

from .axe import RESTS
from .bundles import Files
from .driver import Explorer


def test_state_survives_a_reload(demo: Explorer) -> None:
    demo.click("vae", [1.2, -0.8])
    demo.page.locator(".legend-class").nth(3).click()
    demo.page.click('[data-value="window"]')
    demo.page.locator(".map").focus()
    demo.page.keyboard.press("+")
    demo.page.click('[data-tool="path"]')
    demo.click("vae", [0.0, 0.0])
    demo.click("vae", [1.0, 1.0])
    demo.page.click('[data-action="theme"]')
    demo.page.click('[data-action="language"]')
    demo.page.click(".compare")
    demo.until("reparam.state().pair === 'ae'")
    demo.page.wait_for_timeout(600)  # the address is written once the state rests
    before = demo.state
    demo.page.reload()
    demo.until("'reparam' in window")
    demo.until("reparam.timings().first !== null")
    demo.until("reparam.state().pair === 'ae'")
    after = demo.state
    for key in before:
        assert rounded(after[key]) == rounded(before[key]), key


def rounded(value: object) -> object:
    """As the address has it: five digits."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-4, abs=1e-6)
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items() if v is not None}
    return value


def test_an_address_from_elsewhere_does_no_harm(explorer: Explorer, serve, files: Files) -> None:
    page = explorer.open(
        serve(files),
        run="%3Cimg%3E",
        pair="vae",
        z="vae:1,2,3,NaN|ae:",
        view="vae:0,0,-1|ae:1",
        plane="7,9",
        hide="a,b",
        path="1;2,3;x",
        a="c99",
        b="l1,2",
        base="1e9",
        frame="bogus",
        t="Infinity",
        x="%",
    )
    state = page.state
    assert state["run"] == "ae"
    assert state["plane"] is None
    assert state["path"] == [[2, 3]]
    assert state["frame"] == "axes"
    assert page.page.locator(".banner").count() == 0


def test_day_and_night(explorer: Explorer, serve, files: Files) -> None:
    explorer.page.emulate_media(color_scheme="dark")
    page = explorer.open(serve(files), run="vae")
    assert page.screen("vae").mean() < 80
    page.page.click('[data-action="theme"]')
    assert page.state["theme"] == "light"
    page.page.wait_for_timeout(200)
    assert page.screen("vae").mean() > 180


@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_contain_what_is_seen(
    small: Callable[..., Run], opened: Callable[..., Explorer], language: str
) -> None:
    """Speech input finds a button by the text on it (WCAG 2.1, 2.5.3)."""
    page = opened(small(), lang=language)
    named = page.read(
        "[...document.querySelectorAll('button, [role=button], summary')]"
        ".filter((e) => e.offsetParent && e.innerText.trim())"
        ".map((e) => [e.innerText, e.getAttribute('aria-label') ?? e.innerText.trim()])"
    )
    assert len(named) > 5
    for text, name in named:
        seen, said = (" ".join(re.findall(r"\w+", one.lower())) for one in (text, name))
        assert not seen or f" {seen} " in f" {said} "  # nobody says a question mark
    other = page.page.locator('[data-action="language"]')
    assert other.get_attribute("lang") == {"en": "ko", "ko": "en"}[language]


def test_two_languages(demo: Explorer) -> None:
    assert "Decoded" in demo.page.locator(".readout").inner_text()
    demo.page.click('[data-action="language"]')
    assert "디코딩한 이미지" in demo.page.locator(".readout").inner_text()
    assert demo.read("document.documentElement.lang") == "ko"
    words = (
        "[...document.querySelectorAll('button,h3,figcaption')]"
        ".filter(e => e.offsetParent).map(e => e.innerText).join(' ')"
    )
    for english in ("Classes", "Lasso", "Move", "Samples", "only"):
        assert english not in demo.read(words)


def test_nothing_is_wider_than_a_small_screen(explorer: Explorer, serve, files: Files) -> None:
    """With what a panel shows once it rests: draws, strips and tables come later than it."""
    explorer.page.set_viewport_size({"width": 360, "height": 740})
    page = explorer.open(serve(files), run="vae", pair="ae", lang="en")
    tabs = page.page.locator("[role=tab]").evaluate_all("l => l.map(t => t.id)")
    assert len(tabs) == 9
    for tab in tabs:
        page.page.click(f"#{tab}")
        page.page.evaluate(RESTS)
        assert page.state["panel"] == tab.removeprefix("tab-")
        assert page.read("document.documentElement.scrollWidth") <= 360, tab


def test_reduced_motion_flies_at_once(explorer: Explorer, serve, files: Files) -> None:
    explorer.page.emulate_media(reduced_motion="reduce")
    page = explorer.open(serve(files), run="vae", view="vae:1,1,400")
    page.page.get_by_role("button", name="Show everything").click()
    assert page.state["view"]["vae"] is None


def test_a_screen_reader_is_told(demo: Explorer) -> None:
    demo.page.locator(".map").focus()
    demo.page.keyboard.press("ArrowRight")
    said = demo.page.locator("[aria-live=polite]").first
    demo.when(lambda: "nearest image" in said.inner_text())
    unnamed = demo.read(
        """[...document.querySelectorAll('button,select,input,canvas[role=img],[role=application]')]
            .filter((e) => e.offsetParent && !(e.ariaLabel || e.innerText || e.labels?.length))
            .map((e) => e.outerHTML)"""
    )
    assert unnamed == []
