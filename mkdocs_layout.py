"""What a narrow screen needs to know of tables and code: a Markdown extension of the site."""

from xml.etree.ElementTree import Element, SubElement

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

PROSE = 40
"""A table with a longer cell is read, not compared: a phone shows its cells one below the other."""
WORD = 32
"""Words of code that fit on a phone's line are not broken at their hyphens."""


class Layout(Extension):
    """Tables with sentences are marked, their cells have their column's title, words stay whole."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Markdown's own name for where an extension adds what it does."""
        md.treeprocessors.register(_Marks(md), "layout", 5)  # after "inline", which has 20


class _Marks(Treeprocessor):
    def run(self, root: Element) -> None:
        for table in root.iter("table"):
            titles = [_text(cell) for cell in table.iter("th")]
            rows = [row.findall("td") for row in table.iter("tr")]
            if any(len(_text(cell)) > PROSE for row in rows for cell in row):
                table.set("data-prose", "")  # not a class: the theme's tables have none
            for row in rows:
                for cell, title in zip(row, titles, strict=False):
                    cell.set("data-title", title)
        for code in list(root.iter("code")):
            words, code.text = (code.text or "").split(" "), ""
            for number, word in enumerate(words, 1):
                part = SubElement(code, "span", {"class": "word"} if len(word) <= WORD else {})
                part.text, part.tail = word, " " if number < len(words) else ""


def _text(cell: Element) -> str:
    return "".join(cell.itertext())
