"""2 and 3: the legend and what lies over and under the points."""

import numpy as np
import pytest
from scipy.stats import norm

from .bundles import Files, manifest
from .driver import Explorer, share_of


@pytest.fixture
def bare(explorer: Explorer, serve, files: Files) -> Explorer:
    """The map with its points alone, the point itself out of the way."""
    return explorer.open(
        serve(files),
        run="vae",
        names="0",
        rings="0",
        ellipse="0",
        pin="1",
        z="vae:3.2,3.2",
        dim="0",
    )


def shown(page: Explorer, colour: str) -> float:
    page.page.wait_for_timeout(150)  # two frames, on a busy machine
    return share_of(page.screen("vae"), colour, within=24)


def test_a_class_is_switched_off_and_alone(bare: Explorer, files: Files) -> None:
    zero, one = (c["colour"] for c in manifest(files)["runs"][1]["classes"][:2])
    full = shown(bare, zero)
    assert full > 0.0002
    bare.page.locator(".legend-class").first.click()
    assert bare.state["hidden"] == [0]
    assert shown(bare, zero) < 0.1 * full
    assert shown(bare, one) > 0.0002
    bare.page.locator(".legend-row .ghost").first.click()
    assert bare.state["hidden"] == list(range(1, 10))
    assert shown(bare, zero) == pytest.approx(full, rel=0.5)
    assert shown(bare, one) == 0


def test_dimmed_classes_stay_faintly(bare: Explorer) -> None:
    bare.page.locator(".legend-row .ghost").first.click()
    bare.page.wait_for_timeout(150)
    hidden = bare.screen("vae").astype(int)
    bare.page.locator("[name=dim]").check()
    bare.page.wait_for_timeout(150)
    dimmed = bare.screen("vae").astype(int)
    assert (np.abs(dimmed - hidden).max(-1) > 4).mean() > 0.005


@pytest.mark.parametrize("flag", ["names", "rings", "posterior"])
def test_each_layer_is_drawn_and_taken_away(bare: Explorer, flag: str) -> None:
    without = bare.screen("vae").astype(int)
    bare.page.locator(f"[name={flag}]").check()
    bare.page.wait_for_timeout(150)
    assert (np.abs(bare.screen("vae") - without).max(-1) > 20).sum() > 40


def test_points_are_larger_where_there_is_room(bare: Explorer) -> None:
    far = bare.read("reparam.pointSize('vae')")
    x, y = bare.client("vae", [0.0, 0.0])
    bare.page.mouse.move(x, y)
    for _ in range(6):
        bare.page.mouse.wheel(0, -400)
    bare.until("reparam.pointSize('vae') > 1.2 * argument", far)


def test_the_window_is_decoded_behind_the_points(bare: Explorer, vae) -> None:
    import torch

    bare.page.click('[data-value="window"]')
    bare.until("reparam.background('vae')")
    tiles = bare.read("reparam.background('vae').places")
    assert 100 < len(tiles) <= 460
    with torch.no_grad():
        images = vae.decode(torch.tensor(tiles)).numpy()[:, 0]
    # Where the decoder's tile has most ink, the screen is darker than where it has none.
    bare.page.locator(".legend-class").first.click()
    screen = bare.screen("vae").mean(-1)
    view = bare.read("reparam.view('vae')")
    side = bare.read("reparam.background('vae').side") * view["scale"]
    height, width = screen.shape
    dark, light = [], []
    for (x, y), image in zip(tiles, images, strict=True):
        left = width / 2 + (x - view["x"]) * view["scale"] - side / 2
        top = height / 2 - (y - view["y"]) * view["scale"] - side / 2
        for values, (row, column) in (
            (dark, np.unravel_index(image.argmax(), image.shape)),
            (light, np.unravel_index(image.argmin(), image.shape)),
        ):
            px, py = int(left + (column + 0.5) * side / 28), int(top + (row + 0.5) * side / 28)
            if 0 <= px < width and 0 <= py < height:
                values.append(screen[py, px])
    assert np.median(dark) < np.median(light) - 60


def test_zooming_refines_the_background(bare: Explorer) -> None:
    bare.page.click('[data-value="window"]')
    coarse = bare.until("reparam.background('vae')")["side"]
    bare.page.locator(".map").focus()
    for _ in range(8):
        bare.page.keyboard.press("+")
    bare.until("reparam.background('vae').side < 0.5 * argument", coarse)


def test_the_grid_lies_at_the_priors_quantiles(bare: Explorer) -> None:
    bare.page.click('[data-value="quantiles"]')
    tiles = np.array(bare.until("reparam.background('vae')")["places"])
    expected = norm.ppf((np.arange(20) + 0.5) / 20)
    np.testing.assert_allclose(np.unique(tiles[:, 0].round(9)), expected, atol=1e-6)
    np.testing.assert_allclose(np.unique(tiles[:, 1].round(9)), expected, atol=1e-6)
    assert len(tiles) == 400
