"""A browser, the sites, and a server for them."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from reparam.explorer import ExplorerServer
from reparam.model import Autoencoder
from reparam.runs import Run

from .bundles import Files, Once, demo_runs, export, files_of, manifest, wide_run
from .driver import VISITED, Explorer
from .small import site_of, small_run

CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--js-flags=--wasm-lazy-compilation --wasm-tiering-budget=200000000",
    "--process-per-site",
)
"""WebGL without a graphics card, Chromium as root in a container, and WebAssembly compiled as it
runs, optimised where it runs long. All pages of a site are of one process."""


SIZE: ViewportSize = {"width": 1280, "height": 860}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.web)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """``once("demo", fill)``: a folder, filled once for all workers of pytest-xdist."""
    own = tmp_path_factory.getbasetemp()
    root = own if worker_id == "master" else own.parent

    def folder(name: str, fill: Callable[[Path], object]) -> Path:
        path, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                path.mkdir()
                fill(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def runs(once: Once) -> tuple[Path, Path]:
    """The demo's AE and VAE."""
    return demo_runs(once)


@pytest.fixture(scope="session")
def vae(runs: tuple[Path, Path]) -> Autoencoder:
    """The demo's VAE, in PyTorch."""
    return Run.open(runs[1]).load_model().float().eval()


@pytest.fixture(scope="session")
def exports(runs: tuple[Path, Path], once: Once) -> Path:
    """The folder with the demo's site and its single file, by one command."""

    def fill(work: Path) -> None:
        export(*runs, site=work / "site", single_file=work / "explorer.html")

    return once("exports", fill)


@pytest.fixture(scope="session")
def files(exports: Path) -> Files:
    """The demo's site."""
    return files_of(exports / "site")


@pytest.fixture(scope="session")
def wide(once: Once) -> Files:
    """The site of a VAE of six dimensions."""
    return site_of([Run.open(wide_run(once))])


@pytest.fixture(scope="session")
def single(exports: Path) -> Path:
    """The demo as one file."""
    return exports / "explorer.html"


Small = Callable[..., Run]


@pytest.fixture(scope="session")
def small(once: Once) -> Small:
    """``small(shape=(12, 28, 3), labelled=False)``: a run as `small_run` makes it, made once."""

    def make(**options: Any) -> Run:
        name = hashlib.sha256(repr(sorted(options.items())).encode()).hexdigest()[:16]
        folder = once(f"small-{name}", lambda out: small_run(out / "run", **options))
        return Run.open(folder / "run")

    return make


@pytest.fixture
def opened(explorer: Explorer, serve: Callable[[Files], str]) -> Callable[..., Explorer]:
    """``opened(run, other, panel="samples")``: the page of these runs, with this state."""

    def open_(*runs: Run, **state: str) -> Explorer:
        return explorer.open(serve(site_of(runs)), **state)

    return open_


@pytest.fixture(scope="session")
def server() -> Iterator[ExplorerServer]:
    """Of no site yet."""
    made = ExplorerServer(port=0)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(scope="session")
def serve(server: ExplorerServer) -> Callable[[Files], str]:
    """Serves a site from now on; gives its address."""

    def publish(site: Files) -> str:
        server.publish(site)
        return server.address

    return publish


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("no chromium on the PATH: on Debian, apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def keeper(chromium: Browser, server: ExplorerServer) -> Iterator[Page]:
    """An empty page of the sites' origin, which stays open. Chromium then keeps the process and
    what it has compiled for every next page: each costs half as much of the processor.
    """
    context = chromium.new_context(viewport=SIZE, locale="en-GB")
    page = context.new_page()
    page.goto(f"{server.address}nothing")
    yield page
    context.close()


@pytest.fixture
def context(keeper: Page, server: ExplorerServer) -> Iterator[BrowserContext]:
    """As if it were new: what a test opens is closed, what it stores or allows is forgotten."""
    context = keeper.context
    there = set(context.pages)
    yield context
    for page in set(context.pages) - there:
        page.close()
    context.clear_permissions()
    tools = context.new_cdp_session(keeper)
    for origin in (server.address, "file://"):
        stored = {"origin": origin, "storageTypes": "local_storage"}
        tools.send("Storage.clearDataForOrigin", stored)
    tools.detach()


@pytest.fixture(scope="session")
def tab(keeper: Page) -> Page:
    """The page that tests hand on: another would begin with a process of its own."""
    page = keeper.context.new_page()
    page.add_init_script(VISITED)
    return page


@pytest.fixture
def explorer(context: BrowserContext, tab: Page, server: ExplorerServer) -> Iterator[Explorer]:
    """A page as if it were new, by day; a test that leaves an error in the console fails."""
    tab.set_viewport_size(SIZE)
    tab.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page = Explorer(tab, visited=False)
    yield page
    page.leave()
    tab.unroute_all()
    tab.goto(f"{server.address}nothing")
    tab.mouse.move(0, 0)
    assert page.errors == []


@pytest.fixture
def fresh(context: BrowserContext) -> Iterator[Explorer]:
    """A page of one test alone, by day, for scripts that would stay in it."""
    page = Explorer(context.new_page())
    page.page.emulate_media(color_scheme="light")
    yield page
    assert page.errors == []


@pytest.fixture
def demo(explorer: Explorer, serve: Callable[[Files], str], files: Files) -> Explorer:
    """The demo's VAE, opened."""
    return explorer.open(serve(files), run="vae")


@pytest.fixture(scope="session")
def means(files: Files) -> np.ndarray:
    """The VAE's means as the bundle has them, N × 2."""
    entry = manifest(files)["runs"][1]["points"]["mu"]
    codes = np.frombuffer(files[entry["file"]], "<u2").reshape(-1, 2)
    low, high = np.array(entry["low"]), np.array(entry["high"])
    return low + (high - low) * codes / 65535
