"""axe-core in a page: what it finds against WCAG 2.1, levels A and AA."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")

RESTS = """() => new Promise((go) => {
  let waiting = setTimeout(go, 120);
  const again = () => { clearTimeout(waiting); waiting = setTimeout(go, 120); };
  new MutationObserver(again).observe(document, { subtree: true, childList: true });
  setTimeout(go, 3000);
})"""
"""Waits until nothing new has come into the page for a moment."""

RUN = """async ([within, tags]) => {
  const options = { runOnly: tags, resultTypes: ["violations"] };
  const { violations } = await axe.run(within ?? document, options);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 200)} ${failureSummary.replace(/\\s+/g, " ")}`));
}"""


def violations(page: Page, within: str | None = None) -> list[str]:
    """Each rule that an element breaks, with the element; ``within``: a selector of a part."""
    if not page.evaluate("'axe' in window"):
        assert SOURCE.is_file(), f"{SOURCE} must exist, got no file. Fix: npm ci in web/"
        page.evaluate(SOURCE.read_text(encoding="utf-8"))
    page.evaluate(RESTS)
    found: list[str] = page.evaluate(RUN, [within, list(TAGS)])
    return found
