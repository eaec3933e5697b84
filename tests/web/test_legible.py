"""The map can be read: its colours are the legend's, and names do not lie upon each other."""

from collections.abc import Callable

import numpy as np
import pytest
from ciede2000 import difference, lab, linear

from reparam.runs import Run

from .driver import BROKEN_WORDS, Explorer

CLASSES = 12


@pytest.mark.parametrize("background", ["off", "window"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_points_have_the_colours_of_the_legend(
    small: Callable[..., Run], opened: Callable[..., Explorer], theme: str, background: str
) -> None:
    """By day and by night, and over decoded tiles: pixels of every class, ΔE2000 at most 5."""
    run = small(classes=CLASSES, count=480)
    page = opened(run, theme=theme, bg=background, names="0", rings="0", ellipse="0")
    if background != "off":
        page.until("reparam.background('run')")
    page.page.wait_for_timeout(300)
    swatches = page.page.locator(".legend .swatch").evaluate_all(
        "l => l.map((s) => getComputedStyle(s).backgroundColor.match(/\\d+/g).map(Number))"
    )
    assert len(swatches) == CLASSES
    screen = np.unique(page.screen("run").reshape(-1, 3), axis=0, return_counts=True)
    drawn = lab(linear(screen[0].astype(float)))
    for swatch in swatches:
        same = difference(drawn, lab(linear(np.array(swatch, float)))) <= 5
        assert screen[1][same].sum() >= 20


def test_names_have_room(small: Callable[..., Run], opened: Callable[..., Explorer]) -> None:
    """Of 60 classes at most 20 are named, and no two names touch."""
    page = opened(small(classes=60, count=480))
    names = page.until("reparam.names('run').length && reparam.names('run')")
    assert 2 <= len(names) <= 20
    for i, one in enumerate(names):
        for other in names[:i]:
            beside = abs(one["x"] - other["x"]) >= one["half"] + other["half"]
            assert beside or abs(one["y"] - other["y"]) >= 20


def test_a_class_without_room_is_named_at_the_pointer(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(classes=60, count=480))
    names = page.until("reparam.names('run').length && reparam.names('run')")
    named = {one["text"] for one in names}
    label = page.page.locator(".mark-name")
    seen = set()
    for index in range(60):
        page.hover("run", page.read("reparam.mean('run', argument)", index))
        name = page.read("reparam.nearest('run').name")
        page.when(lambda n=name: label.text_content() == ("" if n in named else n), name)
        seen.add(name in named)
        if len(seen) == 2:
            break
    assert seen == {True, False}


def test_a_long_legend_is_searched(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(classes=60, count=480), lang="en")
    page.page.get_by_label("Find a class").fill("C5")
    shown = page.page.locator(".legend-name:visible").all_inner_texts()
    assert shown == ["c5", *(f"c{k}" for k in range(50, 60))]
    page.page.get_by_role("button", name="only c57", exact=True).click()
    assert page.state["hidden"] == [k for k in range(60) if k != 57]


def test_without_classes_there_is_no_legend(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(shape=(8, 24, 3), labelled=False), lang="en")
    words = page.page.locator("#panel-look").inner_text()
    assert "Classes" not in words
    assert "Names" not in words
    assert "Prior" in words


def test_on_a_phone_korean_lines_end_between_words(
    small: Callable[..., Run], opened: Callable[..., Explorer], explorer: Explorer
) -> None:
    """Of every panel; and what the prior is, which the bundle says, is in Korean."""
    explorer.page.set_viewport_size({"width": 390, "height": 860})
    page = opened(small(preset="ae"), lang="ko")
    assert "사전 분포: 학습 이미지의" in page.page.locator(".facts-line").inner_text()
    for tab in page.page.locator("[role=tab]").all():
        tab.click()
        page.page.wait_for_timeout(100)
        assert page.page.evaluate(BROKEN_WORDS, "p, h2, h3, label, button, dd") == []
        assert page.read("document.documentElement.scrollWidth") <= 390
