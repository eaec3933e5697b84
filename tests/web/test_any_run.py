"""Runs of other kinds than the demo's: many classes, images that are not square, 50 dimensions."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from reparam.runs import Run

from .bundles import Files, manifest, with_manifest
from .driver import Explorer, share_of
from .small import site_of

CLASSES = 1200

RED, BLUE, GREEN = "#ff0000", "#0000ff", "#00c000"

PLAIN = {"names": "0", "rings": "0", "ellipse": "0", "dim": "0", "pin": "1", "lang": "en"}
"""The points alone."""


@pytest.fixture(scope="module")
def many(small: Callable[..., Run]) -> Files:
    """1,200 classes; the last three have colours that no other has."""
    site = site_of([small(classes=CLASSES, count=4 * CLASSES)])
    changed = manifest(site)
    for k, one in enumerate(changed["runs"][0]["classes"]):
        one["colour"] = [RED, BLUE, GREEN][k - CLASSES + 3] if k >= CLASSES - 3 else "#a0a0a0"
    return with_manifest(site, changed)


def shares(page: Explorer) -> list[float]:
    """How much of the map is red, blue, green."""
    page.page.wait_for_timeout(200)  # two frames, on a busy machine
    screen = page.screen("run")
    return [share_of(screen, colour, within=60) for colour in (RED, BLUE, GREEN)]


def test_every_class_has_its_own_colour_and_switch(explorer: Explorer, serve, many: Files) -> None:
    """A class is more than a byte."""
    page = explorer.open(serve(many), **PLAIN)
    assert min(shares(page)) > 0
    page.page.get_by_role("button", name=re.compile(rf"^class c{CLASSES - 2} \d+$")).click()
    red, blue, green = shares(page)
    assert blue == 0
    assert red > 0
    assert green > 0
    page.page.get_by_role("button", name=f"only c{CLASSES - 1}", exact=True).click()
    red, blue, green = shares(page)
    assert red == blue == 0
    assert green > 0
    assert page.state["hidden"] == list(range(CLASSES - 1))


def test_an_address_with_all_classes_but_one_is_short(explorer, serve, many: Files) -> None:
    page = explorer.open(serve(many), **PLAIN)
    page.page.get_by_role("button", name="only c150", exact=True).click()
    page.until("location.hash.includes('hide')")
    hidden = page.read("decodeURIComponent(location.hash).match(/hide=([^&]*)/)[1]")
    assert hidden == f"0-149,151-{CLASSES - 1}"
    page.page.reload()
    page.until("'reparam' in window")
    assert sorted(page.state["hidden"]) == [k for k in range(CLASSES) if k != 150]


@pytest.mark.parametrize("background", ["window", "quantiles"])
@pytest.mark.parametrize("shape", [(8, 24, 3), (24, 8, 1)])
def test_tiles_have_the_proportions_of_the_images(
    small: Callable[..., Run], opened: Callable[..., Explorer], background: str, shape
) -> None:
    page = opened(small(shape=shape, labelled=False), bg=background)
    found = page.until("reparam.background('run')")
    assert found["side"] / found["tall"] == pytest.approx(shape[1] / shape[0])
    places = np.array(found["places"])
    assert 100 < len(places) <= 500
    if background == "window":  # whole: side by side, no gaps
        x, y = (np.unique(places[:, k].round(9)) for k in (0, 1))
        np.testing.assert_allclose(np.diff(x), found["side"], rtol=1e-6)
        np.testing.assert_allclose(np.diff(y), found["tall"], rtol=1e-6)


def test_the_background_of_one_dimension_is_seen(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    """Also of a prior that is a box, as an AE's."""
    page = opened(small(preset="ae", latent_dim=1), bg="quantiles")
    found = page.until("reparam.background('run')")
    assert found["side"] > 0
    places = np.array(found["places"])
    assert len(np.unique(places[:, 1].round(6))) == 20


@pytest.mark.parametrize("size", [(1440, 900), (1000, 700)])
def test_a_banner_leaves_the_map_on_the_screen(
    explorer: Explorer, serve, small: Callable[..., Run], size: tuple[int, int]
) -> None:
    """Also beside the longest panel, of 50 dimensions."""
    site = site_of([small(latent_dim=50)])
    changed = manifest(site)
    changed["runs"][0]["golden"]["latents"][0][0] += 9.0
    page = explorer
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.open(serve(with_manifest(site, changed)), panel="dimensions", lang="en")
    page.when(lambda: page.page.locator(".banner").count() == 1)
    panel = page.read(
        "(({ scrollHeight, clientHeight: h }) => [scrollHeight, h])"
        "(document.querySelector('#panel-dimensions'))"
    )
    assert panel[0] > 4 * panel[1]
    box = page.page.locator(".map").bounding_box()
    assert box
    assert 250 < box["height"] < size[1]
    assert page.read("document.documentElement.scrollHeight") <= size[1] + 200


def test_the_map_shows_the_whole_box(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(preset="ae"))
    (entry,) = page.read("fetch('data/manifest.json').then((r) => r.json())")["runs"]
    low, high = entry["prior"]["low"], entry["prior"]["high"]
    box = page.page.locator(".map").bounding_box()
    assert box
    for corner in ([low[0], low[1]], [high[0], high[1]]):
        x, y = page.client("run", corner)
        assert box["x"] < x < box["x"] + box["width"]
        assert box["y"] < y < box["y"] + box["height"]


def test_the_nearest_image_is_of_a_shown_class(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    """And so is what a lasso catches; with every class hidden all count."""
    page = opened(small(), lang="en", pin="1")
    z = page.read("reparam.mean('run', 0)")
    page.click("run", z)
    near = page.read("reparam.nearest('run')")
    label = int(near["name"][1:])
    page.page.locator(".legend-class").nth(label).click()
    other = page.read("reparam.nearest('run')")
    assert other["name"] != near["name"]
    assert other["distance"] >= near["distance"]
    assert other["name"] in page.page.locator(".readout .class").inner_text()
    page.page.click('[data-tool="lasso"]')
    box = page.page.locator(".map").bounding_box()
    assert box
    left, top = box["x"] + 4, box["y"] + 4
    right, bottom = box["x"] + box["width"] - 60, box["y"] + box["height"] - 4
    page.drag((left, top), (right, top), (right, bottom), (left, bottom))
    counts = page.until("reparam.caught().indices.length > 0 && reparam.caught().counts")
    assert counts[label] == 0
    assert sum(n > 0 for n in counts) == 4
    page.page.click("#tab-look")
    for k in range(5):
        if k != label:
            page.page.locator(".legend-class").nth(k).click()
    assert page.read("reparam.nearest('run')") == near


def test_one_dimension_twice_is_no_plane(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    assert opened(small(latent_dim=8), plane="3,3").state["plane"] is None


def test_a_map_opens_on_the_dimensions_that_rank_first(
    explorer: Explorer, serve, small: Callable[..., Run]
) -> None:
    site = site_of([small(latent_dim=8)])
    changed = manifest(site)
    changed["runs"][0]["kl_per_dimension"] = [0.1, 0.2, 0.3, 5.0, 0.1, 0.2, 7.0, 0.1]
    page = explorer.open(serve(with_manifest(site, changed)), panel="dimensions", lang="en")
    chosen = page.page.locator("#panel-dimensions select")
    assert [chosen.nth(k).input_value() for k in (0, 1)] == ["3", "6"]
    assert [d["index"] for d in page.read("reparam.dimensions()")][:2] == [6, 3]
    x, y = page.client("run", [0.0] * 8)
    right, up = page.client("run", [0, 0, 0, 1, 0, 0, 1, 0])
    assert right > x
    assert up < y
    # Chosen by hand, they stay, also through the address.
    page = explorer.open(serve(with_manifest(site, changed)), plane="1,0")
    assert page.state["plane"] == [1, 0]


@pytest.fixture
def two(small: Callable[..., Run], opened: Callable[..., Explorer]) -> Explorer:
    return opened(small(), small(preset="ae"), lang="en", pin="1", run="run")


def show_run(page: Explorer, k: int) -> str:
    page.page.locator("[data-run].segmented button, .segmented [data-run]").nth(k).click()
    page.until("reparam.state().run === argument", ["run", "run-2"][k])
    return page.state["run"]


def test_a_run_is_as_it_was_left(two: Explorer) -> None:
    two.page.click('[data-tool="path"]')
    box = two.page.locator(".map").bounding_box()
    assert box
    for share in (0.3, 0.6):
        two.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        two.page.wait_for_timeout(400)  # no double click
    path = two.until("reparam.state().path.length === 2 && reparam.state().path")
    show_run(two, 1)
    assert two.state["path"] == []
    show_run(two, 0)
    assert two.state["path"] == path


def test_a_selection_dims_in_its_own_tab_alone(two: Explorer) -> None:
    before = two.screen("run").astype(int)
    box = two.page.locator(".map").bounding_box()
    assert box
    two.page.click('[data-tool="lasso"]')
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    two.drag((x, y), (x + 90, y), (x + 90, y + 90), (x, y + 90))
    two.page.click('[data-tool="move"]')
    two.page.wait_for_timeout(300)

    def changed() -> float:
        two.page.wait_for_timeout(300)
        return float((np.abs(two.screen("run") - before).max(-1) > 30).mean())

    two.page.click("#tab-gallery")
    dimmed = changed()
    two.page.click("#tab-look")
    assert changed() < 0.25 * dimmed
    assert dimmed > 0.002
