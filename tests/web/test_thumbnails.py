"""Images on the map in place of dots."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reparam.runs import Run, look_at

from .driver import Explorer

QUIET = {"lang": "en", "names": "0", "rings": "0", "ellipse": "0", "pin": "1", "points": "pictures"}


def ready(page: Explorer, count: int) -> dict[str, Any]:
    """What was drawn, once all images are in memory and on the screen."""
    return page.until(
        "((d) => d && d.ready === argument && d)(reparam.thumbnails('run'))",
        count,
    )


def at(x: float, y: float, scale: float) -> str:
    return f"run:{x},{y},{scale}"


@pytest.mark.parametrize("shape", [(16, 16, 3), (12, 24, 3), (16, 16, 1)])
def test_a_thumbnail_is_the_image_pixel_by_pixel(
    small: Callable[..., Run], opened: Callable[..., Explorer], shape: tuple[int, int, int]
) -> None:
    run = small(shape=shape)
    view = look_at(run, run.images())
    last = len(view.mu) - 1  # drawn over all others
    x, y = view.mu[last].tolist()
    page = opened(run, z=f"run:{x + 1e3},{y}", view=at(x, y, 1e6), **QUIET)
    drawn = ready(page, last + 1)
    assert drawn["indices"] == list(range(last + 1))  # as deep as this, all have room
    page.page.wait_for_timeout(300)
    # Where the page has it: 16 bits a coordinate are pixels at this scale.
    left, top = page.client("run", page.read("reparam.mean('run', argument)", last))
    width = drawn["size"] - 4  # without the frame
    height, across, channels = shape
    wide, tall = (width * side / max(across, height) for side in (across, height))
    png = page.page.screenshot()
    screen = np.array(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    columns = left - wide / 2 + (np.arange(across) + 0.5) * wide / across
    rows = top - tall / 2 + (np.arange(height) + 0.5) * tall / height
    found = screen[rows.astype(int)[:, None], columns.astype(int)[None]]
    expected = np.broadcast_to(view.images[last], (*shape[:2], 3)).astype(int)
    if channels == 1:  # by day ink is dark
        expected = 255 - expected
    # A pixel of the image may be two of the screen, and its middle half a pixel aside.
    assert np.abs(found - expected).mean() < 6
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


def drawn_now(page: Explorer) -> dict[str, Any]:
    page.page.wait_for_timeout(400)
    return page.read("reparam.thumbnails('run')")


def test_nearer_more_images_have_room(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    """Those that are there stay, and none covers another."""
    page = opened(small(count=2000, batch_size=200), **QUIET)
    drawn = ready(page, 1000)
    for _ in range(4):
        assert 22 <= drawn["size"] <= 48
        places = np.array(
            page.read(
                "argument.map((i) => reparam.client('run', reparam.mean('run', i)))",
                drawn["indices"],
            )
        )
        apart = np.abs(places[:, None] - places[None]).max(-1)
        np.fill_diagonal(apart, np.inf)
        assert apart.min() >= drawn["size"]
        page.page.get_by_role("button", name="Zoom in").click()
        page.page.get_by_role("button", name="Zoom in").click()
        nearer = drawn_now(page)
        assert set(nearer["indices"]) > set(drawn["indices"])
        drawn = nearer
    # The map moves, and the same images stay.
    page.page.locator(".map").focus()
    page.page.keyboard.press("Shift+ArrowLeft")
    assert drawn_now(page)["indices"] == drawn["indices"]


def test_larger_images_are_shown_larger(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    """Of 64 pixels from 48 to 96 wide, less what keeps them apart: 24 to 48 could not be read."""
    page = opened(small(shape=(64, 64, 3)), **QUIET)
    assert 44 <= ready(page, 120)["size"] <= 96


def test_the_first_images_fill_the_map(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    """No further one has room."""
    page = opened(small(count=2000, batch_size=200), **QUIET)
    drawn = ready(page, 1000)
    places = np.array(
        page.read(
            "Array.from({ length: 1000 }, (_, i) => reparam.client('run', reparam.mean('run', i)))"
        )
    )
    apart = np.abs(places[:, None] - places[None, drawn["indices"]]).max(-1)
    assert apart.min(1).max() < drawn["size"] / 0.92
    assert 10 < len(drawn["indices"]) < 1000


def test_filters_leave_images_out(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(), view=at(0, 0, 1e6), hide="0-3", **QUIET)
    ready(page, 120)
    kept = page.read("reparam.shown('run').length")
    assert 0 < kept < 60
    assert len(page.read("reparam.thumbnails('run').indices")) == kept
    page.page.get_by_role("button", name="dots", exact=True).click()
    assert page.state["points"] == "dots"
    page.until("!location.hash.includes('points=')")
