"""8 and 9: more than two dimensions, and directions."""

import numpy as np
import pytest

from .bundles import Files, manifest
from .driver import Explorer


def mu_of(files: Files, run: int) -> np.ndarray:
    entry = manifest(files)["runs"][run]["points"]["mu"]
    codes = np.frombuffer(files[entry["file"]], "<u2").reshape(-1, len(entry["low"]))
    low, high = np.array(entry["low"]), np.array(entry["high"])
    return low + (high - low) * codes / 65535


@pytest.fixture
def six(explorer: Explorer, serve, wide: Files) -> Explorer:
    return explorer.open(serve(wide), panel="dimensions", pin="1", plane="0,1")


def run_of(page: Explorer) -> str:
    return page.state["run"]


def test_dimensions_are_sorted_by_kl_and_dead_ones_marked(
    explorer: Explorer, serve, wide: Files
) -> None:
    changed = manifest(wide)
    kl = changed["runs"][0]["kl_per_dimension"]
    kl[3] = 0.004
    from .bundles import with_manifest

    page = explorer.open(serve(with_manifest(wide, changed)), panel="dimensions")
    order = np.argsort(kl)[::-1].tolist()
    found = page.read("reparam.dimensions()")
    assert [d["index"] for d in found] == order
    assert [d["index"] for d in found if d["dead"]] == [3]
    shown = page.page.locator(".dimension").evaluate_all(
        "l => l.map(d => Number(d.dataset.dimension))"
    )
    assert shown == order
    assert "dead" in page.page.locator('[data-dimension="3"]').inner_text()
    # Two lie on the map, the others have a slider.
    assert page.page.locator(".dimension input").count() == 4


def test_a_slider_moves_its_dimension_alone(six: Explorer) -> None:
    run = run_of(six)
    before, image = six.z(run), six.decoded(run)
    slider = six.page.locator('[data-dimension="4"] input')
    low, high = (float(slider.get_attribute(end) or 0) for end in ("min", "max"))
    slider.fill(str(high if before[4] < (low + high) / 2 else low))
    after = six.z(run)
    assert abs(after[4] - before[4]) > 0.4 * (high - low)
    np.testing.assert_allclose(np.delete(after, 4), np.delete(before, 4), atol=1e-9)
    assert np.abs(six.decoded(run) - image).max() > 0.05


def test_two_axes_are_chosen(six: Explorer, wide: Files) -> None:
    run, mu = run_of(six), mu_of(wide, 0)
    selects = six.page.locator("#panel-dimensions select")
    selects.nth(0).select_option("2")
    selects.nth(1).select_option("5")
    assert six.state["plane"] == [2, 5]
    z = six.z(run)
    six.click(run, [*z[:2], mu[0, 2], *z[3:5], mu[0, 5]])
    np.testing.assert_allclose(six.z(run)[[2, 5]], mu[0, [2, 5]], atol=0.05)
    np.testing.assert_allclose(six.z(run)[[0, 1, 3, 4]], z[[0, 1, 3, 4]], atol=1e-9)


def test_principal_axes_are_those_of_numpy(six: Explorer, wide: Files) -> None:
    run, mu = run_of(six), mu_of(wide, 0)
    six.page.click('[data-value="principal"]')
    values, vectors = np.linalg.eigh(np.cov(mu.T, bias=True))
    weights = [d["weight"] for d in six.read("reparam.dimensions()")]
    np.testing.assert_allclose(weights, values[::-1], rtol=2e-3)
    # A step along the map's first axis is a step along the first eigenvector.
    x, y = six.client(run, six.z(run).tolist())
    before = six.z(run)
    six.page.mouse.click(x + 60, y)
    step = six.z(run) - before
    assert abs(step @ vectors[:, -1]) / np.linalg.norm(step) == pytest.approx(1, abs=2e-3)


def test_a_traversal_is_decoded_and_led_to(six: Explorer) -> None:
    run = run_of(six)
    strip = six.page.locator('[data-dimension="4"] .strip')
    strip.scroll_into_view_if_needed()
    six.when(lambda: six.pixels('[data-dimension="4"] .strip').shape[1] == 9 * 28)
    box = strip.bounding_box()
    assert box
    before = six.z(run)
    strip.click(position={"x": box["width"] - 4, "y": box["height"] / 2})
    after = six.z(run)
    high = float(six.page.locator('[data-dimension="4"] input').get_attribute("max") or 0)
    assert after[4] == pytest.approx(high, abs=1e-6)
    np.testing.assert_allclose(np.delete(after, 4), np.delete(before, 4), atol=1e-9)


def test_a_traversal_by_keys(six: Explorer) -> None:
    """Arrows move a frame along the pictures, and Enter alone takes the one within."""
    run = run_of(six)
    six.page.locator('[data-dimension="4"] input').focus()
    six.page.keyboard.press("Tab")
    strip = six.page.locator('[data-dimension="4"] .strip-box')
    assert six.page.evaluate("document.activeElement.className") == "strip-box"
    low, high = (
        float(six.page.locator('[data-dimension="4"] input').get_attribute(end) or 0)
        for end in ("min", "max")
    )
    before = six.z(run)
    for keys, place in (
        (["Home"], 0),
        (["ArrowLeft"], 0),
        (["ArrowRight", "ArrowRight"], 2),
        (["End"], 8),
        (["ArrowDown", "ArrowLeft", "ArrowUp"], 7),
    ):
        for key in keys:
            six.page.keyboard.press(key)
        assert strip.get_attribute("aria-valuenow") == str(place + 1)
        said = f"{low + (high - low) * place / 8:.2f}; Enter takes it".replace("-", "\u2212")
        assert strip.get_attribute("aria-valuetext") == said
        frame = six.page.locator('[data-dimension="4"] .strip-frame').bounding_box()
        box = strip.bounding_box()
        assert frame
        assert box
        assert frame["x"] - box["x"] == pytest.approx(box["width"] * place / 9, abs=1.5)
    np.testing.assert_array_equal(six.z(run), before)
    six.page.keyboard.press("Enter")
    after = six.z(run)
    assert after[4] == pytest.approx(low + (high - low) * 7 / 8, abs=1e-6)
    np.testing.assert_allclose(np.delete(after, 4), np.delete(before, 4), atol=1e-9)


def test_a_direction_is_the_difference_of_means(demo: Explorer, files: Files) -> None:
    mu = mu_of(files, 1)
    entry = manifest(files)["runs"][1]["points"]["labels"]
    labels = np.frombuffer(files[entry["file"]], "<u2")
    demo.page.click("#tab-direction")
    demo.page.select_option("[name=groupA]", label="0")
    demo.page.select_option("[name=groupB]", label="1")
    expected = mu[labels == 1].mean(0) - mu[labels == 0].mean(0)
    np.testing.assert_allclose(demo.read("reparam.direction()"), expected, atol=1e-4)
    base = int(np.flatnonzero(labels == 0)[0])
    demo.page.locator("#panel-direction input[type=range]").fill("1.5")
    np.testing.assert_allclose(demo.z("vae"), mu[base] + 1.5 * expected, atol=1e-3)
    demo.when(lambda: demo.pixels("#panel-direction .strip").shape[1] == 10 * 28)


def test_lassos_are_groups_too(demo: Explorer, files: Files) -> None:
    mu = mu_of(files, 1)
    demo.page.click('[data-tool="lasso"]')
    corners = [[0.5, -0.2], [2.5, 0.0], [2.4, -2.2], [0.4, -1.8]]
    demo.drag(*(demo.client("vae", corner) for corner in corners))
    caught = demo.until("reparam.caught().indices.length > 0 && reparam.caught().indices")
    demo.page.get_by_role("button", name="Use as group B").click()
    demo.page.select_option("[name=groupA]", label="0")
    entry = manifest(files)["runs"][1]["points"]["labels"]
    labels = np.frombuffer(files[entry["file"]], "<u2")
    expected = mu[caught].mean(0) - mu[labels == 0].mean(0)
    np.testing.assert_allclose(demo.read("reparam.direction()"), expected, atol=1e-4)
