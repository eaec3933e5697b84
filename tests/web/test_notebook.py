"""The widget in a real JupyterLab: it opens, decodes, is as dark as the notebook, and selection and
z go both ways."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import BrowserContext, Frame, Locator, Page

import reparam
from reparam.runs import Run

from .driver import Explorer

pytest.importorskip("jupyterlab")
pytest.importorskip("anywidget")

TOKEN = "test"
SECONDS = 150
"""JupyterLab, a kernel and PyTorch start, on a machine that may be busy."""

SHOW = """
import json, pathlib, numpy as np, reparam
data = np.load("images.npz")
w = reparam.explore("run", data["images"], data["labels"], height=700)
def keep(change):
    pathlib.Path(change["name"] + ".json").write_text(json.dumps(change["new"].tolist()))
w.observe(keep, ["selection", "z"])
w
"""
SET = "w.selection, w.z = [1, 4, 7], np.array([0.25, -0.5])"


def wait(ask: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (found := ask()) not in (None, False):
            return found
        time.sleep(0.1)
    raise AssertionError(f"never came true: {what}")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A JupyterLab of a folder of its own, and that folder."""
    work = tmp_path / "work"
    work.mkdir()
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"),
            *(f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=", f"--notebook-dir={work}"),
        ],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **own},
    )
    try:
        address = re.compile(r"(http://(?:localhost|127\.0\.0\.1):\d+)/lab")
        found = wait(lambda: address.search((tmp_path / "lab.log").read_text()), "JupyterLab")
        yield found[1], work
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def notebook(path: Path, *cells: str) -> None:
    coded = [
        {"cell_type": "code", "id": f"c{i}", "source": cell.strip(), "metadata": {}, "outputs": []}
        | {"execution_count": None}
        for i, cell in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    whole = {"cells": coded, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole))


def execute(lab: Page, cell: int) -> None:
    """Press Shift + Enter in a cell until JupyterLab takes it: before its kernel is connected, it
    lets the keys go without a word."""
    code = lab.locator(".jp-Notebook .jp-CodeCell").nth(cell)

    def taken() -> bool:
        code.locator(".cm-content").click(timeout=SECONDS * 1000)
        lab.keyboard.press("Shift+Enter")
        lab.wait_for_timeout(1000)
        return code.locator(".jp-InputPrompt").inner_text() != "[ ]:"

    wait(taken, f"cell {cell} runs")


def answer(dialog: Locator) -> None:
    """As a person would, whatever JupyterLab says or asks in the middle: its server may be slow."""
    print(dialog.inner_text())  # pytest shows it where the test fails
    dialog.locator(".jp-mod-accept").click()


def page_of(lab: Page) -> Frame | None:
    """The frame of the explorer, once its first image is decoded."""
    lab.wait_for_timeout(100)  # new frames are heard of in Playwright's own waiting alone
    failed = lab.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.stderr"]')
    assert "Error" not in "".join(failed.all_inner_texts()), failed.all_inner_texts()
    for frame in lab.frames:
        if frame.url == "about:srcdoc" and frame.evaluate(
            "'reparam' in window && reparam.timings().first !== null"
        ):
            return frame
    return None


def kept(work: Path, name: str) -> list[float] | None:
    """What Python was told last."""
    try:
        return json.loads((work / f"{name}.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):  # none yet, or in the middle of one
        return None


def test_arrays_are_called_so(
    explorer: Explorer, small: Callable[..., Run], tmp_path: Path
) -> None:
    """In the header, the tab's title and a figure, in both languages."""
    run = small()
    images = np.load(run.config.data.source)["images"][:20]
    file = tmp_path / "page.html"
    file.write_bytes(reparam.explore(run.load_model(), images)._page)
    page = explorer.open(file.as_uri(), lang="en")
    for words in ("arrays in memory", "메모리의 배열"):
        assert page.page.locator("h1 span").last.inner_text() == words
        assert f" · {words} · " in page.page.title()
        page.page.click('[data-action="language"]')
    page.page.click('[data-action="figure"]')
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Save SVG", exact=True).click()
    (title,) = re.findall("<title>(.*)</title>", download.value.path().read_text(encoding="utf-8"))
    assert title == "VAE, arrays in memory"


def test_the_widget_in_jupyterlab(
    context: BrowserContext, lab: tuple[str, Path], small: Callable[..., Run]
) -> None:
    address, work = lab
    run = small()
    (work / "run").symlink_to(run.path)
    data = np.load(run.config.data.source)
    np.savez(work / "images.npz", images=data["images"][:90], labels=data["labels"][:90])
    notebook(work / "book.ipynb", SHOW, SET)

    page = context.new_page()
    page.set_viewport_size({"width": 1400, "height": 1150})
    page.add_locator_handler(page.locator(".jp-Dialog"), answer)
    elsewhere: list[str] = []
    here = (address, address.replace("http", "ws"), "blob:", "data:", "about:")
    page.on("request", lambda r: None if r.url.startswith(here) else elsewhere.append(r.url))
    page.goto(f"{address}/lab/tree/book.ipynb?token={TOKEN}")
    execute(page, 0)
    frame = wait(lambda: page_of(page), "the first decoded image")

    # It decodes as PyTorch does, and Python learns z.
    name = frame.evaluate("reparam.runs()[0]")
    shown = frame.evaluate("name => reparam.decoded(name)", name)
    with torch.no_grad():
        expected = run.load_model().float().eval().decode(torch.tensor([shown["z"]]))
    np.testing.assert_allclose(shown["image"], expected.flatten().numpy(), atol=1 / 255)
    told = wait(lambda: kept(work, "z"), "z in Python")
    np.testing.assert_allclose(told, frame.evaluate("name => reparam.state().z[name]", name))

    assert not frame.evaluate("reparam.state().pinned")  # as it would be by what Python set

    # A lasso reaches Python.
    element = frame.frame_element()
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    assert box
    frame.click('[data-tool="lasso"]')
    x, y, width, height = frame.evaluate(
        """() => {
            const { x, y, width, height } = document.querySelector(".map").getBoundingClientRect();
            return [x, y, width, height];
        }"""
    )
    left, top = box["x"] + x, box["y"] + y
    corners = [(0.3, 0.15), (0.95, 0.15), (0.95, 0.95), (0.3, 0.95)]
    places = [(left + a * width, top + b * height) for a, b in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    selected = wait(lambda: kept(work, "selection"), "the selection in Python")
    assert 0 < len(selected) <= 90
    assert selected == frame.evaluate("reparam.caught().indices")

    # And what Python sets is in the page.
    execute(page, 1)
    wait(lambda: frame.evaluate("String(reparam.caught().indices) === '1,4,7'"), "selection set")
    wait(lambda: frame.evaluate("n => String(reparam.state().z[n]) === '0.25,-0.5'", name), "z set")

    # The page is as light as the notebook, also once another theme is chosen in its menu.
    theme = "document.documentElement.dataset.theme"
    for name, wanted in (("Dark", "dark"), ("Light", "light")):
        page.locator(".lm-MenuBar-item", has_text="Settings").click()
        page.locator(".lm-Menu-item", has_text="Theme").first.hover()
        page.locator(".lm-Menu-item", has_text=re.compile(f"^JupyterLab {name}$")).click()
        wait(lambda wanted=wanted: frame.evaluate(theme) == wanted, f"a {wanted} page")
    assert elsewhere == []
