"""The documentation's site in a browser: it asks nobody else, fits a screen and a phone, and has
nothing that a reader should not see.
"""

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


LOOK = r"""() => {
  const found = [], page = document.querySelector("article");
  const scrolls = e =>
    e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const right = e => {
    const box = e.getBoundingClientRect();
    return box.left + Math.max(box.width, e.scrollWidth); // of what is in it, too
  };
  let level = 0;
  for (const heading of page.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (heading.tagName[1] > level + 1) found.push("heading: " + heading.textContent);
    level = +heading.tagName[1];
  }
  for (const image of document.images)
    if (!image.naturalWidth || !image.alt) found.push("image: " + image.src);
  for (const e of page.querySelectorAll("p, li, td, dd, pre, table, img, h1, h2, h3, h4"))
    if (right(e) > innerWidth + 1 && !scrolls(e))
      found.push("cut off: " + e.textContent.slice(0, 60));
  const text = page.cloneNode(true);
  text.querySelectorAll("pre, code").forEach(e => e.remove());
  const words = text.textContent;
  const written = /(:::|\*\*|`|!!!|\]\(|\{[:.#]|\| *---|<\/?\w+>|:\w+:).{0,30}/g;
  for (const { 0: rest, index } of words.matchAll(written))
    found.push("not rendered: " + words.slice(Math.max(0, index - 30), index) + rest);
  return found;
}"""
"""What a reader should not find: titles out of order, pictures that are missing or have no words,
what runs off the screen and cannot be scrolled, Markdown as it is written."""


def test_what_a_reader_should_not_find_is_found(chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 860})
    page.set_content(
        "<article><h1>a</h1><h3>b</h3><img src='no.png'><p>a **bold** name"
        f"<p style='white-space: nowrap'>{'word ' * 100}</article>"
    )
    found = [line.split(":")[0] for line in page.evaluate(LOOK)]
    page.close()
    assert sorted(found) == ["cut off", "heading", "image", "not rendered"]


def test_pages_ask_nobody_else_and_fit(chromium: Browser, site: Path) -> None:
    """On a screen and on a phone."""
    asked: list[str] = []
    wide, found = {}, {}
    page = chromium.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for file in sorted(site.rglob("*.html")):
        if file.name == "404.html":  # for a server's root
            continue
        page.goto(file.as_uri())
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 860})
            name = f"{file.relative_to(site).as_posix()}, {width} px"
            wide[name] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found[name] = page.evaluate(LOOK)
    page.close()
    assert len(wide) > 100
    assert {name: by for name, by in wide.items() if by > 0} == {}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
