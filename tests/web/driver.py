"""A page of the explorer in Chromium, and what the tests do to it."""

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import ConsoleMessage, Error, Page

VISITED = """try { localStorage.setItem("reparam-tour", "dismissed") } catch {}"""
"""As in a browser that has had the tour."""

BROKEN_WORDS = """(selector) => [...document.querySelectorAll(selector)].flatMap((e) => {
  const found = [], walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); )
    for (const word of node.data.matchAll(/[가-힣]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((r) => r.top)).size > 1) found.push(word[0]);
    }
  return found;
})"""
"""Korean words that begin on one line and end on another, in what a selector names."""

SECONDS = 60
"""Longest wait for anything: a machine may be busy; a page that works is there in two."""


class Explorer:
    """The page, with `window.reparam`. Its values come by ``read``; nothing is set through it."""

    def __init__(self, page: Page, *, visited: bool = True) -> None:
        """``visited``: the tour was dismissed before, so that it does not start by itself."""
        self.page = page
        if visited:
            page.add_init_script(VISITED)
        self.errors: list[str] = []
        page.on("pageerror", self._hear_error)
        page.on("console", self._hear_console)

    def _hear_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _hear_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def leave(self) -> None:
        """What the page says from now on is somebody else's."""
        self.page.remove_listener("pageerror", self._hear_error)
        self.page.remove_listener("console", self._hear_console)

    def open(self, address: str, **state: str) -> "Explorer":
        """Goes to the page with this state in its address and waits for the first picture."""
        self.go(address, **state)
        self.until("'reparam' in window")
        self.until("reparam.timings().first !== null")
        return self

    def go(self, address: str, **state: str) -> None:
        """Loads the page anew, with this state in its address."""
        fragment = "&".join(f"{k}={v}" for k, v in state.items())
        if self.page.url.split("#")[0] == address:  # else the page would stay as it is
            self.page.goto("about:blank")
        self.page.goto(f"{address}#{fragment}")

    def read(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(f"(argument) => {script}", argument)

    def until(self, script: str, argument: Any = None) -> Any:
        """The script's value once it is true. Playwright's own waiting breaks the page's policy."""
        return self.when(lambda: self.read(script, argument), script)

    @staticmethod
    def when(ask: Callable[[], Any], what: str = "") -> Any:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            value = ask()
            if value:
                return value
            time.sleep(0.04)  # each question costs both sides some milliseconds
        raise AssertionError(f"never came true: {what or ask}")

    @property
    def state(self) -> dict[str, Any]:
        return self.read("reparam.state()")

    def z(self, run: str) -> np.ndarray:
        return np.array(self.state["z"][run])

    def client(self, run: str, z: Sequence[float]) -> tuple[float, float]:
        """Where a latent lies on the screen."""
        x, y = self.page.evaluate("([run, z]) => reparam.client(run, z)", [run, list(z)])
        return x, y

    def hover(self, run: str, z: Sequence[float]) -> None:
        self.page.mouse.move(*self.client(run, z))

    def click(self, run: str, z: Sequence[float]) -> None:
        self.page.mouse.click(*self.client(run, z))

    def decoded(self, run: str) -> np.ndarray:
        """The image shown for the run's z of now, H × W in [0, 1]."""
        found = self.when(
            lambda: self.read(
                "((d, z) => d && String(d.z) === String(z) && d)"
                "(reparam.decoded(argument), reparam.state().z[argument])",
                run,
            ),
            f"the decoded image of {run}",
        )
        return np.array(found["image"]).reshape(28, 28)

    def pixels(self, selector: str) -> np.ndarray:
        """The RGBA bytes of a canvas, H × W × 4."""
        found = self.page.evaluate(
            """(selector) => {
                const canvas = document.querySelector(selector);
                const { width, height } = canvas;
                const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
                return { width, height, data: Array.from(data) };
            }""",
            selector,
        )
        shape = (found["height"], found["width"], 4)
        return np.array(found["data"], np.uint8).reshape(shape)

    def screen(self, run: str) -> np.ndarray:
        """What the run's map shows on the screen, as RGB."""
        png = self.page.locator(f'.map[data-run="{run}"]').screenshot()
        return np.array(Image.open(io.BytesIO(png)).convert("RGB"))

    def drag(self, *places: tuple[float, float]) -> None:
        """One stroke of the mouse through these places of the screen."""
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()


def ink(pixels: np.ndarray) -> np.ndarray:
    """Of a grey picture by day: 0 is paper, 1 is ink."""
    return 1 - pixels[:, :, 0] / 255


def share_of(screen: np.ndarray, colour: str, within: int = 40) -> float:
    """How much of the screen has about this colour."""
    value = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return float((np.abs(screen.astype(int) - value).max(-1) <= within).mean())
