"""1: moving over the plane."""

import numpy as np
import pytest

from .bundles import Files
from .driver import Explorer


def test_the_image_follows_the_pointer(demo: Explorer) -> None:
    demo.hover("vae", [-2.0, 0.0])
    first = demo.decoded("vae")
    np.testing.assert_allclose(demo.z("vae"), [-2.0, 0.0], atol=0.02)
    demo.hover("vae", [2.0, -1.0])
    assert np.abs(demo.decoded("vae") - first).max() > 0.3
    np.testing.assert_allclose(demo.z("vae"), [2.0, -1.0], atol=0.02)
    assert "z = (2." in demo.page.locator(".readout .z").inner_text().replace("1.99", "2.00")


def test_the_nearest_image_is_the_nearest(demo: Explorer, means: np.ndarray) -> None:
    for place in ([0.0, 0.0], [1.5, -1.2], [-3.0, 3.0]):
        demo.hover("vae", place)
        distances = np.linalg.norm(means - demo.z("vae"), axis=1)
        near = demo.read("reparam.nearest('vae')")
        assert near["index"] == distances.argmin()
        assert abs(near["distance"] - distances.min()) < 1e-4
        text = demo.page.locator(".readout .class").inner_text()
        assert f"Image {near['index']}, class {near['name']}" in text


def test_a_click_pins_and_escape_lets_go(demo: Explorer) -> None:
    demo.click("vae", [1.0, 1.0])
    pinned = demo.z("vae")
    demo.hover("vae", [-1.0, -1.0])
    np.testing.assert_array_equal(demo.z("vae"), pinned)
    assert demo.state["pinned"]
    demo.page.keyboard.press("Escape")
    demo.hover("vae", [-1.0, -1.0])
    demo.hover("vae", [-1.0, -0.9])
    assert demo.z("vae")[1] < 0


def test_the_wheel_zooms_at_the_pointer(demo: Explorer) -> None:
    x, y = demo.client("vae", [1.0, 0.5])
    before = demo.read("reparam.view('vae')")["scale"]
    demo.page.mouse.move(x, y)
    demo.page.mouse.wheel(0, -400)
    demo.until("reparam.view('vae').scale > argument * 1.5", before)
    # A wheel's event has whole pixels, and the zoom doubles what they leave out.
    assert np.hypot(*np.subtract(demo.client("vae", [1.0, 0.5]), (x, y))) < 2


def test_a_drag_pans_and_a_double_click_flies_home(demo: Explorer) -> None:
    x, y = demo.client("vae", [0.0, 0.0])
    before = demo.read("reparam.view('vae')")
    demo.drag((x, y), (x + 120, y - 60))
    moved = np.subtract(demo.client("vae", [0.0, 0.0]), (x, y))
    np.testing.assert_allclose(moved, [120, -60], atol=10)
    demo.page.mouse.dblclick(x - 50, y + 50)
    demo.when(lambda: demo.read("reparam.view('vae')") == before, "home")


def test_the_keyboard_does_the_same(demo: Explorer) -> None:
    demo.page.locator(".map").focus()
    z, view = demo.z("vae"), demo.read("reparam.view('vae')")
    demo.page.keyboard.press("ArrowRight")
    assert demo.z("vae")[0] > z[0]
    assert abs(demo.z("vae")[1] - z[1]) < 1e-6
    demo.page.keyboard.press("+")
    assert demo.read("reparam.view('vae').scale") > view["scale"]
    demo.page.keyboard.press("Shift+ArrowLeft")
    assert demo.read("reparam.view('vae').x") < view["x"]
    demo.page.keyboard.press("Home")
    demo.when(lambda: demo.read("reparam.view('vae')") == view, "home")
    demo.page.keyboard.press("Enter")
    assert demo.state["pinned"]


def test_fingers_do_the_same(chromium, serve, files) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    touch = Explorer(context.new_page()).open(serve(files), run="vae")
    session = context.new_cdp_session(touch.page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = touch.client("vae", [0.0, 0.0])
    fingers("touchStart", (x, y))
    for step in range(1, 9):
        fingers("touchMove", (x - 5 * step, y))
    fingers("touchEnd")
    np.testing.assert_allclose(touch.client("vae", touch.z("vae")), (x - 40, y), atol=2)

    before = touch.read("reparam.view('vae').scale")
    fingers("touchStart", (x - 20, y), (x + 20, y))
    for step in range(1, 9):
        fingers("touchMove", (x - 20 - 5 * step, y), (x + 20 + 5 * step, y))
    fingers("touchEnd")
    assert touch.read("reparam.view('vae').scale") > 1.5 * before
    touch.page.touchscreen.tap(x, y)
    assert touch.state["pinned"]
    context.close()


SLOW = """{
  const draw = WebGL2RenderingContext.prototype.drawArrays;
  WebGL2RenderingContext.prototype.drawArrays = function (...words) {
    for (const end = performance.now() + 25; performance.now() < end; );
    draw.apply(this, words);
  };
}"""
"""Drawing takes longer than a frame, as of many points without a graphics card."""

MOVE = """async ([key, shiftKey]) => {
  const map = document.querySelector(".map"), points = map.querySelectorAll("canvas")[1];
  const frame = () => new Promise((go) => requestAnimationFrame(go));
  const places = () => [[0, 0], [1, -0.5]].map((z) => reparam.client("vae", z));
  const box = map.getBoundingClientRect();
  const before = places();
  map.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
  await frame();
  const moved = new DOMMatrix(points.style.transform);
  const [cx, cy] = [box.left + box.width / 2, box.top + box.height / 2];
  const carried = before.map(([x, y]) => {
    const place = moved.transformPoint({ x: x - cx, y: y - cy });
    return [place.x + cx, place.y + cy];
  });
  return { identity: moved.isIdentity, carried, wanted: places() };
}"""


@pytest.mark.parametrize(
    "key", [["ArrowRight", True], ["ArrowUp", True], ["+", False], ["-", False]]
)
def test_where_drawing_is_slow_the_picture_of_the_points_is_moved(
    fresh: Explorer, serve, files: Files, key: list
) -> None:
    """To the places that the points have in the new window; at rest they are drawn anew."""
    fresh.page.add_init_script(SLOW)
    page = fresh.open(serve(files), run="vae", lang="en", pin="1")
    page.until("reparam.drawing('vae') > 16")
    page.page.wait_for_timeout(300)
    found = page.page.evaluate(MOVE, key)
    assert not found["identity"]
    np.testing.assert_allclose(found["carried"], found["wanted"], atol=0.2)
    page.until("document.querySelectorAll('.map canvas')[1].style.transform === ''")
