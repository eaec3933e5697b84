"""Another run, other axes, another class: what belonged to the last ones does not stay."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reparam.explorer import site_files
from reparam.export import make_bundle
from reparam.runs import Run, look_at

from .bundles import Files, manifest
from .driver import Explorer
from .small import site_of

Small = Callable[..., Run]
Opened = Callable[..., Explorer]


def ids(site: Files) -> list[str]:
    return [run["id"] for run in manifest(site)["runs"]]


def choose(page: Explorer, run: str) -> None:
    page.page.click(f'button[data-run="{run}"]')


@pytest.fixture(scope="module")
def two(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Two runs of other held-out images, with a table: words of which the second lacks the first,
    dates, and a word that most images lack.
    """
    first, second = small(count=120, classes=3), small(count=160, classes=4)
    seen, other = (look_at(run, run.images()).index for run in (first, second))
    own = next(int(i) for i in seen if i not in other)
    path = tmp_path_factory.mktemp("table") / "given.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["index", "kind", "date", "seldom"])
        for i in range(160):
            kind = "apple" if i == own else ("bird", "cat")[i % 2]
            rows.writerow([i, kind, 20231100 + i % 30, "rare" if i % 5 == 0 else ""])
    return site_of([first, second], path)


def test_what_is_hidden_by_place_is_not_hidden_by_the_same_place_elsewhere(
    explorer: Explorer, serve, two: Files
) -> None:
    first, second = ids(two)
    page = explorer.open(serve(two), run=first, panel="filter", hide="0", lang="en")
    kinds = page.page.locator('[data-column="kind"]')
    kinds.get_by_role("button", name="apple 1").click()
    assert page.state["filters"] == {"kind": {"without": [0]}}
    choose(page, second)
    page.until("reparam.state().run === argument", second)
    assert page.state["filters"] == {}
    assert page.state["hidden"] == []
    assert kinds.locator('[aria-pressed="false"].legend-class').count() == 0


def test_a_word_that_images_lack_is_no_word_and_they_are_of_none(
    explorer: Explorer, serve, two: Files
) -> None:
    """Numbers of the table are whole to the last digit: on the page, and in what is saved."""
    first, _ = ids(two)
    columns = {c["name"]: c for c in manifest(two)["runs"][0]["points"]["columns"]}
    assert [level["name"] for level in columns["seldom"]["levels"]] == ["rare"]
    page = explorer.open(serve(two), run=first, panel="filter", by="date", lang="en")
    page.page.locator('[data-column="seldom"]').get_by_role("button", name="only rare").click()
    shown = page.read("reparam.shown(argument)", first)
    words = page.read("reparam.column(argument, 'seldom')", first)
    assert shown == [i for i, word in enumerate(words) if word is not None]
    page.page.get_by_role("button", name="Gather them").click()
    with page.page.expect_download() as saved:
        page.page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
    assert len(rows) == len(shown)
    positions = {int(row["index"]): int(row["position"]) for row in rows}
    assert [row["date"] for row in rows] == [str(20231100 + p % 30) for p in positions.values()]


def test_the_legend_is_of_what_the_points_are_coloured_by(
    explorer: Explorer, serve, two: Files
) -> None:
    first, second = ids(two)
    page = explorer.open(serve(two), run=first, by="rate_nats", lang="en")
    page.page.locator("#panel-look .histogram").wait_for()
    choose(page, second)
    page.until("reparam.state().run === argument", second)
    page.until("reparam.column(argument, 'rate_nats') !== null", second)
    page.page.locator("#panel-look .histogram").wait_for()
    assert not page.page.locator("#panel-look .legend-class").first.is_visible()


def test_the_last_run_that_was_asked_for_is_shown(explorer: Explorer, serve, two: Files) -> None:
    """Whatever comes last over the network."""
    first, second = ids(two)
    held: list[Any] = []
    file = manifest(two)["runs"][1]["points"]["mu"]["file"]
    explorer.page.route(f"**/{file}*", lambda route: held.append(route))
    page = explorer.open(serve(two), run=first, lang="en")
    choose(page, second)
    page.until("document.querySelector('.page').getAttribute('aria-busy') === 'true'")
    page.when(lambda: held)
    choose(page, first)
    for route in held:
        route.continue_()
    page.until("reparam.runs().length === 2")
    page.page.wait_for_timeout(100)
    assert page.state["run"] == first
    assert page.page.locator(".page[aria-busy]").count() == 0


def test_playing_ends_where_nothing_is_drawn(small: Small, explorer: Explorer, serve) -> None:
    site = site_of([small(count=120), small(count=120, preset="ae")])
    first, second = ids(site)
    page = explorer.open(serve(site), run=first, panel="mechanism", image="3", lang="en")
    page.page.get_by_role("button", name="Play", exact=True).click()
    page.until("reparam.mechanism().playing")
    choose(page, second)
    page.until("reparam.state().run === argument && !reparam.mechanism()?.playing", second)


def test_a_lasso_is_of_the_axes_that_it_was_drawn_on(small: Small, opened: Opened) -> None:
    page = opened(small(latent_dim=4), a="l-9,-9;9,-9;9,9;-9,9", b="c0", panel="dimensions")
    assert page.state["groupA"] == {"lasso": [[-9, -9], [9, -9], [9, 9], [-9, 9]]}
    page.page.get_by_label("horizontal").select_option(index=3)
    page.until("reparam.state().groupA === null")
    assert page.state["groupB"] == {"class": 0}


def test_the_image_is_of_the_class_that_is_chosen(small: Small, opened: Opened) -> None:
    """Also where one goes back to a class before the next one's image is there."""
    page = opened(small(preset="cvae"), lang="en")
    menu = page.page.locator(".of-class")
    menu.wait_for()
    for _ in range(4):
        menu.focus()
        page.page.keyboard.press("ArrowDown")
        page.page.keyboard.press("ArrowUp")
        page.until("reparam.decoded('run').ofClass === reparam.state().ofClass")
        page.page.wait_for_timeout(200)
        assert page.read("reparam.decoded('run').ofClass") == page.state["ofClass"] == 0


def test_a_map_of_one_place(small: Small, explorer: Explorer, serve) -> None:
    """One image, or all at one mean: the window shows what lies around it."""
    site = site_files(make_bundle([small()], images=1).files)
    page = explorer.open(serve(site), lang="en")
    before = page.read("reparam.view('run').scale")
    assert 20 < before < 500  # pixels for a unit
    page.page.get_by_role("button", name="Zoom in").first.click()
    assert page.read("reparam.view('run').scale") > before


def test_an_address_from_elsewhere_cannot_freeze_the_page(small: Small, opened: Opened) -> None:
    page = opened(small(), view="run:1e17,0,50", z="run:1e300,0", amount="1e300")
    assert abs(page.read("reparam.view('run').x")) < 1e3
    assert np.abs(page.z("run")).max() < 1e3
    assert page.state["amount"] == 0


def test_legends_that_are_gone_are_forgotten(explorer: Explorer, serve, two: Files) -> None:
    page = explorer.open(serve(two), run=ids(two)[0], by="date", lang="en")
    page.page.locator("#panel-look .histogram").wait_for()
    tools = page.page.context.new_cdp_session(page.page)
    choice = page.page.locator("select[name=colour]")

    def nodes() -> int:
        for _ in range(3):
            tools.send("HeapProfiler.collectGarbage")
        return tools.send("Memory.getDOMCounters")["nodes"]

    found = []
    for _ in range(3):
        for _ in range(15):
            choice.select_option("kind")
            choice.select_option("date")
        found.append(nodes())
    assert found[2] - found[1] < 100
