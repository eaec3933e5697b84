"""Latents that are maps: their values by position, and what moving one position changes."""

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from reparam.runs import Run, RunView, look_at

from .axe import violations
from .driver import Explorer

SHAPE = (16, 24, 1)
CHANNELS = 2
MOST = 1 / 255
"""Largest difference of a decoded pixel to PyTorch's."""


@pytest.fixture(scope="module")
def maps(small: Callable[..., Run]) -> Run:
    """Trained until a position's values change what is decoded."""
    return small(preset="ae", shape=SHAPE, latent_channels=CHANNELS, epochs=12)


@pytest.fixture(scope="module")
def view(maps: Run) -> RunView:
    return look_at(maps, maps.images())


@pytest.fixture
def page(opened: Callable[..., Explorer], maps: Run) -> Explorer:
    found = opened(maps, panel="dimensions", pin="1", lang="en", theme="light")
    found.until("reparam.positions().difference")
    return found


def shape_of(view: RunView) -> tuple[int, int, int]:
    channels, height, width = view.model.latent.shape
    return channels, height, width


def value(page: Explorer, channel: int) -> float:
    """As it is written beside the slider."""
    text = page.page.locator(".position-values output").nth(channel).inner_text()
    return float(text.replace("\N{MINUS SIGN}", "-"))


def decoded(view: RunView, z: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        latent = torch.tensor(z, dtype=torch.float32)[None]
        return view.model.decode(latent).clamp(0, 1)[0, 0].numpy()


def difference(page: Explorer) -> np.ndarray:
    return np.array(page.until("reparam.positions().difference")).reshape(SHAPE[:2])


def test_the_numbers_are_the_latent_of_pytorch(page: Explorer, view: RunView) -> None:
    """Every position's, by keys, of the image that the page opens with."""
    _, height, width = shape_of(view)
    index = page.read("reparam.nearest('run').index")
    latent = view.mu[index].reshape(view.model.latent.shape)
    page.page.locator(".positions").focus()
    for row in range(height):
        for column in range(width):
            found = [value(page, c) for c in range(CHANNELS)]
            np.testing.assert_allclose(found, latent[:, row, column], atol=1e-3)
            text = page.page.locator(".positions").get_attribute("aria-valuetext")
            assert text == f"Row {row + 1}, column {column + 1}"
            page.page.keyboard.press("ArrowRight")
        for _ in range(width):
            page.page.keyboard.press("ArrowLeft")
        page.page.keyboard.press("ArrowDown")


def test_the_colours_are_the_latents_values(page: Explorer, view: RunView) -> None:
    """From paper at 0 to the full colour at the largest value of any image, by sign."""
    paper, above, below = (
        np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        for colour in page.read(
            """["--map", "--accent", "--second"].map((name) =>
                 getComputedStyle(document.documentElement).getPropertyValue(name).trim())"""
        )
    )
    latent = view.mu[page.read("reparam.nearest('run').index")].reshape(view.model.latent.shape)
    share = (latent / np.abs(view.mu).max())[..., None]
    expected = paper + np.abs(share) * (np.where(share < 0, below, above) - paper)
    page.page.evaluate(
        "document.querySelectorAll('.channel').forEach((canvas, c) => (canvas.id = `channel-${c}`))"
    )
    for c in range(CHANNELS):
        found = page.pixels(f"#channel-{c}")
        np.testing.assert_allclose(found[:, :, :3], expected[c], atol=1.5)
        assert (found[:, :, 3] == 255).all()


def test_axes_are_named_by_channel_and_position(page: Explorer, view: RunView) -> None:
    """From 1, as rows and columns are: in lists, on the map and in a figure."""
    shape = shape_of(view)
    names = {}
    for index in range(view.mu.shape[1]):
        c, y, x = (int(at) + 1 for at in np.unravel_index(index, shape))
        names[index] = f"z[c={c}, y={y}, x={x}]"
    headings = page.page.locator(".dimension strong").all_inner_texts()
    assert headings == [names[one["index"]] for one in page.read("reparam.dimensions()")]
    choices = page.page.locator("#panel-dimensions select").first.locator("option")
    assert [one.removesuffix(" (dead)") for one in choices.all_inner_texts()] == headings
    across, up = headings[2], headings[5]
    for select, name in ((0, across), (1, up)):
        page.page.locator("#panel-dimensions select").nth(select).select_option(label=name)
    page.page.click('[data-action="figure"]')
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Save SVG", exact=True).click()
    figure = ElementTree.fromstring(download.value.path().read_bytes())
    titles = [one.text for one in figure.iter() if one.get("font-style") == "italic"]
    assert titles == [across, up]
    page.page.click('[data-value="principal"]')
    assert page.page.locator(".dimension strong").first.inner_text() == "PC 1"


def test_the_steps_name_them_too(
    opened: Callable[..., Explorer], small: Callable[..., Run]
) -> None:
    page = opened(small(shape=SHAPE, latent_channels=CHANNELS), panel="mechanism", lang="en")
    page.until("reparam.mechanism()?.decoded")
    chosen = page.page.locator(".noise-slider option").all_inner_texts()
    columns = page.page.locator(".dims").first.locator("g")
    assert columns.locator("title").all_text_contents() == [one.replace("ε", "z") for one in chosen]
    below = columns.first.locator("text").all_text_contents()
    assert chosen[0] == "ε[c={}, y={}, x={}]".format(*below)


def test_only_strips_on_the_screen_are_decoded(page: Explorer) -> None:
    """Those below are as they were, also when z changes, until one scrolls to them."""
    strips = page.page.locator("#panel-dimensions .strip")
    count = strips.count()
    assert count == np.prod(SHAPE) / 8  # 4 times smaller, 2 channels

    def pictures() -> list[str]:
        return strips.evaluate_all("l => l.map((c) => c.width > 1 ? c.toDataURL() : '')")

    def see(index: int) -> list[str]:
        """Scrolls to a strip, and waits until what is on the screen is decoded."""
        strips.nth(index).scroll_into_view_if_needed()
        page.when(lambda: pictures()[index])
        found = None
        while found != (found := pictures()):
            page.page.wait_for_timeout(400)
        return found

    first = see(0)
    heights = set(strips.evaluate_all("l => l.map((c) => Math.round(c.clientHeight))"))
    assert len(heights) == 1  # nothing moves when the others are painted
    assert 1 <= sum(map(bool, first)) < count / 3
    assert not first[-1]
    last = see(count - 1)
    assert last[-1]
    assert last[0] == first[0]
    assert sum(map(bool, last)) < count  # those between were passed too fast
    page.page.locator(".dimension input").last.evaluate(
        "(e) => { e.value = e.max; e.dispatchEvent(new Event('input')); }"
    )
    page.when(lambda: pictures()[-2] != last[-2])
    assert see(count - 1)[0] == first[0]
    strips.first.scroll_into_view_if_needed()
    page.when(lambda: pictures()[0] != first[0])


@pytest.mark.parametrize("way", ["mouse", "keys"])
def test_a_moved_position_is_decoded_as_by_pytorch(page: Explorer, view: RunView, way: str) -> None:
    _, height, width = shape_of(view)
    before = page.z("run")
    row, column = 2, 3
    if way == "mouse":
        channel = page.page.locator(".channel-box").nth(1)
        channel.scroll_into_view_if_needed()
        box = channel.bounding_box()
        assert box
        x = box["x"] + box["width"] * (column + 0.5) / width
        page.page.mouse.click(x, box["y"] + box["height"] * (row + 0.5) / height)
    else:
        page.page.locator(".positions").focus()
        for key in ("ArrowDown",) * row + ("ArrowRight",) * column:
            page.page.keyboard.press(key)
    at = page.read("reparam.positions()")
    assert (at["row"], at["column"]) == (row, column)
    slider = page.page.locator(".position-values input").nth(1)
    ends = [float(slider.get_attribute(end) or 0) for end in ("min", "max")]
    element = (1 * height + row) * width + column
    far = int(before[element] < np.mean(ends))
    if way == "mouse":
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        assert box
        page.page.mouse.click(
            box["x"] + (box["width"] - 4 if far else 4), box["y"] + box["height"] / 2
        )
    else:
        page.page.keyboard.press("Tab")  # Undo
        page.page.keyboard.press("Tab")  # the first channel
        page.page.keyboard.press("Tab")
        page.page.keyboard.press("End" if far else "Home")
    after = page.z("run")
    assert abs(after[element] - before[element]) > 0.4 * (ends[1] - ends[0])
    np.testing.assert_array_equal(np.delete(after, element), np.delete(before, element))
    page.until("String(reparam.decoded('run').z) === String(reparam.state().z.run)")
    image = np.array(page.read("reparam.decoded('run').image")).reshape(SHAPE[:2])
    np.testing.assert_allclose(image, decoded(view, after), atol=MOST)
    expected = decoded(view, after) - decoded(view, before)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(difference(page), expected, atol=MOST)
    assert page.page.locator("#panel-dimensions figcaption").last.inner_text() == (
        f"Difference, at most {np.abs(difference(page)).max():.3f}"
    )
    # Back to what it was.
    page.page.get_by_role("button", name="Undo the change").click()
    np.testing.assert_array_equal(page.z("run"), before)
    page.when(lambda: not difference(page).any())


def test_another_image_is_compared_with_itself(page: Explorer, view: RunView) -> None:
    slider = page.page.locator(".position-values input").first
    slider.focus()
    page.page.keyboard.press("End")
    page.page.keyboard.press("Home")
    assert not np.array_equal(page.read("reparam.positions().before"), page.z("run"))
    page.page.click("#tab-filter")
    page.page.locator("[name=find]").fill("7")
    page.page.keyboard.press("Enter")
    page.page.click("#tab-dimensions")
    np.testing.assert_allclose(page.z("run"), view.mu[7], atol=1e-3)
    np.testing.assert_array_equal(page.read("reparam.positions().before"), page.z("run"))
    page.when(lambda: not difference(page).any())


def test_other_latents_have_no_map(
    opened: Callable[..., Explorer], small: Callable[..., Run]
) -> None:
    page = opened(small(latent_dim=6), panel="dimensions", lang="en")
    assert page.page.locator(".position-values").is_hidden()
    assert page.page.locator(".positions").count() == 0


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_once_a_position_is_moved(page: Explorer, theme: str, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 860})
    if theme == "dark":
        page.page.click('[data-action="theme"]')
    page.page.locator(".positions").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.locator(".position-values input").first.focus()
    page.page.keyboard.press("End")
    page.until("reparam.positions().difference")
    assert violations(page.page, ".side") == []
    # Nothing is wider than the page.
    assert page.read("document.documentElement.scrollWidth <= innerWidth")
