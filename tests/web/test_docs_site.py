"""The documentation's site in a browser: it asks nobody else, and fits a screen and a phone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, but for what the tutorials print."""
    folder = tmp_path_factory.mktemp("docs")
    words = ["-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "REPARAM_DOCS_EXECUTE": "0"}
    subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True)
    return folder


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_ask_nobody_else_and_fit(chromium: Browser, site: Path, width: int) -> None:
    asked: list[str] = []
    wide = {}
    page = chromium.new_page(viewport={"width": width, "height": 860})
    page.on("request", lambda request: asked.append(request.url))
    for file in sorted(site.rglob("*.html")):
        if file.name == "404.html":  # for a server's root
            continue
        page.goto(file.as_uri())
        wide[file.name] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.close()
    assert len(wide) > 50
    assert {name: by for name, by in wide.items() if by > 0} == {}
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
