"""Figures out: the map as SVG and PNG at print size."""

import base64
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from reparam.runs import Run

from .bundles import Files, manifest, with_manifest
from .driver import Explorer
from .small import site_of

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
ACCENT, SECOND = "#2a6fb5", "#c2500a"
"""Colours of a figure: of what is selected and drawn, and of paths."""
NAMED = '<b>&"'
BARE = {"lang": "en", "names": "0", "rings": "0", "ellipse": "0"}
"""The points alone."""


def save(page: Explorer, name: str) -> bytes:
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name=name, exact=True).click()
    return download.value.path().read_bytes()


def menu(page: Explorer) -> None:
    page.page.click('[data-action="figure"]')


def figure(page: Explorer) -> ElementTree.Element:
    return ElementTree.fromstring(save(page, "Save SVG"))


def group(root: ElementTree.Element, name: str) -> ElementTree.Element:
    (found,) = (one for one in root.iter() if one.get("id") == name)
    return found


def texts(root: ElementTree.Element, name: str) -> list[str]:
    return [one.text or "" for one in group(root, name).iter(f"{SVG}text")]


def circles(root: ElementTree.Element) -> np.ndarray:
    """Centres of the points, N × 2, in units of the plot."""
    found = group(root, "points").findall(f"{SVG}circle")
    return np.array([[float(one.get(key, "")) for key in ("cx", "cy")] for one in found])


def window(root: ElementTree.Element) -> tuple[float, float]:
    """Width and height of the plot."""
    (clip,) = root.iter(f"{SVG}clipPath")
    rect = clip[0]
    return float(rect.get("width", "")), float(rect.get("height", ""))


def fills(root: ElementTree.Element) -> list[str]:
    return [one.get("fill", "") for one in group(root, "points")]


@pytest.fixture
def named(explorer: Explorer, serve: Callable[[Files], str], small: Callable[..., Run]) -> Explorer:
    """Five classes of 24 points; one has a name that would be HTML."""
    files = site_of([small()])
    changed = manifest(files)
    changed["runs"][0]["classes"][1]["name"] = NAMED
    page = explorer.open(serve(with_manifest(files, changed)), lang="en")
    menu(page)
    return page


def test_the_svg_is_the_map(named: Explorer) -> None:
    """Every point is a circle where its latent is, by the figure's own axes."""
    root = figure(named)
    centres = circles(root)
    shown = named.read("reparam.shown('run')")
    means = np.array([named.read("reparam.mean('run', argument)", i) for i in shown])
    assert len(centres) == len(shown) == 120
    view = named.read("reparam.view('run')")
    width, height = window(root)
    scale = view["scale"] * width / named.read("document.querySelector('.map').clientWidth")
    expected = np.array([width, height]) / 2 + (means - [view["x"], view["y"]]) * [scale, -scale]
    np.testing.assert_allclose(centres, expected, atol=0.02)
    # The axes: a number lies where its value is.
    numbers = [one for one in group(root, "axes").iter(f"{SVG}text") if not one.get("font-style")]
    across = [one for one in numbers if one.get("text-anchor") == "middle"]
    up = [one for one in numbers if one.get("text-anchor") == "end"]
    assert len(across) >= 3
    assert len(up) >= 3
    value = lambda one: float((one.text or "").replace("\u2212", "-"))  # noqa: E731
    for one in across:
        at = width / 2 + (value(one) - view["x"]) * scale
        assert float(one.get("x", "")) == pytest.approx(at, abs=0.02)
    for one in up:
        at = height / 2 - (value(one) - view["y"]) * scale
        assert float(one.get("y", "")) - 0.35 * 12 == pytest.approx(at, abs=0.02)
    assert [text for text in texts(root, "axes") if text[0] == "z"] == ["z1", "z2"]
    assert root.get("width") == "85mm"


def test_a_name_stays_text(named: Explorer) -> None:
    root = figure(named)
    assert set(texts(root, "names")) >= {"c0", NAMED}
    assert texts(root, "legend") == ["c0", NAMED, "c2", "c3", "c4"]
    assert {one.tag for one in root.iter()} <= {
        SVG + tag
        for tag in ("svg", "title", "defs", "clipPath", "rect", "g", "circle", "path", "text")
    }


def test_what_is_hidden_is_not_there(named: Explorer) -> None:
    every = figure(named)
    named.page.locator(".legend-class").nth(2).click()
    dimmed = figure(named)
    assert len(circles(dimmed)) == 120
    behind = [one for one in group(dimmed, "points") if one.get("opacity")]
    assert len(behind) == 24
    assert texts(dimmed, "legend") == ["c0", NAMED, "c3", "c4"]
    named.page.get_by_text("Dim the others").click()
    hidden = figure(named)
    colour = behind[0].get("fill")
    assert len(circles(hidden)) == 96
    assert fills(every).count(str(colour)) == 24
    assert colour not in fills(hidden)
    assert str(colour).encode() not in ElementTree.tostring(hidden)
    assert "c2" not in texts(hidden, "names")


def test_only_the_window_is_in_the_figure(named: Explorer) -> None:
    named.page.get_by_role("button", name="Zoom in").click()
    named.page.get_by_role("button", name="Zoom in").click()
    root = figure(named)
    centres = circles(root)
    assert 0 < len(centres) < 120
    assert (centres >= 0).all()
    assert (centres <= window(root)).all()
    named.page.wait_for_timeout(500)
    assert f"{len(centres)} points" in named.page.locator(".figure-menu").inner_text()


@pytest.mark.parametrize("width", [85, 180])
def test_the_png_has_the_pixels_that_are_promised(
    small: Callable[..., Run], opened: Callable[..., Explorer], width: int
) -> None:
    """Drawn from the SVG: each point that none lies upon has its colour at its centre."""
    page = opened(small(), theme="dark", pin="0", **BARE)
    menu(page)
    page.page.get_by_role("button", name=f"{width} mm").click()
    pixels = round(width / 25.4 * 300)
    assert f"{pixels:,} pixels" in page.page.locator(".figure-menu").inner_text()
    root = figure(page)
    picture = Image.open(io.BytesIO(save(page, "Save PNG")))
    units, tall = (float(v) for v in root.get("viewBox", "").split()[2:])
    assert picture.size == (pixels, round(pixels * tall / units))
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    drawn = np.array(picture.convert("RGB")).astype(int)
    assert (drawn[0, 0] == 255).all()  # paper, also by night
    (plot,) = (one for one in root if "translate" in one.get("transform", ""))
    corner = [float(v) for v in plot.get("transform", "")[10:-1].split()]
    centres = circles(root)
    right = 0
    for i, (centre, fill) in enumerate(zip(centres, fills(root), strict=True)):
        if (np.abs(centres[i + 1 :] - centre).max(-1) < 8).any():
            continue
        x, y = ((centre + corner) * pixels / units).astype(int)
        wanted = [int(fill[k : k + 2], 16) for k in (1, 3, 5)]
        assert np.abs(drawn[y, x] - wanted).max() <= 30, (i, drawn[y, x], wanted)
        right += 1
    assert right >= 20


def embedded(root: ElementTree.Element, name: str) -> np.ndarray:
    """RGBA of an embedded picture."""
    head, data = group(root, name).get(HREF, "").split(",")
    assert head == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def test_the_background_is_one_picture(demo: Explorer) -> None:
    """Ink on paper, also by night."""
    tiles = []
    for theme in ("light", "dark"):
        demo.page.emulate_media(color_scheme=theme)
        if theme == "light":
            demo.page.click('[data-value="window"]')
            menu(demo)
        demo.page.wait_for_timeout(300)
        root = figure(demo)
        assert len(list(root.iter(f"{SVG}image"))) == 1
        tiles.append(embedded(root, "background"))
        assert group(root, "background").get("opacity") == "0.45"
    day, night = tiles
    assert day.shape == night.shape
    assert 0.02 < (day[..., 3] > 128).mean() < 0.5
    for one in tiles:
        assert one[one[..., 3] > 200, :3].max() <= 3
    assert np.abs(day[..., 3].astype(int) - night[..., 3]).mean() < 2


def test_thumbnails_are_one_picture(
    small: Callable[..., Run], opened: Callable[..., Explorer]
) -> None:
    page = opened(small(), points="pictures", **BARE)
    page.until("reparam.thumbnails('run')?.ready === 120")
    menu(page)
    root = figure(page)
    assert (embedded(root, "thumbnails")[..., 3] > 200).mean() > 0.01
    assert len(circles(root)) == 120


def test_a_column_has_its_scale(demo: Explorer) -> None:
    demo.page.locator("[name=colour]").select_option("latent_norm")
    demo.until("reparam.column('vae', 'latent_norm')")
    menu(demo)
    root = figure(demo)
    found = texts(root, "legend")
    assert found[0] == "Length of the latent ‖μ‖"
    norms = np.array(demo.read("reparam.column('vae', 'latent_norm')"))
    low, high = (float(text.lstrip("≤≥ ")) for text in (found[1], found[-1]))
    assert norms.min() - 0.01 <= low < high <= norms.max() + 0.01
    assert len(set(fills(root))) > 50


def repeated(files: Files, times: int) -> Files:
    """The site with each point so many times."""
    changed, entry = dict(files), manifest(files)
    points = entry["runs"][0]["points"]
    for part in (points["mu"], points["log_var"], points["labels"]):
        data = files[part["file"]] * times
        name = f"data/repeated-{part['file'].split('/')[-1]}"
        changed[name] = data
        part.update(file=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    points.update(count=times * points["count"], columns=[])
    return with_manifest(changed, entry)


def test_many_points_become_a_picture_and_it_is_said(
    small: Callable[..., Run], explorer: Explorer, serve: Callable[[Files], str]
) -> None:
    page = explorer.open(serve(repeated(site_of([small()]), 200)), **BARE)
    menu(page)
    said = page.page.locator(".figure-menu").inner_text()
    assert "24,000 points" in said
    assert "More than 20,000 are embedded as a picture" in said
    text = save(page, "Save SVG")
    root = ElementTree.fromstring(text)
    assert list(root.iter(f"{SVG}circle")) == []
    assert len(text) < 1.5e6
    points = embedded(root, "points")
    width, height = window(root)
    assert points.shape[:2] == (round(height * 60 / 25.4), round(width * 60 / 25.4))
    solid = points[points[..., 3] == 255, :3]
    colours = {tuple(rgb) for rgb in np.unique(solid, axis=0, return_counts=False)}
    swatches = page.page.locator(".legend .swatch").evaluate_all(
        "l => l.map((s) => getComputedStyle(s).backgroundColor.match(/\\d+/g).map(Number))"
    )
    assert {tuple(swatch) for swatch in swatches} <= colours
    # One class less: circles again.
    page.page.get_by_text("Dim the others").click()
    page.page.locator(".legend-class").first.click()
    page.when(lambda: "as circles" in page.page.locator(".figure-menu").inner_text())
    assert len(circles(figure(page))) == len(page.read("reparam.shown('run')"))


def test_a_long_legend_ends(small: Callable[..., Run], opened: Callable[..., Explorer]) -> None:
    page = opened(small(classes=60, count=480), lang="en")
    menu(page)
    found = texts(figure(page), "legend")
    assert found == [*(f"c{k}" for k in range(40)), "and 20 more"]


def test_the_marks_on_the_screen_are_in_the_figure(demo: Explorer) -> None:
    """Rings and a path; the point only where it is pinned."""
    menu(demo)
    marks: Callable[[], list[Any]] = lambda: list(group(figure(demo), "marks"))  # noqa: E731
    free = marks()
    assert sum(one.get("stroke-dasharray") == "4 4" for one in free) == 3
    demo.click("vae", (-2, -1))
    demo.until("reparam.state().pinned")
    pinned = marks()
    assert len(pinned) > len(free)
    root = figure(demo)
    (clip,) = root.iter(f"{SVG}clipPath")
    # A number of a path, too, stays in the plot.
    assert group(root, "names").get("clip-path") == f"url(#{clip.get('id')})"
    demo.page.locator("[name=rings]").uncheck()
    assert sum(one.get("stroke-dasharray") == "4 4" for one in marks()) == 0


def lines(root: ElementTree.Element, stroke: str) -> list[np.ndarray]:
    """The corners of each line of this colour among the marks, N × 2, in units of the plot."""
    found = (one.get("d", "") for one in group(root, "marks") if one.get("stroke") == stroke)
    straight = (d for d in found if re.fullmatch(r"M[-\d. ]+(L[-\d. ]+)+Z?", d))
    return [
        np.array([list(map(float, place.split())) for place in re.split("[ML]", d.rstrip("Z"))[1:]])
        for d in straight
    ]


def in_plot(page: Explorer, root: ElementTree.Element, latents: Sequence[Any]) -> np.ndarray:
    """Where latents are on the map, as the page says it, in units of the plot."""
    x, y, across = page.read(
        """(() => {
             const map = document.querySelector(".map");
             const { left, top } = map.getBoundingClientRect();
             return [left, top, map.clientWidth];
           })()"""
    )
    on_page = np.array([page.client("vae", z) for z in latents])
    return (on_page - [x, y]) * window(root)[0] / across


def in_png(page: Explorer, root: ElementTree.Element, places: np.ndarray) -> np.ndarray:
    """The colours of the PNG there, N × 3."""
    picture = Image.open(io.BytesIO(save(page, "Save PNG"))).convert("RGB")
    (plot,) = (one for one in root if "translate" in one.get("transform", ""))
    corner = [float(v) for v in plot.get("transform", "")[10:-1].split()]
    scale = picture.width / float(root.get("viewBox", "").split()[2])
    at = ((places + corner) * scale).round().astype(int)
    return np.array([picture.getpixel((int(x), int(y))) for x, y in at])


def test_a_lasso_is_in_the_figure(demo: Explorer) -> None:
    """Closed, filled, through the corners that were drawn; and the PNG has its colour."""
    menu(demo)
    assert lines(figure(demo), ACCENT) == []
    demo.page.click('[data-tool="lasso"]')
    demo.drag(*(demo.client("vae", z) for z in ([0.5, -0.2], [2.5, 0], [2.4, -2.2], [0.4, -1.8])))
    demo.until("reparam.caught().indices.length > 0")
    root = figure(demo)
    (lasso,) = lines(root, ACCENT)
    corners = in_plot(demo, root, demo.state["lasso"])
    np.testing.assert_allclose(lasso, corners, atol=0.02)
    (area,) = (one for one in group(root, "marks") if one.get("opacity") == "0.1")
    (edge,) = (one for one in group(root, "marks") if one.get("d") == area.get("d") and one != area)
    assert area.get("d", "").endswith("Z")
    assert area.get("fill") == edge.get("stroke")
    colour = [int(edge.get("stroke", "")[k : k + 2], 16) for k in (1, 3, 5)]
    middles = (corners[1:] + corners[:-1]) / 2
    near = np.abs(in_png(demo, root, middles) - colour).max(-1) <= 60
    assert near.mean() > 0.5  # a name may lie over some


def test_a_path_is_in_the_figure(demo: Explorer) -> None:
    """Its line, its numbers, and the place on it."""
    menu(demo)
    demo.page.click('[data-tool="path"]')
    stops = [[-2, 0], [0, 1.5], [2, -1]]
    for i, stop in enumerate(stops):
        demo.click("vae", stop)
        demo.until("reparam.state().path.length === argument", i + 1)
    root = figure(demo)
    (line,) = lines(root, SECOND)
    assert len(line) == 2 * 24 + 1
    np.testing.assert_allclose(line[::24], in_plot(demo, root, demo.state["path"]), atol=0.02)
    numbers = [one for one in group(root, "names") if one.get("font-size") == "11"]
    assert [one.text for one in numbers] == ["1", "2", "3"]


def test_a_drawings_trail_is_in_the_figure(demo: Explorer) -> None:
    """Its line ends where the newest drawing is encoded to."""
    menu(demo)
    demo.page.click("#tab-draw")
    box = demo.page.locator(".pad").bounding_box()
    assert box
    for across in (0.3, 0.6):
        x = box["x"] + across * box["width"]
        demo.drag((x, box["y"] + 40), (x, box["y"] + 150))
        demo.page.wait_for_timeout(500)
    demo.when(lambda: np.allclose(demo.read("reparam.drawn().mu"), demo.z("vae"), atol=1e-4))
    root = figure(demo)
    (line,) = lines(root, ACCENT)
    assert len(line) >= 2
    end = in_plot(demo, root, [demo.read("reparam.drawn().mu")])[0]
    np.testing.assert_allclose(line[-1], end, atol=0.02)
    discs = [one for one in group(root, "marks") if "A7 7" in one.get("d", "")]
    assert discs  # the newest is the largest


def test_the_menu_by_keys(named: Explorer) -> None:
    opener = named.page.locator('[data-action="figure"]')
    box = named.page.locator(".figure-menu")
    assert opener.get_attribute("aria-expanded") == "true"
    named.page.get_by_role("button", name="Save PNG").focus()
    named.page.keyboard.press("Escape")
    assert not box.is_visible()
    assert named.read("document.activeElement.dataset.action") == "figure"
    named.page.keyboard.press("Enter")
    assert box.is_visible()
    named.page.keyboard.press("Tab")
    named.page.keyboard.press("Tab")
    named.page.keyboard.press("Enter")
    assert "2,126 pixels" in box.inner_text()
