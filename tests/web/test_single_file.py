"""The page as one file, opened from the disk."""

from pathlib import Path

import numpy as np
import torch

from reparam.model import Autoencoder

from .driver import Explorer


def test_it_is_small_enough_to_be_mailed(single: Path) -> None:
    assert single.stat().st_size <= 25_000_000


def test_all_of_it_works_from_a_file(explorer: Explorer, single: Path, vae: Autoencoder) -> None:
    fetched: list[str] = []
    explorer.page.on("request", lambda r: fetched.append(r.url))
    page = explorer.open(single.as_uri(), run="vae")
    # 1: decoding as PyTorch
    page.hover("vae", [1.0, 0.5])
    with torch.no_grad():
        z = torch.tensor(page.z("vae"), dtype=torch.float32)[None]
        expected = vae.decode(z)[0, 0].numpy()
    assert np.abs(page.decoded("vae") - expected).max() <= 1 / 255
    # 2, 3: legend and background
    page.page.locator(".legend-row .ghost").first.click()
    page.page.click('[data-value="window"]')
    page.until("reparam.background('vae')")
    page.page.get_by_role("button", name="all", exact=True).click()  # a lasso catches what is shown
    # 4: drawing
    page.page.click("#tab-draw")
    box = page.page.locator(".pad").bounding_box()
    assert box
    page.drag((box["x"] + 60, box["y"] + 40), (box["x"] + 60, box["y"] + 160))
    page.until("reparam.drawn()")
    # 5: a path
    page.page.click('[data-tool="path"]')
    page.click("vae", [-1.0, 0.0])
    page.click("vae", [1.0, 0.0])
    page.until("reparam.path().length === 13")
    with page.page.expect_download():
        page.page.get_by_role("button", name="Save GIF").click()
    # 6: lasso
    page.page.click('[data-tool="lasso"]')
    page.drag(*(page.client("vae", c) for c in ([-1, -1], [1, -1], [1, 1], [-1, 1])))
    page.until("reparam.caught().indices.length > 10 && reparam.caught().mean")
    # 7: two runs
    page.page.click(".compare")
    page.until("reparam.samples('ae').length === 32")
    # 8, 9: traversals and directions
    page.page.click("#tab-dimensions")
    page.when(lambda: page.pixels(".dimension .strip").shape[1] == 9 * 28)
    page.page.click("#tab-direction")
    page.page.select_option("[name=groupA]", "c0")
    page.page.select_option("[name=groupB]", "c1")
    page.when(lambda: page.pixels("#panel-direction .strip").shape[1] == 10 * 28)
    # 10: state
    page.page.wait_for_timeout(500)
    before = page.state
    page.page.reload()
    page.until("'reparam' in window")
    page.until("reparam.timings().first !== null")
    page.until("reparam.state().pair === argument", before["pair"])
    assert page.state["panel"] == before["panel"]
    # Nothing came from elsewhere.
    assert [
        url for url in fetched if not url.startswith(("file:", "blob:", "data:", "about:"))
    ] == []
    assert page.page.locator(".banner").count() == 0
