"""The tour: once, in five steps, by mouse and keys, and never in the way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from reparam.explorer import single_file
from reparam.export import make_bundle
from reparam.runs import Run

from .axe import violations
from .bundles import Files
from .driver import Explorer
from .small import site_of

PLACES = [".map-box", ".readouts", ".tabs", ".compare", ".settings"]

NO_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});"""

FULL_STORAGE = """Storage.prototype.setItem = () => {
  throw new DOMException("full", "QuotaExceededError");
};"""

ABSENT_STORAGE = """Object.defineProperty(window, "localStorage", { value: undefined });"""


@pytest.fixture(scope="module")
def one(small: Callable[..., Run]) -> Files:
    return site_of([small()])


@pytest.fixture(scope="module")
def two(small: Callable[..., Run]) -> Files:
    return site_of([small(), small(preset="ae")])


@pytest.fixture
def newcomer(context: BrowserContext) -> Iterator[Explorer]:
    """A page in a browser that has not had the tour; it leaves no error in the console."""
    page = Explorer(context.new_page(), visited=False)
    page.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    yield page
    assert page.errors == []


@pytest.fixture
def visit(newcomer: Explorer, serve: Callable[[Files], str], two: Files) -> Explorer:
    newcomer.open(serve(two))
    return toured(newcomer)


def toured(page: Explorer) -> Explorer:
    page.when(page.page.locator(".tour").is_visible, "the tour")
    return page


def pointed(page: Explorer) -> list[str]:
    """The places that are marked now."""
    return page.read("argument.filter((s) => document.querySelector(`${s}.toured`))", PLACES)


def title(page: Explorer) -> str:
    return page.page.locator("#tour-title").inner_text()


def focused(page: Explorer) -> Any:
    return page.read("document.activeElement.textContent")


def settle(page: Explorer) -> None:
    """Waits until the page would have started a tour: its golden check comes after."""
    page.until("Number.isFinite(reparam.golden(reparam.state().run))")


def box_of(page: Explorer, selector: str) -> dict[str, float]:
    box = page.page.locator(selector).first.bounding_box()
    assert box
    return dict(box)


def apart(a: dict[str, float], b: dict[str, float]) -> bool:
    beside = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
    return beside or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]


def test_five_steps_by_mouse(visit: Explorer) -> None:
    titles, places = [], []
    back = visit.page.get_by_role("button", name="Back")
    assert back.is_disabled()
    for _ in range(5):
        titles.append(title(visit))
        places += pointed(visit)
        visit.page.locator(".tour .primary").click()
    assert places == PLACES
    assert len(set(titles)) == 5
    assert visit.page.locator(".tour").is_hidden()
    assert pointed(visit) == []


def test_by_keys_alone(visit: Explorer) -> None:
    """The card has the focus; Tab reaches its buttons, arrows turn it, Escape ends it."""
    press = visit.page.keyboard.press
    assert visit.read("document.activeElement.getAttribute('role')") == "dialog"
    press("Tab")
    assert focused(visit) == "Skip"
    press("Tab")
    assert focused(visit) == "Next"  # nothing lies before the first step
    press("Enter")
    assert pointed(visit) == [".readouts"]
    said = visit.page.locator("[aria-live=polite]").inner_text()
    assert said.startswith("The decoded image. Left: ")
    press("Shift+Tab")
    assert focused(visit) == "Back"
    press("Enter")
    assert pointed(visit) == [".map-box"]
    assert focused(visit) == "Next"  # Back is disabled, and the focus is not lost
    press("ArrowRight")
    press("ArrowRight")
    assert pointed(visit) == [".tabs"]
    press("ArrowLeft")
    assert pointed(visit) == [".readouts"]
    press("Escape")
    assert visit.page.locator(".tour").is_hidden()
    # The focus is on the button that starts it again, and does.
    assert visit.read("document.activeElement.dataset.action") == "tour"
    press("Enter")
    assert pointed(visit) == [".map-box"]


def test_escape_ends_the_tour_before_anything_else(visit: Explorer) -> None:
    visit.page.locator(".map").first.focus()
    visit.page.click('[data-tool="lasso"]')
    x, y, width, height = box_of(visit, ".map").values()
    corners = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8))
    visit.drag(*((x + a * width, y + b * height) for a, b in corners))
    assert len(visit.state["lasso"]) > 2
    visit.page.locator(".map").first.focus()
    visit.page.keyboard.press("Escape")
    assert visit.page.locator(".tour").is_hidden()
    assert len(visit.state["lasso"]) > 2
    visit.page.keyboard.press("Escape")
    assert visit.state["lasso"] == []


@pytest.mark.parametrize("end", ["Skip", "Escape", "Done"])
def test_never_again_once_dismissed(
    visit: Explorer, serve: Callable[[Files], str], two: Files, end: str
) -> None:
    if end == "Escape":
        visit.page.keyboard.press("Escape")
    else:
        for _ in range(4 if end == "Done" else 0):
            visit.page.locator(".tour .primary").click()
        visit.page.get_by_role("button", name=end).click()
    assert visit.page.locator(".tour").is_hidden()
    settle(visit.open(serve(two)))
    assert visit.page.locator(".tour").is_hidden()
    visit.page.get_by_role("button", name="Show the tour").click()
    assert visit.page.locator(".tour").is_visible()


def test_it_comes_again_until_it_is_dismissed(
    visit: Explorer, serve: Callable[[Files], str], two: Files
) -> None:
    toured(visit.open(serve(two)))


def test_a_link_to_a_state_has_no_tour(
    newcomer: Explorer, serve: Callable[[Files], str], one: Files
) -> None:
    settle(newcomer.open(serve(one), panel="samples"))
    assert newcomer.page.locator(".tour").is_hidden()


def test_one_run_has_no_step_of_two(
    newcomer: Explorer, serve: Callable[[Files], str], one: Files
) -> None:
    page = toured(newcomer.open(serve(one)))
    places = []
    while page.page.locator(".tour").is_visible():
        places += pointed(page)
        page.page.locator(".tour .primary").click()
    assert places == [".map-box", ".readouts", ".tabs", ".settings"]


@pytest.mark.parametrize("storage", [NO_STORAGE, FULL_STORAGE, ABSENT_STORAGE])
def test_without_storage_it_comes_when_asked(
    newcomer: Explorer, serve: Callable[[Files], str], one: Files, storage: str
) -> None:
    """By itself it would come back after each dismissal."""
    newcomer.page.add_init_script(storage)
    settle(newcomer.open(serve(one)))
    assert newcomer.page.locator(".tour").is_hidden()
    newcomer.page.click('[data-action="tour"]')
    assert pointed(newcomer) == [".map-box"]
    newcomer.page.get_by_role("button", name="Skip").click()
    assert newcomer.page.locator(".tour").is_hidden()


@pytest.mark.parametrize("sandbox", ["allow-downloads", "allow-same-origin"])
def test_a_frame_has_no_tour(
    newcomer: Explorer, small: Callable[..., Run], tmp_path: Path, sandbox: str
) -> None:
    """As the notebook's widget holds the page (its first line), without storage; and with it."""
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe sandbox="allow-scripts {sandbox}" width="900" height="800"></iframe>'
    )
    source = single_file(make_bundle([small()]).files).decode()
    newcomer.page.goto(outer.as_uri())
    newcomer.read("void (document.querySelector('iframe').srcdoc = argument)", source)

    def checked() -> bool:
        newcomer.page.wait_for_timeout(100)  # new frames are heard of in Playwright's own waiting
        frame = newcomer.page.frames[-1]
        ready = "'reparam' in window && Number.isFinite(reparam.golden(reparam.state().run))"
        return frame.url == "about:srcdoc" and bool(frame.evaluate(ready))

    newcomer.when(checked)
    frame = newcomer.page.frames[-1]
    assert frame.locator(".tour").is_hidden()
    frame.click('[data-action="tour"]')
    frame.click(".tour-skip")
    assert frame.locator(".tour").is_hidden()


def test_it_starts_in_the_single_file(
    newcomer: Explorer, small: Callable[..., Run], tmp_path: Path
) -> None:
    file = tmp_path / "explorer.html"
    file.write_bytes(single_file(make_bundle([small()]).files))
    page = toured(newcomer.open(file.as_uri()))
    page.page.keyboard.press("Escape")
    settle(page.open(file.as_uri()))
    assert page.page.locator(".tour").is_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_map_is_free_and_nothing_moves(visit: Explorer, width: int) -> None:
    visit.page.keyboard.press("Escape")
    visit.page.set_viewport_size({"width": width, "height": 860})
    parts = [".masthead", ".map-box", ".side", ".tabs"]
    visit.read("window.scrollTo(0, 0)")
    before = [box_of(visit, part) for part in parts]
    visit.page.click('[data-action="tour"]')
    visit.read("window.scrollTo(0, 0)")
    assert [box_of(visit, part) for part in parts] == before
    # Each step: the card is within the window, beside what it speaks of, which is in it, too.
    for _ in range(5):
        card = box_of(visit, ".tour")
        assert card["x"] >= 0
        assert card["x"] + card["width"] <= width
        assert card["y"] + card["height"] <= 860
        place = box_of(visit, ".toured")
        assert place["y"] >= -1
        assert place["y"] + place["height"] <= 861
        assert apart(card, place), pointed(visit)
        if pointed(visit) == [".map-box"]:
            run, z = visit.state["run"], visit.read("reparam.mean(reparam.state().run, 3)")
            visit.hover(run, z)
            visit.when(lambda z=z, run=run: abs(visit.z(run) - z).max() < 0.05)
        visit.page.locator(".tour .primary").click()


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_in_any_step(visit: Explorer, width: int, language: str) -> None:
    visit.page.set_viewport_size({"width": width, "height": 860})
    if language == "ko":
        visit.page.click('[data-action="language"]')
    found = {}
    for theme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=theme)
        visit.page.click('[data-action="tour"]')
        for step in range(5):
            found[theme, step] = violations(visit.page, None if step == 0 else ".tour, .toured")
            visit.page.locator(".tour .primary").click()
    assert {key: value for key, value in found.items() if value} == {}
