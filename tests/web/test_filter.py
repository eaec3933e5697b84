"""Colours and filters by any column, finding an image, and what is taken from them."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from reparam.runs import Run, look_at

from .bundles import Files, manifest
from .driver import Explorer
from .small import site_of

QUIET = {"lang": "en", "names": "0", "rings": "0", "ellipse": "0"}


@pytest.fixture(scope="module")
def table(small: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, Run]:
    """A run on files, with a table: a number that two images lack, and a word."""
    run = small(files=True)
    view = look_at(run, run.images())
    assert view.files
    path = tmp_path_factory.mktemp("table") / "given.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "age", "<b>site</b>"])
        for k, name in enumerate(view.files):
            rows.writerow([name, "" if k < 2 else k * k, ["left", "right", "=top"][k % 3]])
    return site_of([run], path), run


def column(files: Files, name: str) -> np.ndarray:
    """A column as the bundle has it."""
    columns = manifest(files)["runs"][0]["points"]["columns"]
    entry = next(entry for entry in columns if entry["name"] == name)
    return np.frombuffer(files[entry["file"]], "<f4")


def brush(page: Explorer, name: str, start: float, end: float) -> None:
    """Drags over a column's histogram between two shares of its width."""
    bins = page.page.locator(f'#panel-filter [data-column="{name}"] .bins')
    bins.scroll_into_view_if_needed()
    box = bins.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.drag(*((box["x"] + share * box["width"], y) for share in (start, end)))


def shown(page: Explorer) -> list[int]:
    return page.read("reparam.shown('run')")


@pytest.mark.parametrize("dark", [False, True])
def test_points_have_the_colours_of_viridis(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run], dark: bool
) -> None:
    files, _ = table
    page = explorer.open(serve(files), by="age", theme="dark" if dark else "light", **QUIET)
    ages = column(files, "age")
    known = ~np.isnan(ages)
    assert known.sum() == len(ages) - 2
    colours = np.array(page.read("reparam.colours('run')"))
    assert (colours[:, 3] == 255).all()
    # The scale leaves out the end that the ground hides, and covers what most values cover.
    low, high = np.nanmin(ages), np.nanmax(ages)
    places = (ages[known] - low) / (high - low)
    start, end = (0.15, 1.0) if dark else (0.0, 0.9)
    expected = 255 * mpl.colormaps["viridis"](start + (end - start) * places)[:, :3]
    assert np.abs(colours[known, :3] - expected).max() <= 4
    assert len(np.unique(colours[~known, :3], axis=0)) == 1
    axis = page.page.locator(".map-scale .scale-axis span").all_inner_texts()
    assert axis[0] == str(int(low))
    assert axis[-1] == str(int(high))
    assert page.page.locator(".map-scale p").inner_text() == "age"


def test_ranges_combine_and_can_be_moved_and_cleared(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, _ = table
    page = explorer.open(serve(files), panel="filter", **QUIET)
    page.until("reparam.column('run', 'age') !== null")
    ages, error = column(files, "age"), column(files, "squared_error")
    assert shown(page) == list(range(len(ages)))
    brush(page, "age", 0.1, 0.6)
    rule = page.state["filters"]["age"]
    top = float(np.nanmax(ages))
    assert rule["low"] == pytest.approx(4 + 0.1 * (top - 4), abs=0.02 * top)
    assert rule["high"] == pytest.approx(4 + 0.6 * (top - 4), abs=0.02 * top)
    one = (ages >= rule["low"]) & (ages <= rule["high"])  # NaN is in no range
    assert shown(page) == np.flatnonzero(one).tolist()
    brush(page, "squared_error", 0.5, 1.1)  # over the edge: no upper end
    second = page.state["filters"]["squared_error"]
    assert second["high"] is None
    both = one & (error >= second["low"])
    assert shown(page) == np.flatnonzero(both).tolist()
    assert 0 < both.sum() < one.sum()
    said = page.page.locator("#panel-filter [role=status]").filter(has_text="shown")
    assert said.inner_text() == f"{both.sum()} of {len(ages)} images shown"
    brush(page, "age", 0.35, 0.45)  # begins inside: the range moves
    moved = page.state["filters"]["age"]
    by = moved["low"] - rule["low"]
    assert by == pytest.approx(0.1 * (top - 4), abs=0.02 * top)
    assert moved["high"] - rule["high"] == pytest.approx(by)
    page.page.locator('[data-column="age"] .bins').click()
    assert list(page.state["filters"]) == ["squared_error"]
    page.page.get_by_role("button", name="Show all", exact=True).click()
    assert page.state["filters"] == {}


def test_sliders_filter_by_keyboard(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, _ = table
    page = explorer.open(serve(files), panel="filter", **QUIET)
    page.until("reparam.column('run', 'age') !== null")
    least = page.page.get_by_role("slider", name="age: at least")
    assert least.get_attribute("aria-valuetext") == "no limit"
    least.focus()
    for _ in range(6):
        page.page.keyboard.press("PageUp")
    ages = column(files, "age")
    low = page.state["filters"]["age"]["low"]
    assert low > np.nanmin(ages)
    assert shown(page) == np.flatnonzero(ages >= low).tolist()
    assert least.get_attribute("aria-valuetext") != "no limit"
    page.page.keyboard.press("Home")
    assert page.state["filters"] == {}


def test_what_is_left_out_is_not_the_nearest_and_steps_back(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, _ = table
    page = explorer.open(serve(files), pin="1", filter="age%3A,400", **QUIET)
    ages = column(files, "age")
    kept = np.flatnonzero(ages <= 400)
    assert shown(page) == kept.tolist()
    z = page.z("run")
    means = np.array([page.read("reparam.mean('run', argument)", int(i)) for i in kept])
    nearest = kept[((means - z) ** 2).sum(1).argmin()]
    assert page.read("reparam.nearest('run').index") == nearest
    alphas = np.array(page.read("reparam.colours('run')"))[:, 3]
    np.testing.assert_array_equal(np.flatnonzero(alphas == 255), kept)
    page.page.get_by_text("Dim the others").click()
    alphas = np.array(page.read("reparam.colours('run')"))[:, 3]
    np.testing.assert_array_equal(np.flatnonzero(alphas > 0), kept)


def test_the_address_restores_colour_and_filters(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, _ = table
    page = explorer.open(serve(files), panel="filter", by="<b>site</b>", **QUIET)
    page.until("reparam.column('run', 'age') !== null")
    brush(page, "age", 0.2, 0.8)
    page.page.get_by_role("button", name="value =top").click()
    before = shown(page)
    words = column(files, "<b>site</b>")
    assert set(words[before]) == {1, 2}  # =top, left, right
    page.until("location.hash.includes('filter=')")
    page.page.reload()
    page.until("'reparam' in window")
    assert shown(page) == before
    assert page.state["colour"] == "<b>site</b>"
    colours = np.array(page.read("reparam.colours('run')"))[:, :3]
    levels = manifest(files)["runs"][0]["points"]["columns"][-1]["levels"]
    assert [level["name"] for level in levels] == ["=top", "left", "right"]
    for k, level in enumerate(levels):
        rgb = [int(level["colour"][i : i + 2], 16) for i in (1, 3, 5)]
        assert (colours[words == k] == rgb).all()


def test_an_image_is_found_by_number_and_by_file(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, run = table
    page = explorer.open(serve(files), panel="filter", **QUIET)
    names = look_at(run, run.images()).files
    assert names
    field = page.page.get_by_role("searchbox", name="Number or file name")
    field.fill("7")
    field.press("Enter")
    mean = page.until("reparam.mean('run', 7)")
    page.until("String(reparam.state().z.run) === String(argument)", mean)
    assert page.state["pinned"]
    field.fill(Path(names[11]).name)
    field.press("Enter")
    mean = page.read("reparam.mean('run', 11)")
    page.until("String(reparam.state().z.run) === String(argument)", mean)
    field.fill("nosuch")
    page.until("document.querySelector('#panel-filter').innerText.includes('nosuch')")
    field.fill(names[3][:-5])  # the names that hold this are listed
    page.page.get_by_role("button", name=names[3], exact=True).click()
    mean = page.read("reparam.mean('run', 3)")
    assert page.z("run").tolist() == mean


def test_the_selection_leaves_as_table_and_names(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    files, run = table
    page = explorer
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.open(serve(files), panel="filter", filter="age%3A100,2500", **QUIET)
    page.page.get_by_role("button", name="Gather them").click()
    ages = column(files, "age")
    kept = np.flatnonzero((ages >= 100) & (ages <= 2500))
    assert page.read("reparam.caught().indices") == kept.tolist()
    names = look_at(run, run.images()).files
    assert names
    page.page.get_by_role("button", name="Copy file names").click()
    page.until("document.querySelector('#panel-gallery').innerText.includes('copied')")
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n") == [names[i] for i in kept]
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["file"] for row in rows] == [names[i] for i in kept]
    assert [float(row["age"]) for row in rows] == ages[kept].tolist()
    assert {row["<b>site</b>"] for row in rows} == {"left", "right", "'=top"}


def test_two_runs_show_the_same_images(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(), small(preset="ae"), pair="run-2", panel="filter", **QUIET)
    page.until("reparam.runs().length === 2 && reparam.column('run', 'rate_nats') !== null")
    brush(page, "rate_nats", 0.3, 0.7)  # the AE has no such column
    page.until("Object.keys(reparam.state().filters).length === 1")
    assert 0 < len(shown(page)) < 120
    assert page.read("reparam.shown('run-2')") == shown(page)
    left_out = next(i for i in range(120) if i not in shown(page))
    page.page.locator("[name=find]").fill(str(left_out))
    page.page.keyboard.press("Enter")
    for run in ("run", "run-2"):  # both at the image that was asked for, not at one that is shown
        asked_for = page.read(f"reparam.mean('{run}', {left_out})")
        np.testing.assert_allclose(page.z(run), asked_for, atol=1e-6)


def test_a_class_is_gathered_as_far_as_it_is_shown(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    run = small()
    images = run.images()
    labels = images.split_labels("test")
    assert labels is not None
    chosen = int(labels[0])
    chip = f"gather {images.class_names[chosen]}"
    page = opened(run, panel="filter", **QUIET)
    page.until("reparam.column('run', 'rate_nats') !== null")
    brush(page, "rate_nats", 0.2, 0.7)
    kept = [i for i in shown(page) if labels[i] == chosen]
    assert 0 < len(kept) < (labels == chosen).sum()
    page.page.locator("#tab-gallery").click()
    page.page.get_by_role("button", name=chip, exact=True).click()
    assert page.read("reparam.caught().indices") == kept


def test_korean_has_the_columns_names(
    explorer: Explorer, serve: Callable[[Files], str], table: tuple[Files, Run]
) -> None:
    page = explorer.open(serve(table[0]), panel="filter", lang="ko")
    page.until("document.querySelector('#panel-filter').innerText.includes('재구성 오차')")
    assert "Reconstruction" not in page.page.locator("#panel-filter").inner_text()
