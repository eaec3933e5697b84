"""Runs of other kinds than the demo's: many classes, images that are not square, 50 dimensions."""

from collections.abc import Callable

import numpy as np
import pytest

from reparam.runs import Run

from .bundles import Files, manifest, with_manifest
from .driver import Explorer, share_of
from .small import site_of

CLASSES = 300

RED, BLUE, GREEN = "#ff0000", "#0000ff", "#00c000"

PLAIN = {"names": "0", "rings": "0", "ellipse": "0", "dim": "0", "pin": "1", "lang": "en"}
"""The points alone."""


@pytest.fixture(scope="module")
def many(small: Callable[..., Run]) -> Files:
    """300 classes; the last three have colours that no other has."""
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
    page.page.get_by_role("button", name=f"class c{CLASSES - 2}", exact=True).click()
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
    assert page.read("decodeURIComponent(location.hash).match(/hide=([^&]*)/)[1]") == "0-149,151-299"
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
    panel = page.read("(({ scrollHeight, clientHeight: h }) => [scrollHeight, h])"
                      "(document.querySelector('#panel-dimensions'))")
    assert panel[0] > 4 * panel[1]
    box = page.page.locator(".map").bounding_box()
    assert box
    assert 250 < box["height"] < size[1]
    assert page.read("document.documentElement.scrollHeight") <= size[1] + 200
